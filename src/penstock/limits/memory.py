"""Counters in this process's memory, for one event loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from penstock.limits.applied import Applied
from penstock.limits.counters import Alert, BucketUsage, Exceeded, Hold, ReservationId, Reserved
from penstock.limits.fast_path import FastPath, FastWatcher, has_fast_path
from penstock.limits.limit import Amounts, BucketKey, Limit
from penstock.limits.reservations import MOST_VALUES, Reservations


class MemoryCounters:
    """``Counters`` of one process, and its ``ImmediateCounters``. No call waits, so each is one step for all tasks of
    the event loop.

    ``clock`` gives microseconds that never step back; fixed windows begin at its multiples. Every so often ``forget``
    has to be called, or past windows stay in memory.
    """

    __slots__ = ("_clock", "reservations")

    def __init__(self, clock: Callable[[], int], most_values: int = MOST_VALUES) -> None:
        self._clock = clock
        self.reservations = Reservations(most_values)

    def reserve_at_once(self, reservation: ReservationId, holds: Sequence[Hold]) -> Reserved | Exceeded:
        return self.reservations.reserve(reservation, holds, self._clock())

    def settle_at_once(self, reservation: ReservationId, actual: Amounts, holds: Sequence[Hold]) -> tuple[Alert, ...]:
        return self.reservations.settle(reservation, actual, holds)

    def release_at_once(self, reservation: ReservationId) -> None:
        self.reservations.release(reservation)

    def fast_path(
        self, limits: Sequence[Applied], moment: Callable[[], int], watcher: FastWatcher | None = None
    ) -> FastPath | None:
        """The fast path through some limits (``FastCounters``); None if these have none."""
        return FastPath(self.reservations, limits, self._clock, moment, watcher) if has_fast_path(limits) else None

    async def reserve(self, reservation: ReservationId, holds: Sequence[Hold]) -> Reserved | Exceeded:
        return self.reservations.reserve(reservation, holds, self._clock())

    async def extend(self, reservation: ReservationId, holds: Sequence[Hold]) -> Reserved | Exceeded:
        return self.reservations.extend(reservation, holds, self._clock())

    async def shrink(self, reservation: ReservationId, keys: Sequence[BucketKey]) -> None:
        self.reservations.shrink(reservation, keys)

    async def settle(self, reservation: ReservationId, actual: Amounts, holds: Sequence[Hold]) -> tuple[Alert, ...]:
        return self.reservations.settle(reservation, actual, holds)

    async def release(self, reservation: ReservationId) -> None:
        self.reservations.release(reservation)

    async def lose(self, older_than: int) -> tuple[Alert, ...]:
        return self.reservations.lose(older_than, self._clock())

    async def usage(self, key: BucketKey) -> BucketUsage:
        return self.reservations.usage(key)

    async def open_balance(self, key: BucketKey, limit: Limit, settled: int) -> int:
        return self.reservations.open_balance(key, limit, settled)

    def forget(self, ended_before: int, most: int = 1000) -> int:
        """Drop up to ``most`` counters that nobody needs: those at their beginning, and budgets whose window ended
        before a moment (microseconds since 1970). Returns how many were dropped."""
        return self.reservations.forget(self._clock(), ended_before, most)

    def sweep(self, ended_before: int) -> bool:
        """``forget`` some, in a turn of the event loop: whether others are to be looked at in further ones."""
        self.forget(ended_before)
        return not self.reservations.is_swept
