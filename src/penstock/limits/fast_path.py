"""The short way through the limits of one owner, for requests far from any limit.

The counters are found once and kept; a request then compares and adds integers. All limits have room, or nothing is
taken and the general way (admission.py) decides. What was taken can be handed over to the general way at any moment.
Strict limits and limits with a bucket for each value (policies) have no short way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

import msgspec

from penstock.limits.applied import Applied
from penstock.limits.counters import Alert, Hold, Reserved, Standing
from penstock.limits.limit import BucketKey, Limit
from penstock.limits.windows import CalendarWindow

Quantities = tuple[int, int, int, int, int]
"""What a request takes in each unit: nanodollars, all tokens, tokens of the prompt, tokens of the answer, requests."""
_COST, _TOKENS, _INPUT, _OUTPUT, _REQUESTS = range(5)
_TOKEN_UNITS: Final = {"all": _TOKENS, "input": _INPUT, "output": _OUTPUT}
_ALWAYS: Final = 1 << 63
"""Later than any moment."""


class Slot(msgspec.Struct, frozen=True, eq=False):
    """One limit with its counter. ``unit`` is the place of the limit's amount among ``Quantities``. ``is_watched``: the
    limit has an alert below its cap."""

    applied: Applied
    limit: Limit
    key: BucketKey
    counter: Any
    cap: int
    unit: int
    is_budget: bool
    is_rate: bool
    is_watched: bool


class FastHold(msgspec.Struct, eq=False):
    """What one request holds. ``marks`` are what the counters' ``take`` returned. ``request`` is the request's id."""

    request: str
    slots: tuple[Slot, ...]
    quantities: Quantities
    marks: list[object]
    standings: Reserved
    since: int
    is_open: bool = True

    def holds(self) -> list[Hold]:
        """The same as the general way holds it."""
        quantities = self.quantities
        return [Hold(slot.key, slot.limit, quantities[slot.unit], slot.applied.value_key) for slot in self.slots]


class FastStore(Protocol):
    """What finds the counters of fast paths. ``generation`` changes when counters have to be found anew."""

    generation: int

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
        self._slots: tuple[Slot, ...] = ()
        self._from = self._until = 0
        """The moments between which the buckets are the same."""

    def reserve(self, request: str, quantities: Quantities) -> FastHold | None:
        """Take what a request needs of all limits; None if the general way has to decide, and nothing is taken."""
        moment = 0 if self._until == _ALWAYS else self._moment()
        if self._generation != self._store.generation or not self._from <= moment < self._until:
            self._find(self._moment())
        slots, now = self._slots, self._clock()
        for slot in slots:
            if not slot.counter.fits(quantities[slot.unit], slot.cap, now):
                return None
        if not slots:
            return None
        marks: list[object] = [None] * len(slots)
        standings: Reserved = ()
        for number, slot in enumerate(slots):
            counter = slot.counter
            marks[number] = counter.take(quantities[slot.unit], now)
            counter.holds += 1
            if slot.is_rate:
                standings += (Standing(slot.limit, counter.used, counter.resets_in(now)),)
        hold = FastHold(request, slots, quantities, marks, standings, now)
        if self._watcher is not None:
            self._watcher.begun(hold)
        return hold

    def settle(self, hold: FastHold, actual: Quantities) -> tuple[Alert, ...]:
        """Charge what the request took. A second call does nothing."""
        if not hold.is_open:
            return ()
        hold.is_open = False
        held, marks, has_alerts = hold.quantities, hold.marks, False
        for number, slot in enumerate(hold.slots):
            reserved, charged, counter = held[slot.unit], actual[slot.unit], slot.counter
            counter.holds -= 1
            if slot.is_budget:
                counter.reserved -= reserved
                counter.settled += charged
                if charged > reserved or slot.is_watched or counter.settled >= slot.cap:
                    has_alerts = True
            elif charged != reserved or not slot.is_rate:
                counter.settle(marks[number], reserved, charged)
        if self._watcher is not None:
            self._watcher.settled(hold, actual)
        return self._store.alerts_of(hold, actual) if has_alerts else ()

    def hand_over(self, hold: FastHold) -> None:
        """Give an open hold to the general way."""
        hold.is_open = False
        self._store.adopt(hold)
        if self._watcher is not None:
            self._watcher.handed_over(hold)

    def _find(self, moment: int) -> None:
        """Find the counters of the buckets at a moment. Without one of them there is no slot at all."""
        self._slots = ()
        self._generation = self._store.generation
        self._from, self._until = -_ALWAYS, _ALWAYS
        slots: list[Slot] = []
        for applied in self._limits:
            limit, key = applied.limit, applied.key_at(moment)
            if isinstance(limit.window, CalendarWindow):
                start, end = limit.window.span(moment)
                self._from = max(self._from, start)
                self._until = min(self._until, _ALWAYS if end is None else end)
            found = self._store.find(applied, key)
            if found is None:
                return
            counter, cap = found
            is_watched = limit.alert_at is not None
            slots.append(
                Slot(applied, limit, key, counter, cap, _unit(limit), limit.is_budget, limit.is_rate, is_watched)
            )
        self._slots = tuple(slots)


def has_fast_path(limits: Sequence[Applied]) -> bool:
    """Whether limits are of the kinds that have a fast path."""
    return bool(limits) and not any(applied.limit.strict or applied.limit.is_grouped for applied in limits)


def quantities(cost: int, tokens_in: int, tokens_out: int) -> Quantities:
    return cost, tokens_in + tokens_out, tokens_in, tokens_out, 1


def _unit(limit: Limit) -> int:
    if limit.kind == "cost":
        return _COST
    return _TOKEN_UNITS[limit.direction] if limit.kind == "tokens" else _REQUESTS
