"""Counters in a store that others share, of which this worker leases slices: far from a limit no request asks the store
(docs/limits.md#slices).

A lease is a reservation of the store like any other: it is taken all or none, kept in an outage, and lost with its
worker. It is renewed before its life ends, and ended when nobody needs it. A request whose limits have no slice with
room asks the store.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, Final

from penstock.background import Background
from penstock.limits.applied import Applied
from penstock.limits.counters import (
    Alert,
    BucketUsage,
    Counters,
    CountersUnavailable,
    Exceeded,
    Hold,
    ReservationId,
    Reserved,
    answered,
)
from penstock.limits.fast_path import FastHold, FastPath, Quantities
from penstock.limits.limit import NOTHING, Amounts, BucketKey, Limit, charged
from penstock.limits.slices import LIFE, Slice, has_slices, lease_id, leased, spent_of
from penstock.limits.windows import SECOND
from penstock.stores.slice_record import SliceRecord
from penstock.stores.sql.ids import random_id
from penstock.stores.stored_counters import LostCharge, tell_nobody

_TICK: Final = 0.4
"""Seconds between two looks at all slices: less than half of a slice's life."""
_BETWEEN_LOOKS: Final = round(_TICK * SECOND)
_MOST: Final = 2000
"""Buckets of which slices are leased at most, by one worker."""
_BETWEEN: Final = 10
"""Looks between two looks for what killed workers have left."""
_IDLE: Final = 5
"""Looks without a request after which a bucket is forgotten."""


class _Leased:
    """A bucket, its slice and the lease in force. ``left`` is what the store said last that is left of a rate."""

    __slots__ = (
        "amount",
        "idle",
        "is_dry",
        "is_stale",
        "key",
        "lease",
        "left",
        "limit",
        "number",
        "row",
        "slice",
        "value_key",
    )

    def __init__(self, applied: Applied, key: BucketKey, record: SliceRecord) -> None:
        self.limit: Limit = applied.limit
        self.key = key
        self.value_key = applied.value_key
        self.lease: ReservationId | None = None
        self.number = 0
        """The number of the lease in its name."""
        self.amount = 0
        self.left = 0
        self.idle = 0
        self.is_dry = False
        """Whether too little was left of the limit at the last look."""
        self.is_stale = False
        """Whether the limit was changed since."""
        self.row = record.row(self.hold(0))
        self.slice = Slice(applied.limit, self.row.spent_and_held)

    def hold(self, amount: int) -> Hold:
        return Hold(self.key, leased(self.limit), amount, self.value_key)


class LeasedCounters:
    """``Counters`` over a store, with ``fast_path`` (``FastCounters``). ``clock`` gives microseconds that never step
    back; ``alerted`` gets the alerts of what leases were charged. Slices are leased between ``start`` and ``stop``.
    ``folder`` is for the record of what is spent, which other workers of this host read when this one was killed; None
    for no record."""

    def __init__(
        self,
        store: Counters,
        clock: Callable[[], int],
        alerted: Callable[[Sequence[Alert]], None],
        folder: Path | None = None,
    ) -> None:
        self.generation = 0
        self._store = store
        self._clock = clock
        self._alerted = alerted
        self._buckets: dict[BucketKey, _Leased] = {}
        self.good_until = 0
        """Until when slices may be spent."""
        self._adopted: dict[ReservationId, FastHold] = {}
        """What fast paths took of slices, and the general way goes on with."""
        self._worker = random_id()
        self._leases = itertools.count(1)
        self._record = SliceRecord(folder, self._worker, _MOST)
        self.told_lost: Callable[[Sequence[LostCharge]], None] = tell_nobody
        """Gets what requests of killed workers held of leases, and is charged."""
        self._is_running = False
        self._looking = asyncio.Lock()
        self._short = asyncio.Event()
        """Set when a slice has run out before the next look at all of them."""
        self._look: asyncio.Task[None] | None = None
        self._task = Background("the slices of limits", self._run)

    def start(self) -> None:
        self._is_running = True
        self._record.open()
        self._task.start()

    async def stop(self) -> None:
        """Give all slices back, but for what requests under way hold."""
        self._is_running = False
        self.good_until = 0
        await self._task.stop()
        await self.look()
        if not any(bucket.lease for bucket in self._buckets.values()):
            self._record.close()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + _TICK
        for number in itertools.count():
            if number % _BETWEEN == 0:
                await self.charge_left()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(until):
                    while await self._short.wait():
                        self._short.clear()
                        await self._carried_out(self.look_early())
            until = loop.time() + _TICK
            await self._carried_out(self.look())

    async def _carried_out(self, look: Coroutine[Any, Any, None]) -> None:
        """A look that has begun is carried out, also when the gateway stops: else nobody knew what is leased."""
        self._look = asyncio.get_running_loop().create_task(look)
        await asyncio.shield(self._look)

    # Fast paths (``FastCounters``, ``FastStore``).

    def fast_path(self, limits: Sequence[Applied], moment: Callable[[], int]) -> FastPath | None:
        if not limits or not all(has_slices(applied.limit) for applied in limits):
            return None
        return FastPath(self, limits, self._clock, moment, self)

    def find(self, applied: Applied, key: BucketKey) -> tuple[Slice, int] | None:
        bucket = self._buckets.get(key)
        if bucket is not None and bucket.limit != applied.limit:
            bucket.is_stale = True
            bucket.slice.stop()
            return None
        if bucket is None:
            if len(self._buckets) >= _MOST:
                return None
            bucket = self._buckets[key] = _Leased(applied, key, self._record)
        return bucket.slice, bucket.limit.cap

    def alerts_of(self, hold: FastHold, actual: Quantities) -> tuple[Alert, ...]:  # noqa: ARG002
        """None: the store raises them when it charges the lease."""
        return ()

    def adopt(self, hold: FastHold) -> None:
        self._adopted[hold.request, 1] = hold

    def begun(self, hold: FastHold) -> None:
        """A fast path has taken something of slices, or gives it back (``FastWatcher``)."""
        # Without calls: each request comes here, and to ``settled``, with all of its limits.
        for part in hold.slots.slices:
            record = part.record
            record[0] = part.settled - part.base
            record[1] = part.reserved

    def settled(self, hold: FastHold, actual: Quantities) -> None:  # noqa: ARG002
        for part in hold.slots.open_slices:
            record = part.record
            record[0] = part.settled - part.base
            record[1] = part.reserved

    def handed_over(self, hold: FastHold) -> None:
        """Nothing: slices hold the same."""

    # Leases.

    async def look(self) -> None:
        """Renew the leases of slices that are in use, and end the others."""
        async with self._looking:
            began = self._clock()
            await asyncio.gather(*map(self._renew, list(self._buckets.values())))
            if self._is_running:
                self.good_until = began + LIFE

    async def look_early(self) -> None:
        """Renew the leases of slices that have run out since the last look, as a burst of requests makes them."""
        async with self._looking:
            short = [bucket for bucket in self._buckets.values() if bucket.slice.is_short and not bucket.is_dry]
            await asyncio.gather(*map(self._renew, short))

    async def _renew(self, bucket: _Leased) -> None:
        demand = bucket.slice.demand(self._clock(), _BETWEEN_LOOKS)
        if not demand or bucket.is_stale or not self._is_running:
            await self._lease(bucket, 0)
            return
        piece = bucket.slice.piece(demand, await self._left(bucket))
        bucket.is_dry = not piece
        await self._lease(bucket, piece)

    async def _lease(self, bucket: _Leased, piece: int) -> None:
        """Lease a piece, and what requests under way hold, in place of the lease before."""
        part = bucket.slice
        if not piece:
            # From here on requests under way only end: a lease of what they hold stays large enough.
            part.stop()
            if not part.reserved:
                await self._end(bucket)
                return
            if part.reserved == bucket.amount and not part.spent:
                return
        bucket.idle = 0
        number = next(self._leases)
        amount, lease = part.reserved + piece, lease_id(self._worker, number)
        bucket.row.asked(number)
        result: Reserved | Exceeded | None = None
        with contextlib.suppress(CountersUnavailable):
            result = await self._store.reserve(lease, [bucket.hold(amount)])
        if result is None or isinstance(result, Exceeded):
            part.stop()
            return
        spent, before, held = part.spent, bucket.lease, bucket.amount
        used = result[0].used - amount - max(0, held - spent) if result else 0
        if not part.begin(amount, max(0, used)):
            await self._settle(bucket, lease, amount, 0)
            return
        bucket.row.begun(number, 0 if before is None else bucket.number, spent, part.reserved)
        bucket.lease, bucket.amount, bucket.number = lease, amount, number
        if result:
            bucket.left = result[0].remaining
        if before is not None:
            await self._settle(bucket, before, held, spent)
        bucket.row.settled()

    async def _end(self, bucket: _Leased) -> None:
        """End the lease of a slice that nobody holds anything of; forget a bucket that nobody asks for."""
        if bucket.lease is not None:
            lease, bucket.lease, spent = bucket.lease, None, bucket.slice.spent
            bucket.slice.begin(0, 0)
            await self._settle(bucket, lease, bucket.amount, spent)
            bucket.row.clear()
        bucket.idle += 1
        if bucket.is_stale or bucket.idle > _IDLE:
            self._record.free(bucket.row)
            del self._buckets[bucket.key]
            self.generation += 1

    async def _settle(self, bucket: _Leased, lease: ReservationId, amount: int, spent: int) -> None:
        alerts = await self._store.settle(lease, spent_of(bucket.limit, spent), [bucket.hold(amount)])
        if alerts:
            self._alerted(alerts)

    async def charge_left(self) -> None:
        """Charge the leases of workers of this host that were killed what was spent of them, and what their requests
        held unless the limit releases it. The rest comes back, before or after the store counts them as lost."""
        for path, worker, leases in self._record.left():
            lost: list[LostCharge] = []
            for left in leases:
                held = left.held if left.hold.limit.on_loss == "charge" else 0
                lease = lease_id(worker, left.number)
                alerts = await self._store.settle(lease, spent_of(left.hold.limit, left.spent + held), [left.hold])
                if alerts:
                    self._alerted(alerts)
                if left.hold.limit.kind == "cost":
                    # Also where nothing was held: the store may have lost the lease before, and told all of it.
                    lost.append(LostCharge(lease, left.hold.key, held))
            self.told_lost(lost)
            path.unlink(missing_ok=True)

    async def _left(self, bucket: _Leased) -> int:
        """What is left of a limit, about: a slice that is too large is refused."""
        if not bucket.limit.is_budget:
            return bucket.left
        with contextlib.suppress(CountersUnavailable):
            settled, reserved = await self._store.usage(bucket.key)
            return max(0, bucket.limit.cap - settled - reserved)
        return 0

    # The steps of ``Counters``.

    async def reserve(self, reservation: ReservationId, holds: Sequence[Hold]) -> Reserved | Exceeded:
        result = await self._store.reserve(reservation, holds)
        if isinstance(result, Exceeded) and await self._give_back(holds):
            # Some of what is missing was leased by this worker. Where the answer to the first try was lost, the store
            # may have been told meanwhile that the reservation is given back: it stays refused then.
            with contextlib.suppress(ValueError):
                result = await self._store.reserve(reservation, holds)
        self._note(holds, result)
        return result

    async def extend(self, reservation: ReservationId, holds: Sequence[Hold]) -> Reserved | Exceeded:
        hold = self._adopted.get(reservation)
        if hold is None:
            return await self._store.extend(reservation, holds)
        # All of it moves to the store, or nothing does.
        result = await self._store.reserve(reservation, _merged(hold.holds(), holds))
        if not isinstance(result, Exceeded):
            del self._adopted[reservation]
            for slot, amount, _ in hold.items():
                slot.counter.give_back(amount)
            self.begun(hold)
        return result

    async def shrink(self, reservation: ReservationId, keys: Sequence[BucketKey]) -> None:
        if reservation not in self._adopted:
            await self._store.shrink(reservation, keys)

    def settle(
        self, reservation: ReservationId, actual: Amounts, holds: Sequence[Hold]
    ) -> Coroutine[Any, Any, tuple[Alert, ...]]:
        """What is to be charged is noted when this is called (``GuardedCounters.settle``)."""
        hold = self._adopted.pop(reservation, None)
        if hold is None:
            return self._store.settle(reservation, actual, holds)
        for slot, amount, _ in hold.items():
            slot.counter.settle(None, amount, charged(slot.limit, amount, actual))
        self.begun(hold)
        return answered(())

    def release(self, reservation: ReservationId) -> Coroutine[Any, Any, None]:
        hold = self._adopted.pop(reservation, None)
        if hold is None:
            return self._store.release(reservation)
        for slot, amount, _ in hold.items():
            slot.counter.settle(None, amount, charged(slot.limit, amount, NOTHING))
        self.begun(hold)
        return answered(None)

    async def lose(self, older_than: int) -> tuple[Alert, ...]:
        return await self._store.lose(older_than)

    async def usage(self, key: BucketKey) -> BucketUsage:
        return await self._store.usage(key)

    async def open_balance(self, key: BucketKey, limit: Limit, settled: int) -> int:
        return await self._store.open_balance(key, limit, settled)

    def _note(self, holds: Sequence[Hold], result: Reserved | Exceeded) -> None:
        now = self._clock()
        for hold in holds:
            bucket = self._buckets.get(hold.key)
            if bucket is not None:
                bucket.slice.note(hold.amount, now)
                bucket.idle = 0
                if bucket.slice.is_short and not bucket.is_dry:
                    self._short.set()
        for standing in result.standings if isinstance(result, Exceeded) else result:
            bucket = self._buckets.get(BucketKey(standing.limit.id, b"", standing.limit.epoch, 0))
            if bucket is not None:
                bucket.left = standing.remaining

    async def _give_back(self, holds: Sequence[Hold]) -> bool:
        """Give back what isn't in use of this worker's slices of some buckets. Returns whether there was any."""
        found = False
        async with self._looking:
            for hold in holds:
                bucket = self._buckets.get(hold.key)
                if bucket is not None and bucket.slice.room:
                    found = True
                    await self._lease(bucket, 0)
        return found


def _merged(holds: Sequence[Hold], more: Sequence[Hold]) -> list[Hold]:
    merged = {hold.key: hold for hold in holds}
    for hold in more:
        earlier = merged.get(hold.key)
        amount = hold.amount if earlier is None else earlier.amount + hold.amount
        merged[hold.key] = Hold(hold.key, hold.limit, amount, hold.value_key)
    return list(merged.values())
