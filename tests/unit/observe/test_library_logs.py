"""Libraries say nothing below a warning, however they were set."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from penstock.observe.library_logs import quieten_libraries

SPOKEN = ["botocore.auth", "botocore.endpoint", "urllib3.connectionpool", "google.auth", "httpx", "httpcore.http11"]


@pytest.fixture(autouse=True)
def _levels() -> Iterator[None]:
    root = logging.getLogger()
    names = ["botocore", "urllib3", "google", "httpx", "httpcore"]
    before = {name: logging.getLogger(name).level for name in names}, root.level
    yield
    root.setLevel(before[1])
    for name, level in before[0].items():
        logging.getLogger(name).setLevel(level)


@pytest.mark.parametrize("level", [logging.DEBUG, logging.INFO, logging.WARNING])
def test_libraries_are_quiet_at_every_level(level: int) -> None:
    logging.getLogger().setLevel(level)
    logging.getLogger("httpx").setLevel(level)
    quieten_libraries()
    assert [name for name in SPOKEN if logging.getLogger(name).isEnabledFor(logging.INFO)] == []
    assert all(logging.getLogger(name).isEnabledFor(logging.WARNING) for name in SPOKEN)


def test_a_level_that_says_less_stays() -> None:
    logging.getLogger("botocore").setLevel(logging.CRITICAL)
    quieten_libraries()
    assert logging.getLogger("botocore").level == logging.CRITICAL
