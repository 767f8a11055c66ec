"""Calendar windows in UTC, as pure functions of microseconds."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.limits.windows import DAY, LONGEST_SECONDS, RATE_UNITS, SECOND, CalendarWindow, Unit, at_midnight, iso

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
MOMENTS = st.integers(-(10**15), 4 * 10**15)
WINDOWS = st.one_of(
    st.sampled_from(
        [
            CalendarWindow("day"),
            CalendarWindow("week", "sunday"),
            CalendarWindow("week", "monday"),
            CalendarWindow("month"),
            CalendarWindow("quarter"),
            CalendarWindow("year"),
        ]
    ),
    st.builds(lambda days, anchor: CalendarWindow("days", days=days, anchor=anchor), st.integers(1, 365), MOMENTS),
    st.builds(
        lambda seconds, anchor: CalendarWindow("seconds", anchor=anchor, seconds=seconds),
        st.integers(3600, LONGEST_SECONDS),
        MOMENTS,
    ),
)


def micros(text: str) -> int:
    return (datetime.datetime.fromisoformat(text + "+00:00") - EPOCH) // datetime.timedelta(microseconds=1)


def spanned(window: CalendarWindow, moment: str) -> tuple[str, str]:
    start, end = window.span(micros(moment))
    assert end is not None
    return iso(start)[:10], iso(end)[:10]


@pytest.mark.parametrize(
    ("window", "moment", "span"),
    [
        (CalendarWindow("day"), "2026-03-29T23:59:59.999999", ("2026-03-29", "2026-03-30")),
        (CalendarWindow("week", "sunday"), "2026-01-03T23:00:00", ("2025-12-28", "2026-01-04")),
        (CalendarWindow("week", "sunday"), "2026-01-04T00:00:00", ("2026-01-04", "2026-01-11")),
        (CalendarWindow("week", "monday"), "2026-01-04T23:59:59", ("2025-12-29", "2026-01-05")),
        (CalendarWindow("week", "monday"), "2026-01-05T00:00:00", ("2026-01-05", "2026-01-12")),
        (CalendarWindow("month"), "2026-01-31T12:00:00", ("2026-01-01", "2026-02-01")),
        (CalendarWindow("month"), "2028-02-29T12:00:00", ("2028-02-01", "2028-03-01")),
        (CalendarWindow("month"), "2026-12-31T23:59:59", ("2026-12-01", "2027-01-01")),
        (CalendarWindow("month"), "0001-01-31T12:00:00", ("0001-01-01", "0001-02-01")),
        (CalendarWindow("quarter"), "2026-06-30T12:00:00", ("2026-04-01", "2026-07-01")),
        (CalendarWindow("quarter"), "2026-11-01T00:00:00", ("2026-10-01", "2027-01-01")),
        (CalendarWindow("year"), "2024-12-31T12:00:00", ("2024-01-01", "2025-01-01")),
        (
            CalendarWindow("days", days=10, anchor=micros("2026-01-05T00:00:00")),
            "2026-01-14T12:00:00",
            ("2026-01-05", "2026-01-15"),
        ),
        (
            CalendarWindow("days", days=10, anchor=micros("2026-01-05T00:00:00")),
            "2026-01-04T23:59:59",
            ("2025-12-26", "2026-01-05"),
        ),
    ],
)
def test_windows(window: CalendarWindow, moment: str, span: tuple[str, str]) -> None:
    assert spanned(window, moment) == span


@pytest.mark.parametrize("unit", ["day", "week", "month", "quarter", "year"])
def test_the_last_window_of_all_dates_ends_behind_them(unit: Unit) -> None:
    last = micros("9999-12-31T23:59:59")
    start, end = CalendarWindow(unit).span(last)
    assert start <= last
    assert end is not None
    assert end > last


@given(WINDOWS, MOMENTS)
def test_windows_follow_one_another_without_a_gap(window: CalendarWindow, now: int) -> None:
    start, end = window.span(now)
    assert end is not None
    assert start <= now < end
    assert window.span(start) == window.span(end - 1) == (start, end)
    assert window.span(end).start == end
    assert window.span(start - 1).end == start


@given(MOMENTS)
def test_a_lifetime_never_ends(now: int) -> None:
    assert CalendarWindow().span(now) == (0, None)


@given(MOMENTS)
def test_midnight(now: int) -> None:
    assert at_midnight(now) % DAY == 0
    assert 0 <= now - at_midnight(now) < DAY


def test_units_of_rates_are_whole_sub_buckets() -> None:
    for window in RATE_UNITS.values():
        assert window.length % window.step == 0
        assert window.length // window.step >= 40
    assert [RATE_UNITS[unit].length // SECOND for unit in ("rps", "rpm", "rph", "rpd", "rpw")] == [
        1, 60, 3600, 86_400, 604_800,
    ]  # fmt: skip
