"""Counters in memory whose budgets outlive the process: they are written down off the request's path.

A flush is one transaction for all requests since the last one: what was settled in each bucket, and which reservations
are open. A request of a strict budget waits for the flush that writes its reservation down; any other request waits for
nothing. What came since the last flush outlives a killed process in a file (slice_record.py): of each bucket what is
settled and held. At start balances are read back; what is held then is that of a process that was killed, and is
charged or dropped, as its limit says (docs/limits.md#restarts). One process at a time uses a journal.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from penstock.background import Background
from penstock.limits.applied import Applied
from penstock.limits.counters import (
    Alert,
    BucketUsage,
    CountersUnavailable,
    Exceeded,
    Hold,
    ReservationId,
    Reserved,
)
from penstock.limits.fast_path import FastHold, FastPath, Quantities
from penstock.limits.limit import OVERFLOW, Amounts, BucketKey, Limit
from penstock.limits.memory import MemoryCounters
from penstock.stores.slice_record import Row, SliceRecord
from penstock.stores.sql.balances.flush import Flush
from penstock.stores.sql.balances.sums import Balance, BalanceSums
from penstock.stores.sql.database_error import DatabaseError
from penstock.stores.sql.ids import random_id

if TYPE_CHECKING:
    from penstock.stores.sql.database import Database

_LOG: Final = logging.getLogger("penstock")
_INTERVAL: Final = 0.05
"""Seconds between a change and its flush, unless a request waits for it."""
_BETWEEN: Final = 20
"""Flushes between two looks for notes that are needed no more."""
_MOST_NOTED: Final = 2000
"""Buckets of which notes are kept at most."""
_LOSS: Final = "what a killed process has counted within its last moments is missing"
BUDGET_FILES: Final = "budgets"
"""How the files are called in which notes about budgets outlive their process."""
_RETRY: Final = 1_000_000
"""Microseconds after which a request is to try again whose reservation could not be written down."""
STOP_SECONDS: Final = 20.0
"""How long the last flush may take: the database may have to be opened for it."""


class JournaledCounters:
    """``Counters`` and ``ImmediateCounters`` of one process, in memory, with a journal in the database that
    ``open_database`` gives, which is set before the first request. ``clock`` gives microseconds that never step back,
    ``now`` microseconds since 1970. ``restore`` has to be awaited before the first request, too.
    ``is_needed``: a strict budget refuses what can't be written down. ``folder`` is for the file; None for no file."""

    stop_seconds = STOP_SECONDS

    def __init__(
        self, clock: Callable[[], int], now: Callable[[], int], folder: Path | None = None, *, is_needed: bool = True
    ) -> None:
        self.memory = MemoryCounters(clock)
        self.open_database: Callable[[], Awaitable[Database]] | None = None
        self._now = now
        self._is_needed = is_needed
        self._folder = folder
        self._record = SliceRecord(folder, random_id(), _MOST_NOTED, BUDGET_FILES, _LOSS)
        self._rows: dict[BucketKey, Row] = {}
        """The notes about the buckets that have changed since they were written down, or are held."""
        self._flushes = 0
        self._settled = BalanceSums()
        self._open: dict[ReservationId, tuple[Hold, ...]] = {}
        """The budgets' holds of the reservations that are open."""
        self._fast: dict[ReservationId, FastHold] = {}
        """What fast paths have taken since the last flush, of which some may have ended."""
        self._unwritten: set[ReservationId] = set()
        """Reservations whose holds are to be written down, or written anew."""
        self._written: set[ReservationId] = set()
        """Reservations that are written down, or about to be."""
        self._closed: list[ReservationId] = []
        """Reservations that are written down and have ended."""
        self._changed = asyncio.Event()
        self._wanted = asyncio.Event()
        self._flushed: asyncio.Future[bool] | None = None
        self._is_lost = False
        self._flush = Flush(self._write_down)
        self._task = Background("the journal of budgets", self._run)

    def start(self) -> None:
        self._record.open()
        self._task.start()

    async def stop(self) -> None:
        """Write down all that is not yet."""
        await self._task.stop()
        if await self.flush():
            self._record.close()

    async def restore(self, database: Database) -> None:
        """Write down what a killed process had not, charge what it held, add what changed budgets while no gateway ran,
        and read all balances. Raises DatabaseError."""
        from penstock.stores.sql.balances.balances import add_waiting, read_balances
        from penstock.stores.sql.balances.recovery import recover

        async with database.write() as connection:
            files = await recover(connection, self._folder, self._now())
            await add_waiting(connection, self._now())
            self.memory.reservations.opening_balances = await read_balances(connection)
        for file in files:
            file.unlink(missing_ok=True)

    async def flush(self) -> bool:
        """Write down what has changed; False if the database can't be reached: it is kept for the next time."""
        return await self._flush.run()

    async def _write_down(self) -> bool:
        self._note_fast()
        settled = self._settled.take()
        closed, self._closed = self._closed, []
        unwritten, self._unwritten = self._unwritten, set()
        opened = {reservation: self._open[reservation] for reservation in unwritten if reservation in self._open}
        waiting, self._flushed = self._flushed, None
        self._written.update(opened)
        try:
            if settled or opened or closed:
                await self._write(settled, opened, closed)
        except DatabaseError as error:
            self._keep(settled, unwritten, closed)
            if not self._is_lost:
                _LOG.error("%s; what budgets settle is kept in memory until it can be written down", error)
            self._is_lost = True
        else:
            self._is_lost = False
            self._forget_rows()
        if waiting is not None and not waiting.done():
            waiting.set_result(not self._is_lost)
        return not self._is_lost

    async def _write(
        self,
        settled: dict[BucketKey, Balance],
        opened: dict[ReservationId, tuple[Hold, ...]],
        closed: list[ReservationId],
    ) -> None:
        # SQLAlchemy is loaded when there is something to write: a gateway without budgets starts without it.
        from penstock.stores.sql.balances.balances import write_changes

        if self.open_database is None:
            raise DatabaseError("there is no database for the journal of budgets")
        database = await self.open_database()
        async with database.write() as connection:
            await write_changes(connection, settled, opened, closed, self._now())

    # The calls of ``Counters``.

    async def reserve(self, reservation: ReservationId, holds: Sequence[Hold]) -> Reserved | Exceeded:
        result = self._reserve(reservation, holds)
        if isinstance(result, Exceeded) or not _has_strict(holds):
            return result
        if not await self._is_written_down(reservation):
            raise CountersUnavailable(_RETRY)
        return result

    def reserve_at_once(self, reservation: ReservationId, holds: Sequence[Hold]) -> Reserved | Exceeded | None:
        return None if _has_strict(holds) else self._reserve(reservation, holds)

    def _reserve(self, reservation: ReservationId, holds: Sequence[Hold]) -> Reserved | Exceeded:
        result = self.memory.reserve_at_once(reservation, holds)
        budgets = _budgets(holds)
        if budgets and not isinstance(result, Exceeded):
            self._note_held(reservation, budgets)
            self._note_down(budgets)
        return result

    async def extend(self, reservation: ReservationId, holds: Sequence[Hold]) -> Reserved | Exceeded:
        result = await self.memory.extend(reservation, holds)
        budgets = _budgets(holds)
        if budgets and not isinstance(result, Exceeded):
            self._note_held(reservation, (*self._open.get(reservation, ()), *budgets))
            self._note_down(budgets)
        return result

    async def shrink(self, reservation: ReservationId, keys: Sequence[BucketKey]) -> None:
        await self.memory.shrink(reservation, keys)
        held = self._open.get(reservation)
        if held is not None:
            self._note_held(reservation, tuple([hold for hold in held if hold.key not in keys]))
            self._note_down(held)

    async def settle(self, reservation: ReservationId, actual: Amounts, holds: Sequence[Hold]) -> tuple[Alert, ...]:
        return self.settle_at_once(reservation, actual, holds)

    def settle_at_once(self, reservation: ReservationId, actual: Amounts, holds: Sequence[Hold]) -> tuple[Alert, ...]:
        before = self._balances(holds)
        alerts = self.memory.settle_at_once(reservation, actual, holds)
        self._note(before)
        self._note_down((*self._open.get(reservation, ()), *_budgets(holds)))
        self._note_closed(reservation)
        return alerts

    async def release(self, reservation: ReservationId) -> None:
        self.release_at_once(reservation)

    def release_at_once(self, reservation: ReservationId) -> None:
        self.memory.release_at_once(reservation)
        self._note_down(self._open.get(reservation, ()))
        self._note_closed(reservation)

    async def lose(self, older_than: int) -> tuple[Alert, ...]:  # noqa: ARG002
        """Nothing: a reservation of this process is closed with its request."""
        return ()

    async def usage(self, key: BucketKey) -> BucketUsage:
        return await self.memory.usage(key)

    async def open_balance(self, key: BucketKey, limit: Limit, settled: int) -> int:
        before = await self.memory.open_balance(key, limit, settled)
        self._add(key, "default", limit, settled - before)
        self._note_down([Hold(key, limit, 0)])
        return before

    # Fast paths (``FastCounters``, ``FastWatcher``).

    def fast_path(self, limits: Sequence[Applied], moment: Callable[[], int]) -> FastPath | None:
        """The fast path through some limits; None if these have none."""
        return self.memory.fast_path(limits, moment, self if any(each.limit.is_budget for each in limits) else None)

    def begun(self, hold: FastHold) -> None:
        self._fast[hold.request, 1] = hold
        self._changed.set()
        for slot in hold.slots.budgets:
            row = self._rows.get(slot.key) or self._row(slot.key, slot.limit, slot.applied.value_key)
            row.note(slot.counter.settled, slot.counter.reserved)

    def settled(self, hold: FastHold, actual: Quantities) -> None:
        for slot in hold.slots.budgets:
            row = self._rows.get(slot.key) or self._row(slot.key, slot.limit, slot.applied.value_key)
            row.note(slot.counter.settled, slot.counter.reserved)
            if actual[slot.unit]:
                self._add(slot.key, slot.applied.value_key, slot.limit, actual[slot.unit])
        reservation = (hold.request, 1)
        if self._fast.pop(reservation, None) is None:
            self._note_closed(reservation)

    def handed_over(self, hold: FastHold) -> None:
        if self._fast.pop((hold.request, 1), None) is not None:
            self._note_held((hold.request, 1), _budgets(hold.holds()))

    def _note_fast(self) -> None:
        """Note what fast paths have taken and still hold."""
        fast, self._fast = self._fast, {}
        for reservation, hold in fast.items():
            self._note_held(reservation, _budgets(hold.holds()))

    # What outlives a killed process.

    def _note_down(self, holds: Iterable[Hold]) -> None:
        """Note what the buckets of some budgets' holds settle and hold now."""
        for hold in holds:
            self._note_bucket(hold, hold.key)
            if hold.limit.is_grouped:
                self._note_bucket(hold, BucketKey(hold.key.limit, OVERFLOW, hold.key.epoch, hold.key.window_start))

    def _note_bucket(self, hold: Hold, key: BucketKey) -> None:
        usage = self.memory.reservations.usage(key)
        row = self._rows.get(key)
        if row is None and any(usage):
            row = self._row(key, hold.limit, hold.value_key)
        if row is not None:
            row.note(*usage)

    def _row(self, key: BucketKey, limit: Limit, value_key: str) -> Row:
        row = self._rows[key] = self._record.row(Hold(key, limit, 0, value_key))
        row.begun(1, 0, 0, 0)
        return row

    def _forget_rows(self) -> None:
        """Every so often, forget the notes about buckets that the database holds as they are."""
        self._flushes += 1
        if self._flushes % _BETWEEN or self._closed:
            return
        usage = self.memory.reservations.usage
        for key in [each for each in self._rows if each not in self._settled and not usage(each).reserved]:
            self._record.free(self._rows.pop(key))

    # What is to be written down.

    async def _is_written_down(self, reservation: ReservationId) -> bool:
        """Wait for the next flush. If it fails, the reservation is given back, unless it may do without."""
        if self._flushed is None:
            self._flushed = asyncio.get_running_loop().create_future()
        self._wanted.set()
        try:
            is_written = await asyncio.shield(self._flushed)
        except asyncio.CancelledError:
            await self.release(reservation)
            raise
        if is_written or not self._is_needed:
            return True
        await self.release(reservation)
        return False

    def _balances(self, holds: Iterable[Hold]) -> list[tuple[BucketKey, Hold, int]]:
        """What is settled in the budgets among some holds, in the buckets that all further values share, too."""
        found: list[tuple[BucketKey, Hold, int]] = []
        usage = self.memory.reservations.usage
        for hold in holds:
            if hold.limit.is_budget:
                key = hold.key
                found.append((key, hold, usage(key).settled))
                if hold.limit.is_grouped:
                    shared = BucketKey(key.limit, OVERFLOW, key.epoch, key.window_start)
                    found.append((shared, hold, usage(shared).settled))
        return found

    def _note(self, before: Iterable[tuple[BucketKey, Hold, int]]) -> None:
        for key, hold, settled in before:
            added = self.memory.reservations.usage(key).settled - settled
            if added:
                self._add(key, hold.value_key, hold.limit, added)

    def _add(self, key: BucketKey, value_key: str, limit: Limit, amount: int) -> None:
        self._settled.add(key, amount, value_key, limit.window_end(key.window_start))
        self._changed.set()

    def _note_held(self, reservation: ReservationId, holds: tuple[Hold, ...]) -> None:
        self._open[reservation] = holds
        self._unwritten.add(reservation)
        self._changed.set()

    def _note_closed(self, reservation: ReservationId) -> None:
        if self._open.pop(reservation, None) is None:
            return
        self._unwritten.discard(reservation)
        if reservation in self._written:
            self._written.discard(reservation)
            self._closed.append(reservation)
            self._changed.set()

    def _keep(
        self, settled: dict[BucketKey, Balance], unwritten: set[ReservationId], closed: list[ReservationId]
    ) -> None:
        """Put back what a flush could not write, before what came since."""
        self._settled.put_back(settled)
        self._unwritten |= unwritten & self._open.keys()
        self._closed = [*closed, *self._closed]

    async def _run(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_INTERVAL):
                    await self._wanted.wait()
            self._wanted.clear()
            if not await self.flush():
                await asyncio.sleep(_RETRY / 1_000_000)
                self._changed.set()


def _budgets(holds: Iterable[Hold]) -> tuple[Hold, ...]:
    return tuple([hold for hold in holds if hold.limit.is_budget])


def _has_strict(holds: Iterable[Hold]) -> bool:
    """Whether a strict budget is among some holds: its request waits until its reservation is written down."""
    return any(hold.limit.strict and hold.limit.is_budget for hold in holds)
