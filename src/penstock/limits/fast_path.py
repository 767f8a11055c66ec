"""The short way through the limits of one owner, for requests far from any limit.

The counters are found once and kept; a request then compares and adds integers. All limits have room, or nothing is
taken and the general way (admission.py) decides. What was taken can be handed over to the general way at any moment.
Strict limits, fixed windows and limits with a bucket for each value (policies) have no short way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

import msgspec

from penstock.limits.applied import Applied
from penstock.limits.counters import Alert, Hold, Reserved, Standing
from penstock.limits.limit import BucketKey, Limit
from penstock.limits.refusal import BESIDE_A_PROVIDERS, duration, rate_headers
from penstock.limits.slices import Slice
from penstock.limits.windows import CalendarWindow, RateWindow

Quantities = tuple[int, int, int, int, int]
"""What a request takes in each unit: nanodollars, all tokens, tokens of the prompt, tokens of the answer, requests."""
_COST, _TOKENS, _INPUT, _OUTPUT, _REQUESTS = range(5)
_TOKEN_UNITS: Final = {"all": _TOKENS, "input": _INPUT, "output": _OUTPUT}
ALWAYS: Final = 1 << 63
"""Later than any moment."""
_Header = tuple[bytes, bytes]


class Slot(msgspec.Struct, frozen=True, eq=False):
    """One limit with its counter. ``unit`` is the place of the limit's amount among ``Quantities``."""

    applied: Applied
    limit: Limit
    key: BucketKey
    counter: Any
    cap: int
    unit: int


class Slots:
    """All limits of a fast path with their counters, budgets apart: as values, and as what the loops of a request need,
    tuples. ``charged`` are the buckets of budgets in dollars, ``slices`` the counters that are slices, and
    ``open_slices`` those of them that the end of a request changes. ``told`` are the headers about rates if there is at
    most one of each kind: which of ``others``, its cap, its headers, of which the second lacks its value."""

    __slots__ = ("budget_loop", "budgets", "charged", "open_slices", "other_loop", "others", "slices", "told")

    def __init__(self, slots: Sequence[Slot]) -> None:
        self.budgets = tuple([slot for slot in slots if slot.limit.is_budget])
        self.others = tuple([slot for slot in slots if not slot.limit.is_budget])
        self.slices = tuple([slot.counter for slot in slots if isinstance(slot.counter, Slice)])
        self.open_slices = tuple([part for part in self.slices if not part.counts_at_once])
        self.charged = tuple([slot.key for slot in self.budgets if slot.limit.kind == "cost"])
        self.budget_loop = tuple([(slot.counter, slot.unit, slot.cap, _first_line(slot)) for slot in self.budgets])
        """Counter, unit, cap, and from which settled amount on there may be an alert."""
        self.other_loop = tuple([(slot.counter, slot.unit, slot.cap, slot.limit.is_rate) for slot in self.others])
        self.told = self._told()

    def _told(self) -> tuple[tuple[int, int, _Header, bytes, _Header], ...] | None:
        headers: list[tuple[int, int, _Header, bytes, _Header]] = []
        for kind, limit, remaining, reset in BESIDE_A_PROVIDERS:
            for number, slot in enumerate(self.others):
                window = slot.limit.window
                if slot.limit.kind == kind and isinstance(window, RateWindow):
                    # Something was taken just now, so the window is empty after its whole length.
                    headers.append(
                        (
                            number,
                            slot.limit.cap,
                            (limit, b"%d" % slot.limit.cap),
                            remaining,
                            (reset, duration(window.length).encode()),
                        )
                    )
        kinds = {self.others[each[0]].limit.kind for each in headers}
        return tuple(headers) if len(kinds) == len(headers) else None


class FastHold:
    """What one request holds, filled by ``FastPath.reserve``. ``used`` says how full the counters of ``slots.others``
    were then, ``marks`` are what their ``take`` returned. ``request`` is the request's id."""

    __slots__ = ("is_open", "marks", "quantities", "request", "since", "slots", "used")

    request: str
    slots: Slots
    quantities: Quantities
    marks: tuple[object, ...]
    used: tuple[int, ...]
    since: int
    is_open: bool

    def items(self) -> list[tuple[Slot, int, object]]:
        """Each limit with the amount and the mark of what is held."""
        slots, amounts = self.slots, self.quantities
        items: list[tuple[Slot, int, object]] = [(slot, amounts[slot.unit], None) for slot in slots.budgets]
        return items + [(slot, amounts[slot.unit], mark) for slot, mark in zip(slots.others, self.marks, strict=True)]

    def holds(self) -> list[Hold]:
        """The same as the general way holds it."""
        return [Hold(slot.key, slot.limit, amount, slot.applied.value_key) for slot, amount, _ in self.items()]

    def standings(self) -> Reserved:
        """How the rates stood when the request was let through."""
        return tuple(
            Standing(slot.limit, used, slot.limit.window.length)
            for slot, used in zip(self.slots.others, self.used, strict=True)
            if isinstance(slot.limit.window, RateWindow)
        )

    def headers(self) -> list[_Header]:
        """The standings as headers, beside those of a provider."""
        standings, used = self.slots.told, self.used
        if standings is None:
            return [*rate_headers(self.standings(), BESIDE_A_PROVIDERS)]
        headers: list[_Header] = []
        for number, cap, limit, remaining, reset in standings:
            left = cap - used[number]
            headers += (limit, (remaining, b"%d" % (left if left > 0 else 0)), reset)
        return headers


class FastStore(Protocol):
    """What finds the counters of fast paths. ``generation`` changes when counters have to be found anew.
    ``good_until`` is when they may no longer be used, by the clock of the path."""

    generation: int
    good_until: int

    def find(self, applied: Applied, key: BucketKey) -> tuple[Any, int] | None:
        """The counter of a bucket (``reservations.Counter``, or one that answers as it does), and the most that it may
        hold; None if there is none now."""
        ...

    def alerts_of(self, hold: FastHold, actual: Quantities) -> tuple[Alert, ...]:
        """The alerts that are due after the counters of a hold were settled."""
        ...

    def adopt(self, hold: FastHold) -> None:
        """Keep a hold as a reservation of the general way: the hold's request, attempt 1."""
        ...


class FastWatcher(Protocol):
    """Hears of what fast paths take."""

    def begun(self, hold: FastHold) -> None: ...

    def settled(self, hold: FastHold, actual: Quantities) -> None: ...

    def handed_over(self, hold: FastHold) -> None: ...


class FastCounters(Protocol):
    """Counters that have fast paths."""

    def fast_path(self, limits: Sequence[Applied], moment: Callable[[], int]) -> FastPath | None:
        """The fast path through some limits; None if these have none. ``moment`` gives microseconds since 1970."""
        ...


class FastPath:
    """The fast path through the limits of one owner. ``clock`` gives microseconds that never step back, ``moment``
    microseconds since 1970, which choose the windows of budgets."""

    __slots__ = ("_clock", "_from", "_generation", "_limits", "_moment", "_slots", "_store", "_until", "_watcher")

    def __init__(
        self,
        store: FastStore,
        limits: Sequence[Applied],
        clock: Callable[[], int],
        moment: Callable[[], int],
        watcher: FastWatcher | None = None,
    ) -> None:
        self._store = store
        self._watcher = watcher
        self._limits = tuple(limits)
        self._clock = clock
        self._moment = moment
        self._generation = -1
        self._slots: Slots | None = None
        self._from = self._until = 0
        """The moments between which the buckets are the same."""

    def reserve(self, hold: FastHold, request: str, quantities: Quantities) -> bool:
        """Take what a request needs of all limits into a new hold. False if the general way has to decide: then nothing
        is taken."""
        slots = self._current()
        if slots is None:
            return False
        budgets, others = slots.budget_loop, slots.other_loop
        for counter, unit, cap, _ in budgets:
            settled = counter.settled
            if settled >= cap or settled + counter.reserved + quantities[unit] > cap:
                return False
        hold.since = now = self._clock()
        if now >= self._store.good_until:
            return False
        for counter, unit, cap, _ in others:
            if not counter.fits(quantities[unit], cap, now):
                return False
        marks: tuple[object, ...] = ()
        used: tuple[int, ...] = ()
        for counter, unit, _, _ in others:
            marks += (counter.take(quantities[unit], now),)
            counter.holds += 1
            used += (counter.used,)
        for counter, unit, _, _ in budgets:
            counter.reserved += quantities[unit]
            counter.holds += 1
        hold.request, hold.slots, hold.quantities, hold.marks, hold.used = request, slots, quantities, marks, used
        hold.is_open = True
        if self._watcher is not None:
            self._watcher.begun(hold)
        return True

    def settle(self, hold: FastHold, actual: Quantities) -> tuple[Alert, ...]:
        """Charge what the request took. A second call does nothing."""
        if not hold.is_open:
            return ()
        hold.is_open = False
        slots, held, has_alerts = hold.slots, hold.quantities, False
        for counter, unit, _, line in slots.budget_loop:
            reserved, charged = held[unit], actual[unit]
            counter.holds -= 1
            counter.reserved -= reserved
            counter.settled = settled = counter.settled + charged
            if charged > reserved or settled >= line:
                has_alerts = True
        for number, (counter, unit, _, is_rate) in enumerate(slots.other_loop):
            counter.holds -= 1
            reserved, charged = held[unit], actual[unit]
            if reserved != charged or not is_rate:
                counter.settle(hold.marks[number], reserved, charged)
        if self._watcher is not None:
            self._watcher.settled(hold, actual)
        return self._store.alerts_of(hold, actual) if has_alerts else ()

    def hand_over(self, hold: FastHold) -> None:
        """Give an open hold to the general way."""
        hold.is_open = False
        self._store.adopt(hold)
        if self._watcher is not None:
            self._watcher.handed_over(hold)

    def _current(self) -> Slots | None:
        """The counters of the buckets of now. None if one of them has none."""
        if self._until != ALWAYS:
            moment = self._moment()
            if not self._from <= moment < self._until:
                self._slots = self._found(moment)
        if self._generation != self._store.generation:
            self._slots = self._found(self._moment())
        return self._slots

    def _found(self, moment: int) -> Slots | None:
        self._generation = self._store.generation
        self._from, self._until = -ALWAYS, ALWAYS
        slots: list[Slot] = []
        for applied in self._limits:
            limit, key = applied.limit, applied.key_at(moment)
            if isinstance(limit.window, CalendarWindow):
                start, end = limit.window.span(moment)
                self._from = max(self._from, start)
                self._until = min(self._until, ALWAYS if end is None else end)
            found = self._store.find(applied, key)
            if found is None:
                return None
            counter, cap = found
            slots.append(Slot(applied, limit, key, counter, cap, _unit(limit)))
        return Slots(slots)


def has_fast_path(limits: Sequence[Applied]) -> bool:
    """Whether limits are of the kinds that have a fast path."""
    return bool(limits) and all(_is_simple(applied.limit) for applied in limits)


def _is_simple(limit: Limit) -> bool:
    is_fixed = isinstance(limit.window, RateWindow) and not limit.window.sliding
    return not (limit.strict or limit.is_grouped or is_fixed)


def _unit(limit: Limit) -> int:
    if limit.kind == "cost":
        return _COST
    return _TOKEN_UNITS[limit.direction] if limit.kind == "tokens" else _REQUESTS


def _first_line(slot: Slot) -> int:
    """From which settled amount on a budget may have an alert."""
    alert_at = slot.limit.alert_at
    return slot.limit.cap if alert_at is None else min(alert_at, slot.limit.cap)
