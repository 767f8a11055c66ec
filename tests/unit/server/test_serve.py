"""Running in one process: what is set up before the first caller."""

import gc
import logging
from collections.abc import Iterator

import pytest

from penstock.observe.messages import StderrHandler
from penstock.server.serve import calm_the_collector, log_to_stderr, tls
from penstock.settings.model import Settings


@pytest.fixture
def loggers() -> Iterator[tuple[logging.Logger, logging.Logger]]:
    """The root and the gateway's own logger, as they were before once the test is over."""
    root, own = logging.getLogger(), logging.getLogger("penstock")
    before = root.handlers[:], root.level, own.level
    yield root, own
    root.handlers[:], root.level, own.level = before


@pytest.mark.parametrize(
    ("level", "of_libraries"), [("debug", "WARNING"), ("info", "WARNING"), ("error", "ERROR"), ("critical", "CRITICAL")]
)
def test_libraries_say_no_more_than_warnings(
    level: str, of_libraries: str, loggers: tuple[logging.Logger, logging.Logger]
) -> None:
    log_to_stderr(level)
    root, own = loggers
    assert [type(handler) for handler in root.handlers] == [StderrHandler]
    assert (logging.getLevelName(root.level), logging.getLevelName(own.level)) == (of_libraries, level.upper())


def test_what_is_there_at_the_start_is_not_looked_at_by_the_collector() -> None:
    before, frozen = gc.get_threshold(), gc.get_freeze_count()
    try:
        calm_the_collector()
        assert gc.get_freeze_count() > frozen
        assert gc.get_threshold()[0] > before[0]
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)


def test_plain_http_has_no_context() -> None:
    assert tls(Settings()) is None
