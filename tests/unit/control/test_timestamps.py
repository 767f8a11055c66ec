"""Times as texts and as microseconds since 1970."""

from hypothesis import given
from hypothesis import strategies as st

from penstock.control.timestamps import as_text
from penstock.core.rfc3339 import unix_microseconds

BEGINNING, END = unix_microseconds("0001-01-01T00:00:00Z"), unix_microseconds("9999-12-31T23:59:59.999999Z")


def test_times_are_iso_8601_in_utc_with_milliseconds() -> None:
    assert as_text(0) == "1970-01-01T00:00:00.000Z"
    assert as_text(1_795_923_064_123_456) == "2026-11-29T03:31:04.123Z"
    assert as_text(BEGINNING) == "0001-01-01T00:00:00.000Z"
    assert as_text(None) is None


@given(st.integers(BEGINNING, END))
def test_a_text_is_read_back(moment: int) -> None:
    assert unix_microseconds(as_text(moment)) == moment // 1000 * 1000
