"""Reservations of which a store has loaded only what one step concerns.

The step runs as in memory, and is written back. So a store that reads and writes rows in one transaction decides
nothing itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from penstock.limits.budgets import Bucket
from penstock.limits.counters import Alert, ReservationId
from penstock.limits.limit import BucketKey, Limit
from penstock.limits.rates import FixedWindow, Part, RateCounter, SlidingWindow, SubBucket, rate_counter
from penstock.limits.reservations import MOST_VALUES, Counter, Item, Open, Reservations


class CounterState(msgspec.Struct, frozen=True):
    """A counter as rows: ``settled`` of a budget, ``reserved`` of a budget or of concurrency, ``parts`` of a window."""

    settled: int = 0
    reserved: int = 0
    alert_state: int = 0
    parts: tuple[Part, ...] = ()


def counter_of(limit: Limit, key: BucketKey, state: CounterState) -> Bucket | RateCounter:
    """The counter that a store has kept as rows."""
    if limit.is_budget:
        bucket = Bucket(limit.window_end(key.window_start))
        bucket.settled, bucket.reserved, bucket.alert_state = state.settled, state.reserved, state.alert_state
        return bucket
    counter = rate_counter(limit)
    if isinstance(counter, SlidingWindow | FixedWindow):
        counter.restore(state.parts)
    else:
        counter.used = state.reserved
    return counter


def state_of(counter: Counter) -> CounterState:
    """What a store keeps of a counter."""
    if isinstance(counter, Bucket):
        return CounterState(counter.settled, counter.reserved, counter.alert_state)
    if isinstance(counter, SlidingWindow | FixedWindow):
        return CounterState(parts=tuple(counter.parts()))
    return CounterState(reserved=counter.used)


class KeptItem(msgspec.Struct, frozen=True):
    """What a reservation holds in one counter, as a row. ``counter`` is the counter's key: the overflow's, if there was
    no room for another value. ``mark`` is the number of a window's part."""

    key: BucketKey
    counter: BucketKey
    limit: Limit
    amount: int
    mark: int | None = None
    charged: int = 0


class PartialReservations(Reservations):
    """``know_…`` tells what a store has loaded, before the step; after it the store reads what there is to write."""

    def __init__(self, most_values: int = MOST_VALUES) -> None:
        super().__init__(most_values)
        self.loaded: dict[BucketKey, CounterState] = {}

    def knows(self, key: BucketKey) -> bool:
        return key in self.loaded

    def know_counter(self, limit: Limit, key: BucketKey, state: CounterState) -> None:
        self.loaded[key] = state
        self._counters[key] = counter_of(limit, key, state)

    def know_values(self, key: BucketKey, count: int) -> None:
        """How many counters the limit of a key has in the key's window."""
        self._values.know(key, count)

    def know_closed(self, reservation: ReservationId) -> None:
        self._remember(reservation)

    def know_open(self, reservation: ReservationId, items: Iterable[KeptItem]) -> None:
        self._open[reservation] = Open(0, [self._item(item) for item in items])

    def know_lost(self, reservation: ReservationId, items: Iterable[KeptItem]) -> None:
        self._lost.put(reservation, [self._item(item) for item in items])

    def items_of(self, reservation: ReservationId) -> list[KeptItem]:
        """What a reservation holds that is open, or lost."""
        opened = self._open.get(reservation)
        items = opened.items if opened is not None else self._lost.get(reservation) or []
        names = {id(counter): key for key, counter in self._counters.items()}
        return [
            KeptItem(item.key, names[id(item.counter)], item.limit, item.amount, _number(item.mark), item.charged)
            for item in items
        ]

    def changed(self) -> Mapping[BucketKey, CounterState]:
        """The counters that the step has changed or made."""
        states = {key: state_of(counter) for key, counter in self._counters.items()}
        return {key: state for key, state in states.items() if state != self.loaded.get(key)}

    def take_alerts(self) -> tuple[Alert, ...]:
        """The alerts that no call has returned yet."""
        return self._raised()

    def lose_all(self) -> Sequence[Alert]:
        """Lose what is open, however long it has been."""
        return self.lose(-1, 0)

    def _item(self, kept: KeptItem) -> Item:
        counter = self._counters[kept.counter]
        mark: object = kept.mark
        if kept.mark is not None and isinstance(counter, SlidingWindow | FixedWindow):
            mark = counter.mark(kept.mark)
        return Item(kept.key, kept.limit, kept.amount, counter, mark, kept.charged)


def _number(mark: object) -> int | None:
    if isinstance(mark, SubBucket):
        return mark.number
    return mark if isinstance(mark, int) else None
