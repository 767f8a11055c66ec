"""Limits of other gateways, whose windows have any length, as Penstock's budgets and rates (docs/limits.md#windows)."""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

from penstock.importers.imported import Body, dollars
from penstock.importers.report import Report

_HOUR: Final = 3600
_DAY: Final = 86_400
_MONTH: Final = 30 * _DAY
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": _DAY, "w": 7 * _DAY, "mo": _MONTH, "q": 3 * _MONTH, "y": 365 * _DAY}
_WORDS: Final = {
    "second": "s", "minute": "m", "hour": "h", "day": "d", "week": "w", "month": "mo", "quarter": "q", "year": "y",
    "hourly": "h", "daily": "d", "weekly": "w", "monthly": "mo", "quarterly": "q", "yearly": "y", "annual": "y",
}  # fmt: skip
_RESETS: Final = {"d": "daily", "w": "weekly", "mo": "monthly", "q": "quarterly", "y": "yearly"}
"""Windows of one unit."""
_RATES: Final = {"rpw": 7 * _DAY, "rpd": _DAY, "rph": 3600, "rpm": 60, "rps": 1}
_MOST_DAYS: Final = 365
_LONGEST: Final = 366 * _DAY
"""Seconds of the longest window of a rate."""
_LARGEST_COUNT: Final = 2**53 - 1
_SPAN: Final = re.compile(r"\s*(\d{0,9})\s*([A-Za-z]+)\s*")


class Span(NamedTuple):
    """A length of time: ``number`` of a unit, one of s, m, h, d, w, mo (a calendar month), q, y."""

    number: int
    unit: str

    @property
    def seconds(self) -> int:
        return self.number * _UNITS[self.unit]

    @property
    def text(self) -> str:
        """The length as ``penstock_window``, where it is one of seconds to weeks."""
        return f"{self.number}{self.unit}"


_SAME: Final = {Span(3, "mo"): Span(1, "q"), Span(12, "mo"): Span(1, "y"), Span(4, "q"): Span(1, "y")}


class Converted(NamedTuple):
    """A limit as a member of a body, None where there is none; ``remark`` is the difference, empty where there is none.
    ``needs_consent``: it allows more than the source does at some moment."""

    members: dict[str, Any] | None
    remark: str = ""
    needs_consent: bool = False


def litellm_span(text: str) -> Span | None:
    """LiteLLM's duration: ``30s``, ``12h``, ``7d``, ``1mo``, ``monthly``. ``30d`` is a calendar month there
    (docs/import.md#budgets). None for a text that is none."""
    span = _span(text, {**_WORDS, "w": "w", "mo": "mo"})
    return Span(1, "mo") if span == Span(30, "d") else span


def bifrost_span(text: str) -> Span | None:
    """Bifrost's duration: ``30s``, ``5m``, ``1h``, ``1d``, ``1w``, ``1M``, ``1Q``, ``1Y``. None for a text that is
    none."""
    return _span(text, {"M": "mo", "Q": "q", "Y": "y", "w": "w"})


def _span(text: str, units: dict[str, str]) -> Span | None:
    found = _SPAN.fullmatch(text)
    if found is None:
        return None
    name = found[2]
    unit = units.get(name) or {"s": "s", "m": "m", "h": "h", "d": "d"}.get(name) or units.get(name.lower().rstrip("s"))
    count = int(found[1] or 1)
    return None if unit is None or count == 0 else _largest_unit(Span(count, unit))


def _largest_unit(span: Span) -> Span:
    """The same length in days or weeks where it is a whole number of them."""
    if span in _SAME:
        return _SAME[span]
    if span.unit in {"s", "m", "h", "d", "w"}:
        if span.seconds == _UNITS["w"]:
            return Span(1, "w")
        if span.seconds % _DAY == 0 and span.unit != "w":
            return Span(span.seconds // _DAY, "d")
    return span


def budget(amount: float, span: Span | None, *, kind: str = "cost") -> Converted:
    """A budget; ``span`` is after how long it begins anew, None for never. Dollars, or tokens."""
    value = dollars(amount) if kind == "cost" else min(int(amount), _LARGEST_COUNT)
    if value is None:
        return Converted(None, "it is more than 9.2 billion dollars, beyond what Penstock counts", True)
    if value == 0:
        return Converted(None, "0 allows nothing: the key or the provider is disabled in its place")
    members: dict[str, Any] = {"type": kind, "credit_limit": value}
    if span is None:
        return Converted(members)
    reset = _RESETS.get(span.unit) if span.number == 1 else None
    if reset is not None:
        remark = "weeks begin on Sunday" if reset == "weekly" else ""
        return Converted({**members, "periodic_reset": reset}, remark)
    days = span.seconds // _DAY
    if span.seconds < _HOUR:
        factor = _HOUR / span.seconds
        larger = budget(amount * factor, Span(1, "h"), kind=kind)
        return Converted(larger.members, f"budgets are reset hourly at most: {factor:g} times as much an hour", True)
    if span.unit in {"s", "m", "h"} and days <= _MOST_DAYS:
        return Converted({**members, "penstock_window": span.text})
    if days > _MOST_DAYS:
        return Converted(members, "windows end at a year: it is never reset")
    remark = "" if span.unit in {"d", "w"} else f"it is reset every {days} days"
    return Converted({**members, "periodic_reset_days": days}, remark)


def rate(kind: str, amount: float, span: Span) -> Converted:
    """A rate of ``requests`` or ``tokens``."""
    value = int(amount)
    if value > _LARGEST_COUNT:
        return Converted(None, "it is so large that it limits nothing")
    if value == 0:
        return Converted(None, "0 allows nothing: the key or the provider is disabled in its place")
    seconds = span.seconds
    for unit, length in _RATES.items():
        if length == seconds:
            return Converted({"type": kind, "unit": unit, "value": value})
    if seconds > _LONGEST:
        share = max(1, value * _RATES["rpw"] // seconds)
        return Converted(
            {"type": kind, "unit": "rpw", "value": share}, f"windows end at 366 days: {share} a week", True
        )
    text = span.text if span.unit in {"s", "m", "h", "d", "w"} else f"{seconds // _DAY}d"
    remark = "" if text == span.text else f"its window has {seconds // _DAY} days"
    return Converted({"type": kind, "penstock_window": text, "value": value}, remark)


def report_limit(report: Report, path: str, converted: Converted, text: str, remark: str = "") -> Body | None:
    """The members of a limit, after a line on what became of it."""
    remark = "; ".join(filter(None, (remark, converted.remark)))
    if converted.members is None:
        report.lost(path, remark, needs_consent=True)
    elif remark:
        report.near(path, f"{text}: {remark}", needs_consent=converted.needs_consent)
    else:
        report.exact(path, text)
    return converted.members
