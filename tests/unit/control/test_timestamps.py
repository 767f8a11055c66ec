"""Times as texts and as microseconds since 1970."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.control.timestamps import as_text, parse


def test_times_are_iso_8601_in_utc_with_milliseconds() -> None:
    assert as_text(0) == "1970-01-01T00:00:00.000Z"
    assert as_text(1_795_923_064_123_456) == "2026-11-29T03:31:04.123Z"
    assert as_text(None) is None


@pytest.mark.parametrize("text", ["2026-11-29T04:31:04.5+01:00", "2026-11-29T03:31:04.5Z", "2026-11-29 03:31:04.500"])
def test_any_offset_is_read(text: str) -> None:
    assert parse(text) == 1_795_923_064_500_000


@given(st.integers(0, 2**52))
def test_a_text_is_read_back(moment: int) -> None:
    assert parse(as_text(moment)) == moment // 1000 * 1000


@pytest.mark.parametrize("text", ["", "tomorrow", "2026-13-01T00:00:00Z", None, 5, "9999-12-31T23:59:59-23:59x"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a time"):
        parse(text)
