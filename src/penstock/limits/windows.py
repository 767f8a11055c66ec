"""Windows of time: calendar windows of budgets, and the windows over which rates are counted. Pure arithmetic.

Times are microseconds since 1970 in UTC. A calendar window begins and ends at 00:00 UTC: daylight saving time moves
nothing. A week begins on Sunday or on Monday.
"""

from __future__ import annotations

import datetime
import re
from typing import Final, Literal, NamedTuple

import msgspec

from penstock.core.rfc3339 import EPOCH, MICROSECOND

SECOND: Final = 1_000_000
DAY: Final = 86_400 * SECOND
_EPOCH_ORDINAL: Final = EPOCH.toordinal()
_MONTHS: Final = {"month": 1, "quarter": 3, "year": 12}

WeekStart = Literal["sunday", "monday"]
Unit = Literal["lifetime", "day", "week", "month", "quarter", "year", "days", "seconds"]


class Span(NamedTuple):
    """One window: from ``start``, included, to ``end``, excluded; both in microseconds. ``end`` is also the next reset,
    and None for a window that never ends."""

    start: int
    end: int | None


class CalendarWindow(msgspec.Struct, frozen=True, tag="calendar"):
    """The window of a budget. ``days`` and ``anchor`` belong to the unit ``days``: a window of that many days begins at
    the anchor (microseconds), and others follow and precede without a gap. So do ``seconds`` of the unit of that
    name."""

    unit: Unit = "lifetime"
    week_start: WeekStart = "sunday"
    days: int = 0
    anchor: int = 0
    seconds: int = 0

    def span(self, now: int) -> Span:
        """The window that a moment falls into. A lifetime is one window from 1970 on."""
        match self.unit:
            case "lifetime":
                return Span(0, None)
            case "day":
                return _every(DAY, 0, now)
            case "week":
                # 1970 began on a Thursday: three days after a Monday, four after a Sunday.
                return _every(7 * DAY, (-4 if self.week_start == "sunday" else -3) * DAY, now)
            case "days":
                return _every(self.days * DAY, self.anchor, now)
            case "seconds":
                return _every(self.seconds * SECOND, self.anchor, now)
            case _:
                return _months(_MONTHS[self.unit], now)


class RateWindow(msgspec.Struct, frozen=True, tag="rate"):
    """The window of a rate: ``length`` microseconds. A sliding window is counted in sub-buckets of ``step``
    microseconds; a fixed one begins at multiples of its length."""

    length: int
    step: int
    sliding: bool = True


_SUB_BUCKETS: Final = {"rps": (1, 40), "rpm": (60, 60), "rph": (3600, 60), "rpd": (86_400, 96), "rpw": (604_800, 84)}
"""Seconds of a window, and its sub-buckets. Capacity comes back up to one sub-bucket late, so a window of 40 admits at
least 97 % of its value in the long run."""

RATE_UNITS: Final = {
    unit: RateWindow(seconds * SECOND, seconds * SECOND // parts) for unit, (seconds, parts) in _SUB_BUCKETS.items()
}
"""The windows of the units that rate limits are written in: requests or tokens per second, minute, hour, day, week."""


_PARTS: Final = 50
"""Sub-buckets of a rate's window of any other length: they divide a second."""
_LENGTHS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_LENGTH: Final = re.compile(r"([1-9][0-9]{0,8})([smhdw])")
LONGEST_SECONDS: Final = 366 * 86_400


def seconds_of(text: str) -> int | None:
    """The length of a window such as ``30s``, ``5m``, ``12h``, ``10d``, ``2w``; None for any other text, and for one
    above 366 days."""
    found = _LENGTH.fullmatch(text)
    seconds = 0 if found is None else int(found[1]) * _LENGTHS[found[2]]
    return seconds if 0 < seconds <= LONGEST_SECONDS else None


def rate_window(seconds: int) -> tuple[str, RateWindow]:
    """The window of a rate of any length, and its name: its unit where there is one."""
    for unit, window in RATE_UNITS.items():
        if window.length == seconds * SECOND:
            return unit, window
    return f"{seconds}s", RateWindow(seconds * SECOND, seconds * SECOND // _PARTS)


def at_midnight(moment: int) -> int:
    """The last 00:00 UTC that is not after a moment."""
    return moment - moment % DAY


def iso(moment: int) -> str:
    """A moment as text, to the second: ``2026-02-01T00:00:00Z``."""
    return (EPOCH + moment * MICROSECOND).isoformat(timespec="seconds").replace("+00:00", "Z")


def _every(length: int, anchor: int, now: int) -> Span:
    start = now - (now - anchor) % length
    return Span(start, start + length)


def _months(number: int, now: int) -> Span:
    """The window of so many months, counted from January, in which a moment falls."""
    date = datetime.date.fromordinal(_EPOCH_ORDINAL + now // DAY)
    month = (date.month - 1) // number * number
    return Span(_first_of(date.year, month), _first_of(date.year, month + number))


def _first_of(year: int, month: int) -> int:
    """The first moment of a month, counted from 0; month 12 is January of the year after, which no date holds after
    9999."""
    is_next_year = month == 12
    day = datetime.date(year, 12, 31) if is_next_year else datetime.date(year, month + 1, 1)
    return (day.toordinal() + is_next_year - _EPOCH_ORDINAL) * DAY
