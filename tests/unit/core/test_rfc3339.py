"""Times as texts, in seconds and in microseconds since 1970."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime

import pytest

from penstock.core.rfc3339 import EPOCH, MICROSECOND, unix_microseconds, unix_seconds


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


@pytest.mark.parametrize("text", ["2026-11-29T04:31:04.5+01:00", "2026-11-29T03:31:04.5Z", "2026-11-29 03:31:04.500"])
def test_any_offset_is_read(text: str) -> None:
    assert unix_microseconds(text) == 1_795_923_064_500_000


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "9999-12-31T22:59:59-01:00"])
def test_the_years_1_to_9999_are_read(text: str) -> None:
    assert EPOCH + unix_microseconds(text) * MICROSECOND == datetime.fromisoformat(text)


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01"])
def test_a_time_that_its_offset_moves_out_of_all_dates_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a time"):
        unix_microseconds(text)


@pytest.mark.parametrize(
    "text", ["", "tomorrow", "2026-13-01T00:00:00Z", "\ud800", None, 5, [], "9999-12-31T23:59:59-23:59x"]
)
def test_what_is_no_time_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="expected a time"):
        unix_microseconds(text)
