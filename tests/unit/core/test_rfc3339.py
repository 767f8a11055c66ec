"""Times as wires write them, in seconds since 1970."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from penstock.core.rfc3339 import unix_seconds


@pytest.fixture(autouse=True)
def _far_from_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The machine's own time zone changes nothing."""
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:00:07Z", 7),
        ("1970-01-01T00:00:07.999999999Z", 7),
        ("1970-01-01T05:45:07+05:45", 7),
        ("1970-01-01T00:00:07", 7),
        ("1969-12-31T23:59:59Z", 0),
        ("0001-01-01T00:00:00", 0),
        ("9999-12-31T23:59:59-23:59", 253402387139),
        ("", 0),
        ("soon", 0),
        ("\ud800", 0),
        (7, 0),
        (None, 0),
    ],
)
def test_seconds(text: object, seconds: int) -> None:
    assert unix_seconds(text) == seconds
