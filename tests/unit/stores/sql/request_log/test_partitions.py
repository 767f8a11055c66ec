"""Months."""

from hypothesis import given
from hypothesis import strategies as st

from penstock.stores.sql.request_log.partitions import bounds, month_of


@given(st.integers(0, 4_000_000_000_000_000))
def test_a_moment_is_within_its_month_and_months_follow_each_other(at: int) -> None:
    month = month_of(at)
    first, end = bounds(month)
    assert first <= at < end
    assert month_of(first) == month
    assert month_of(end - 1) == month
    assert bounds(month_of(end))[0] == end


def test_a_year_ends_in_december() -> None:
    assert month_of(bounds((2026, 12))[1]) == (2027, 1)
