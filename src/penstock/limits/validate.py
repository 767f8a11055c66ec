"""What ``usage_limits`` and ``rate_limits`` of a definition must be, in the form that Portkey's clients write.

A definition comes from the admin API or from a file; its members are JSON values. All problems are found at once, each
with its path, such as ``rate_limits[1].unit``. A limit's id follows from its owner, its kind and its window's unit, so
an edited limit keeps its counters, and another kind begins anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec

from penstock.core.did_you_mean import hint
from penstock.core.money import LARGEST, NANOS, nanos_from_dollars
from penstock.core.rfc3339 import unix_microseconds
from penstock.limits.limit import STATUSES, Kind, Level, Limit, UnknownPrice
from penstock.limits.windows import (
    RATE_UNITS,
    CalendarWindow,
    RateWindow,
    Unit,
    WeekStart,
    at_midnight,
    rate_window,
    seconds_of,
)

_OF_USAGE: Final = (
    *("type", "credit_limit", "alert_threshold", "periodic_reset", "periodic_reset_days", "penstock_window"),
    *("next_usage_reset_at", "strict", "unknown_price", "token_price", "exceeded_status"),
)
_OF_RATE: Final = ("type", "unit", "penstock_window", "value", "window", "strict", "exceeded_status")
_USAGE_TYPES: Final[tuple[Kind, ...]] = ("cost", "tokens", "requests")
_RATE_TYPES: Final[tuple[Kind, ...]] = ("requests", "tokens")
_RESETS: Final[dict[str, Unit]] = {
    "daily": "day", "weekly": "week", "monthly": "month", "quarterly": "quarter", "yearly": "year",
}  # fmt: skip
_WINDOWS: Final = ("periodic_reset", "periodic_reset_days", "penstock_window")
"""What says when a budget begins anew: one of them."""
_SHORTEST_BUDGET: Final = 3600
"""Seconds: each window of a budget leaves a row."""
_UNKNOWN_PRICES: Final[tuple[UnknownPrice, ...]] = ("reject", "tokens", "allow")
_MOST_DAYS: Final = 365
_MOST_LIMITS: Final = 100
"""Items of one array: there are a dozen limits that differ in kind and window."""
_MOST_PROBLEMS: Final = 100
"""Problems from which on unknown members are not looked up any more: each is compared with all known ones."""
_LARGEST_COUNT: Final = 2**53 - 1
"""The largest number of tokens or requests: JSON's clients and Redis hold it exactly."""


class Problem(msgspec.Struct, frozen=True):
    """What is wrong at one place: ``path`` such as ``usage_limits.credit_limit``, ``text`` without an end."""

    path: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}: {self.text}"


class LimitOwner(msgspec.Struct, frozen=True):
    """Whose limits are read. ``created_at`` (microseconds since 1970) is the anchor of windows of N days.
    ``week_starts`` is what the operator says (None: each level's own day), ``largest_cost`` what the store of the
    counters holds exactly, in nanodollars."""

    level: Level
    id: str
    created_at: int = 0
    week_starts: WeekStart | None = None
    largest_cost: int = LARGEST

    @property
    def week_start(self) -> WeekStart:
        """On which day a week begins (docs/limits.md#windows)."""
        return self.week_starts or ("monday" if self.level == "policy" else "sunday")


class Reading:
    """The limits of one owner, as they are read. They may be put in force only if ``problems`` stays empty;
    ``warnings`` name what is allowed but hardly meant. ``is_stored``: an earlier release has taken them, so that what
    is only of no use is no problem: without its policy a budget would not be held any more."""

    def __init__(self, owner: LimitOwner, *, is_stored: bool = False) -> None:
        self.owner = owner
        self.is_stored = is_stored
        self.limits: list[Limit] = []
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []

    def usage_limits(self, value: Any) -> None:
        """Read budgets: an object, or an array of such. Null and an empty array are none."""
        for members in self._definitions(value, "usage_limits", single=True):
            self._add(usage_limit(members), members.path)

    def rate_limits(self, value: Any) -> None:
        """Read rates: an array of objects. Null and an empty array are none. A value of 0 is no limit."""
        for members in self._definitions(value, "rate_limits", single=False):
            self._add(rate_limit(members), members.path)

    def concurrency_limit(self, value: Any) -> None:
        """Read how many requests may be under way at the same time: a whole number above 0, or null for any."""
        if value is None:
            return
        path = "concurrency_limit"
        if not _is_whole(value) or not 1 <= value <= _LARGEST_COUNT:
            self.problems.append(Problem(path, f"expected a whole number from 1 to {_LARGEST_COUNT}"))
            return
        owner = self.owner
        self._add(Limit(_id(owner, "concurrency"), owner.level, owner.id, "concurrency", value, None), path)

    def objects(self, items: Sequence[Any], path: str) -> Iterator[Members]:
        """The objects among the items of an array; any other item is a problem, and so is an array that is too long."""
        if len(items) > _MOST_LIMITS:
            self.problems.append(Problem(path, f"there are {len(items)}, and {_MOST_LIMITS} at most may be set"))
        for index, item in enumerate(items[:_MOST_LIMITS]):
            if isinstance(item, dict):
                yield Members(item, f"{path}[{index}]", self)
            else:
                self.problems.append(Problem(f"{path}[{index}]", "expected an object"))

    def _add(self, limit: Limit | None, place: str) -> None:
        """Add a limit that was read at a place, if there is one."""
        if limit is None:
            return
        if any(other.id == limit.id for other in self.limits):
            self.problems.append(Problem(place, "there is another limit of this type and unit: leave one of them out"))
        self.limits.append(limit)

    def _definitions(self, value: Any, path: str, *, single: bool) -> Iterator[Members]:
        """The objects of an array, or with ``single`` also an object that stands for an array of one."""
        if value is None:
            return
        if isinstance(value, dict) and single:
            yield Members(value, path, self)
        elif isinstance(value, list):
            yield from self.objects(value, path)
        else:
            self.problems.append(Problem(path, "expected an object" if single else "expected an array of objects"))


class Members:
    """One object that is read. A getter returns a value that can be used even where a problem was found."""

    def __init__(self, values: Mapping[str, Any], path: str, reading: Reading) -> None:
        self.values = values
        self.path = path
        self.reading = reading
        self.owner = reading.owner

    def complain(self, key: str, text: str) -> None:
        self.reading.problems.append(Problem(f"{self.path}.{key}", text))

    def warn(self, key: str, text: str) -> None:
        self.reading.warnings.append(Problem(f"{self.path}.{key}", text))

    def check(self, known: Sequence[str]) -> None:
        rest = f"there are {', '.join(known)}"
        for key in self.values:
            if key not in known:
                if len(self.reading.problems) >= _MOST_PROBLEMS:
                    return
                self.complain(key, f"unknown member: {hint(key, known, rest)}")

    def choice(self, key: str, choices: Sequence[Any], default: Any = None) -> Any:
        """One of some values; ``default`` where the member is absent or null, and a problem without a default."""
        value = self.values.get(key)
        if value is None and default is not None:
            return default
        if value in choices and not isinstance(value, bool):
            return choices[choices.index(value)]  # 429 of 429.0: a status is written into a head
        self.complain(key, f"{'missing: ' if value is None else ''}expected one of {', '.join(map(str, choices))}")
        return default if default is not None else choices[0]

    def switch(self, key: str) -> bool:
        value = self.values.get(key)
        if value is not None and not isinstance(value, bool):
            self.complain(key, "expected true or false")
        return value is True

    def amount(self, key: str, kind: Kind) -> int | None:
        """An amount above 0 in the limit's unit: nanodollars of dollars, or a whole number. None with a problem, or if
        the member is absent or null."""
        value = self.values.get(key)
        if value is None:
            return None
        try:
            amount = nanos_from_dollars(value) if kind == "cost" else _count(value)
        except ValueError as problem:
            self.complain(key, str(problem))
            return None
        most = self.owner.largest_cost if kind == "cost" else _LARGEST_COUNT
        if amount > most:
            shown = f"{most // NANOS} dollars" if kind == "cost" else str(most)
            self.complain(key, f"it is too large: the counters hold at most {shown} exactly")
            return None
        if amount <= 0:
            self.complain(key, "expected a number above 0")
            return None
        return amount


def usage_limit(members: Members, more: Sequence[str] = ()) -> Limit | None:
    """The budget of one object; None if it has a problem that leaves nothing to read. Members in ``more`` are read
    elsewhere."""
    members.check((*_OF_USAGE, *more))
    kind: Kind = members.choice("type", _USAGE_TYPES)
    amount = members.amount("credit_limit", kind)
    if members.values.get("credit_limit") is None:
        members.complain("credit_limit", "missing: a budget needs an amount")
    alert_at = members.amount("alert_threshold", kind)
    if alert_at is not None and amount is not None and alert_at >= amount:
        members.complain("alert_threshold", "expected less than credit_limit, in the same unit")
    strict = members.switch("strict")
    unknown_price: UnknownPrice = members.choice("unknown_price", _UNKNOWN_PRICES, "reject" if strict else "allow")
    token_price = _token_price(members, unknown_price)
    status = members.choice("exceeded_status", STATUSES, 0)
    window = _calendar_window(members)
    owner = members.owner
    if amount is None:
        return None
    return Limit(
        _id(owner, "usage", kind),
        owner.level,
        owner.id,
        kind,
        amount,
        window,
        alert_at=alert_at,
        strict=strict,
        unknown_price=unknown_price,
        token_price=token_price,
        exceeded_status=status,
    )


def rate_limit(members: Members, more: Sequence[str] = ()) -> Limit | None:
    """The rate of one object, as ``usage_limit`` reads a budget; None also for a value of 0."""
    members.check((*_OF_RATE, *more))
    kind: Kind = members.choice("type", _RATE_TYPES)
    unit, window = _rate_window(members)
    if members.choice("window", ("sliding", "fixed"), "sliding") == "fixed":
        window = msgspec.structs.replace(window, sliding=False)
    strict = members.switch("strict")
    status = members.choice("exceeded_status", STATUSES, 0)
    value = members.values.get("value")
    if value is None:
        members.complain("value", "missing: a rate needs a number")
        return None
    if _is_whole(value) and value == 0:
        members.warn("value", "0 is no limit: to refuse all requests, disable the key")
        return None
    amount = members.amount("value", kind)
    owner = members.owner
    if amount is None:
        return None
    return Limit(
        _id(owner, "rate", kind, unit),
        owner.level,
        owner.id,
        kind,
        amount,
        window,
        strict=strict,
        exceeded_status=status,
    )


def _rate_window(members: Members) -> tuple[str, RateWindow]:
    if members.values.get("penstock_window") is None:
        unit: str = members.choice("unit", tuple(RATE_UNITS))
        return unit, RATE_UNITS[unit]
    if members.values.get("unit") is not None:
        members.complain("penstock_window", "it excludes unit: leave one of them out")
    return rate_window(_length(members, 1))


def _length(members: Members, least: int) -> int:
    """The seconds of ``penstock_window``, which is there."""
    value = members.values["penstock_window"]
    seconds = seconds_of(value) if isinstance(value, str) else None
    if seconds is None or seconds < least:
        shortest = "one second" if least == 1 else "an hour"
        members.complain("penstock_window", f"expected a length such as 90m, 12h or 10d, from {shortest} to 366 days")
        return least
    return seconds


def _token_price(members: Members, unknown_price: UnknownPrice) -> int:
    """The price of a token of a model without a price: dollars for a million tokens, as picodollars for one."""
    value = members.values.get("token_price")
    if value is None:
        if unknown_price == "tokens":
            members.complain("token_price", "missing: dollars for a million tokens of a model without a price")
        return 0
    try:
        # Nanodollars for a million tokens are thousandths of picodollars for one.
        price = nanos_from_dollars(value) // 1000
    except ValueError as problem:
        members.complain("token_price", str(problem))
        return 0
    if price <= 0:
        members.complain("token_price", "expected a number above 0, in dollars for a million tokens")
    return price


def _calendar_window(members: Members) -> CalendarWindow:
    values, owner = members.values, members.owner
    moment = values.get("next_usage_reset_at")
    anchor = _moment(members, "next_usage_reset_at") if moment is not None else None
    reset, days, length = (values.get(key) for key in _WINDOWS)
    first, *others = [key for key in _WINDOWS if values.get(key) is not None] or [""]
    for other in others:
        members.complain(other, f"it excludes {first}: leave one of them out")
    if reset is not None:
        unit = _RESETS[members.choice("periodic_reset", tuple(_RESETS))]
        window = CalendarWindow(unit, owner.week_start)
        if anchor is not None and window.span(anchor)[0] != anchor:
            members.warn("next_usage_reset_at", f"{reset} windows follow the calendar in UTC: this time moves none")
        return window
    if days is not None:
        if not _is_whole(days) or not 1 <= days <= _MOST_DAYS:
            members.complain("periodic_reset_days", f"expected a whole number from 1 to {_MOST_DAYS}")
            days = 1
        return CalendarWindow("days", days=days, anchor=at_midnight(owner.created_at if anchor is None else anchor))
    if length is not None:
        begins = owner.created_at if anchor is None else anchor
        return CalendarWindow("seconds", anchor=begins, seconds=_length(members, _SHORTEST_BUDGET))
    if moment is not None:
        members.complain("next_usage_reset_at", f"of no use without one of {', '.join(_WINDOWS)}")
    return CalendarWindow()


def _moment(members: Members, key: str) -> int | None:
    """A time as ISO 8601 text, in microseconds since 1970; UTC unless it says otherwise."""
    try:
        return unix_microseconds(members.values[key])
    except ValueError as problem:
        members.complain(key, str(problem))
        return None


def _id(owner: LimitOwner, *parts: str) -> str:
    return "/".join((owner.level, owner.id, *parts))


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _count(value: Any) -> int:
    """A whole number, also as ``100.0``. Raises ValueError."""
    if _is_whole(value) or (isinstance(value, float | Decimal) and value == value // 1):
        return int(value)
    raise ValueError("expected a whole number")
