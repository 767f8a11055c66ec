"""Reservations over counters of every kind: all of a call's holds fit, or nothing is taken.

Arithmetic without I/O: the clock is passed in, and nothing waits between the test and the taking. So one event loop
needs no lock. Bounds: counters of one limit by ``MOST_VALUES``, closed reservations by ``_REMEMBERED``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from penstock.core.lru import Lru
from penstock.limits.applied import Applied
from penstock.limits.budgets import ALERTED, QUIET, Bucket
from penstock.limits.counters import Alert, BucketUsage, Exceeded, Hold, ReservationId, Reserved, Standing
from penstock.limits.fast_path import ALWAYS, FastHold, Quantities
from penstock.limits.limit import NOTHING, Amounts, BucketKey, Limit, charged
from penstock.limits.policy import LiveValues
from penstock.limits.rates import RateCounter, rate_counter
from penstock.limits.tightest import standings_of, tightest

MOST_VALUES: Final = 100_000
"""Buckets of one limit in one window: further values share one bucket."""
_REMEMBERED: Final = 50_000
"""Closed reservations that are known for certain; a second settle comes soon after the first, if ever."""
_LOST: Final = 10_000
"""Lost reservations whose late settle is a correction."""

Counter = Bucket | RateCounter


class Item(msgspec.Struct, gc=False):
    """What a reservation holds in one counter. ``key`` is the caller's, even where the counter is the overflow's.
    ``mark`` is what the counter's ``take`` returned: None for budgets and concurrency. ``charged`` is what was charged
    when the reservation was lost."""

    key: BucketKey
    limit: Limit
    amount: int
    counter: Any
    mark: object = None
    charged: int = 0


class Open(msgspec.Struct, gc=False):
    """An open reservation, and when it was opened. ``holds`` are all that was reserved, in the caller's own sequence;
    None once the reservation has been changed."""

    since: int
    items: list[Item]
    holds: Sequence[Hold] | None = None


class Reservations:
    """All counters and open reservations of one process. ``now`` is in microseconds of a clock that never steps back.

    The methods are those of ``Counters`` (counters.py), which says what they mean.
    """

    def __init__(self, most_values: int = MOST_VALUES) -> None:
        self._counters: dict[BucketKey, Counter] = {}
        self._open: dict[ReservationId, Open] = {}
        self._lost: Lru[ReservationId, list[Item]] = Lru(_LOST)
        self._closed: set[ReservationId] = set()
        self._closed_before: set[ReservationId] = set()
        self._values = LiveValues(most_values)
        self._unswept: list[BucketKey] = []
        self._alerts: list[Alert] = []
        self.good_until = ALWAYS
        self.generation = 0
        """Changes when counters were dropped: who has kept a counter has to look it up again."""
        self.opening_balances: dict[BucketKey, int] = {}
        """What was settled in budgets by an earlier process, until somebody asks for their buckets."""

    @property
    def open_count(self) -> int:
        """Reservations that are open."""
        return len(self._open)

    @property
    def counter_count(self) -> int:
        """Counters in memory."""
        return len(self._counters)

    @property
    def is_swept(self) -> bool:
        """Whether ``forget`` has looked at all counters that there were when it began."""
        return not self._unswept

    def reserve(self, reservation: ReservationId, holds: Sequence[Hold], now: int) -> Reserved | Exceeded:
        if reservation in self._open:
            return self._standings(holds, now)
        if reservation in self._closed or reservation in self._closed_before:
            raise ValueError("the reservation is closed: a new attempt needs a number of its own")
        items: list[Item] = []
        if not self._fit(holds, now, items):
            return self._exceeded(holds, now)
        self._open[reservation] = Open(now, items, holds)
        return _taken(items, now)

    def extend(self, reservation: ReservationId, holds: Sequence[Hold], now: int) -> Reserved | Exceeded:
        opened = self._open.get(reservation)
        if opened is None:
            raise ValueError("only an open reservation can be extended")
        held = {item.key: item for item in opened.items}
        more: list[Item] = []
        if not self._fit(holds, now, more, held):
            return self._exceeded(holds, now)
        opened.holds = None
        standings = _taken(more, now)
        for item in more:
            earlier = held.get(item.key)
            if earlier is None:
                opened.items.append(item)
            else:
                # The mark stays that of the first amount: a correction has then left the window before the rest.
                earlier.amount += item.amount
                item.counter.holds -= 1
        return standings

    def shrink(self, reservation: ReservationId, keys: Sequence[BucketKey]) -> None:
        opened = self._open.get(reservation)
        if opened is None:
            return
        opened.holds = None
        kept: list[Item] = []
        for item in opened.items:
            if item.key in keys:
                self._close(item, NOTHING)
            else:
                kept.append(item)
        opened.items = kept

    def settle(self, reservation: ReservationId, actual: Amounts, holds: Sequence[Hold]) -> tuple[Alert, ...]:
        opened = self._open.pop(reservation, None)
        if opened is None:
            self._settle_closed(reservation, actual, holds)
        else:
            self._remember(reservation)
            for item in opened.items:
                amount = self._close(item, actual)
                if isinstance(item.counter, Bucket):
                    self._raise_alerts(item.limit, item.key, item.counter, amount - item.amount)
            if holds is not opened.holds:
                keys = {item.key for item in opened.items}
                self._charge_unknown(actual, [hold for hold in holds if hold.key not in keys])
        return self._raised() if self._alerts else ()

    def release(self, reservation: ReservationId) -> None:
        opened = self._open.pop(reservation, None)
        if opened is not None:
            self._remember(reservation)
            for item in opened.items:
                self._close(item, NOTHING)

    def lose(self, older_than: int, now: int) -> tuple[Alert, ...]:
        # A dict keeps the order in which reservations were opened.
        lost: list[ReservationId] = []
        for reservation, opened in self._open.items():
            if opened.since >= now - older_than:
                break
            lost.append(reservation)
        for reservation in lost:
            items = self._open.pop(reservation).items
            for item in items:
                self._lose(item)
            self._lost.put(reservation, items)
        return self._raised()

    def usage(self, key: BucketKey) -> BucketUsage:
        counter = self._counters.get(key)
        if counter is None:
            return BucketUsage(self.opening_balances.get(key, 0), 0)
        return BucketUsage(counter.settled, counter.reserved) if isinstance(counter, Bucket) else BucketUsage(0, 0)

    def open_balance(self, key: BucketKey, limit: Limit, settled: int) -> int:
        counter = self._counters.get(key) or self._make(Hold(key, limit, 0))
        if not isinstance(counter, Bucket):
            raise TypeError("only a budget has a balance")
        before, counter.settled = counter.settled, settled
        counter.alert_state = QUIET
        counter.alert(limit.alert_at, limit.cap)
        return before

    def forget(self, now: int, ended_before: int, most: int = 1000) -> int:
        """Drop counters that are at their beginning, and budgets whose window ended before a moment (microseconds since
        1970), if nobody holds them. Looks at up to ``most`` counters, the next ones with the next call.

        Returns how many were dropped.
        """
        if not self._unswept:
            self._unswept = list(self._counters)
        dropped = 0
        for _ in range(min(most, len(self._unswept))):
            key = self._unswept.pop()
            counter = self._counters.get(key)
            if counter is not None and _is_over(counter, now, ended_before):
                del self._counters[key]
                self._values.forget(key)
                dropped += 1
        if dropped:
            self.generation += 1
        return dropped

    def find(self, applied: Applied, key: BucketKey) -> tuple[Counter, int]:
        """The counter of a bucket and the most that it may hold, for fast paths (fast_path.py)."""
        return self._counters.get(key) or self._make(Hold(key, applied.limit, 0, applied.value_key)), applied.limit.cap

    def adopt(self, hold: FastHold) -> None:
        """Keep what a fast path holds as a reservation like any other."""
        items = [Item(slot.key, slot.limit, amount, slot.counter, mark) for slot, amount, mark in hold.items()]
        self._open[(hold.request, 1)] = Open(hold.since, items)

    def alerts_of(self, hold: FastHold, actual: Quantities) -> tuple[Alert, ...]:
        """The alerts that are due after a fast path has settled a hold."""
        for slot in hold.slots.budgets:
            overrun = actual[slot.unit] - hold.quantities[slot.unit]
            self._raise_alerts(slot.limit, slot.key, slot.counter, overrun)
        return self._raised()

    def _fit(
        self, holds: Sequence[Hold], now: int, items: list[Item], held: Mapping[BucketKey, Item] | None = None
    ) -> bool:
        """Whether all holds fit. What is to be taken for them is added to ``items``. What the reservation holds already
        is extended where it is ``held``, be it in an overflow that has room again."""
        counters = self._counters
        for hold in holds:
            key, limit, amount = hold.key, hold.limit, hold.amount
            if held and key in held:
                counter: Counter = held[key].counter
            else:
                counter = counters.get(key) or self._make(hold)
            if not counter.fits(amount, limit.cap, now):
                return False
            items.append(Item(key, limit, amount, counter))
        return True

    def _close(self, item: Item, actual: Amounts) -> int:
        """Settle one item. Returns the amount that was charged."""
        counter, reserved = item.counter, item.amount
        amount = charged(item.limit, reserved, actual)
        counter.settle(item.mark, reserved, amount)
        counter.holds -= 1
        return amount

    def _lose(self, item: Item) -> None:
        """Close an item without news of what it took."""
        counter = item.counter
        counter.holds -= 1
        item.charged = 0 if isinstance(counter, Bucket) and item.limit.on_loss == "release" else item.amount
        counter.settle(item.mark, item.amount, item.charged)
        if isinstance(counter, Bucket):
            self._raise_alerts(item.limit, item.key, counter, 0)

    def _settle_closed(self, reservation: ReservationId, actual: Amounts, holds: Sequence[Hold]) -> None:
        if reservation in self._closed or reservation in self._closed_before:
            return
        self._remember(reservation)
        items = self._lost.get(reservation)
        if items is None:
            self._charge_unknown(actual, holds)
        else:
            self._lost.drop(reservation)
            self._correct(actual, items)
            keys = {item.key for item in items}
            self._charge_unknown(actual, [hold for hold in holds if hold.key not in keys])

    def _charge_unknown(self, actual: Amounts, holds: Sequence[Hold]) -> None:
        """Charge budgets in which nothing is known to be reserved."""
        for key, hold in {hold.key: hold for hold in holds}.items():
            counter = self._counters.get(key) or self._make(hold)
            if isinstance(counter, Bucket):
                counter.settle(None, 0, charged(hold.limit, hold.amount, actual))
                self._raise_alerts(hold.limit, key, counter, 0)

    def _correct(self, actual: Amounts, items: Sequence[Item]) -> None:
        """Charge what a lost reservation took beyond its estimate, or give back what it didn't take."""
        for item in items:
            counter = item.counter
            if isinstance(counter, Bucket):
                counter.settle(None, 0, charged(item.limit, item.amount, actual) - item.charged)
                self._raise_alerts(item.limit, item.key, counter, 0)

    def _make(self, hold: Hold) -> Counter:
        """The counter of a bucket that isn't known yet: a new one, or the overflow's."""
        limit, key = hold.limit, hold.key
        if limit.is_grouped and not self._values.admit(key):
            overflow = self._values.overflow(key)
            if overflow in self._counters:
                return self._counters[overflow]
            self._alerts.append(Alert("overflow", limit, key))
            key = overflow
        counter: Counter = Bucket(limit.window_end(key.window_start)) if limit.is_budget else rate_counter(limit)
        if isinstance(counter, Bucket) and key in self.opening_balances:
            counter.settled = self.opening_balances.pop(key)
            counter.alert(limit.alert_at, limit.cap)
        self._counters[key] = counter
        return counter

    def _exceeded(self, holds: Sequence[Hold], now: int) -> Exceeded:
        counters: list[tuple[Hold, Counter]] = []
        for hold in holds:
            counter = self._counters.get(hold.key) or self._make(hold)
            if hold.key not in self._counters:
                hold = Hold(self._values.overflow(hold.key), hold.limit, hold.amount, "overflow")
            counters.append((hold, counter))
        return tightest(counters, self._standings(holds, now), now)

    def _standings(self, holds: Sequence[Hold], now: int) -> Reserved:
        counters = self._counters
        return standings_of(((hold, counters.get(hold.key) or self._make(hold)) for hold in holds), now)

    def _raise_alerts(self, limit: Limit, key: BucketKey, bucket: Bucket, overrun: int) -> None:
        if overrun > 0:
            self._alerts.append(Alert("overrun", limit, key, overrun))
        if bucket.settled >= limit.cap or limit.alert_at is not None:
            due = bucket.alert(limit.alert_at, limit.cap)
            if due:
                self._alerts.append(Alert("threshold" if due == ALERTED else "exhausted", limit, key, bucket.settled))

    def _raised(self) -> tuple[Alert, ...]:
        """The alerts since the last call; an overflow is told with the settlement after it."""
        alerts, self._alerts = tuple(self._alerts), []
        return alerts

    def _remember(self, reservation: ReservationId) -> None:
        if len(self._closed) >= _REMEMBERED:
            self._closed_before, self._closed = self._closed, set()
        self._closed.add(reservation)


def _taken(items: Sequence[Item], now: int) -> Reserved:
    """Take what fits. Returns how the rates among the counters stand then."""
    standings: Reserved = ()
    for item in items:
        counter = item.counter
        item.mark = counter.take(item.amount, now)
        counter.holds += 1
        if item.mark is not None:
            standings += (Standing(item.limit, counter.used, counter.resets_in(now)),)
    return standings


def _is_over(counter: Counter, now: int, ended_before: int) -> bool:
    if isinstance(counter, Bucket):
        has_ended = counter.ends is not None and counter.ends < ended_before
        return not counter.holds and (has_ended or counter.is_idle(now))
    return counter.is_idle(now)
