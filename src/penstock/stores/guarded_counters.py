"""Counters in a store that may be down: no request waits longer than a time limit, and nothing that was spent is lost
(docs/limits.md#when-the-store-is-down).

While the store is down, strict budgets refuse with CountersUnavailable, and other limits allow what a worker may by
itself, unless the operator has other rules. What the store should have been told is in the journal; it is replayed in
order when the store is back.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from time import monotonic, time_ns
from typing import Any, Final, TypeVar

from penstock.background import Background
from penstock.core.durations import microseconds
from penstock.core.money import LARGEST
from penstock.limits.allowance import USUAL_RULES, Allowance, OutageRules
from penstock.limits.counters import (
    Alert,
    BucketUsage,
    CountersUnavailable,
    Exceeded,
    Hold,
    ReservationId,
    Reserved,
)
from penstock.limits.limit import Amounts, BucketKey, Limit, charged
from penstock.limits.slices import is_lease
from penstock.stores.counter_journal import CounterJournal, Entry, Release, Settlement, Shrinkage, estimated
from penstock.stores.journal_replay import JournalReplay
from penstock.stores.store_calls import NotAsked, StoreCalls
from penstock.stores.stored_counters import BATCH, KEPT, LostCharge, StoredCounters, StoreDown

_LOG: Final = logging.getLogger("penstock")
_TICK: Final = 1.0
_FORGETTING: Final = 60.0
"""Seconds between two rounds of dropping what nobody needs."""
_UPKEEP_TIMEOUT: Final = 60.0
"""Seconds that loading, sweeping and dropping may take: no request waits for them."""
_FIRST_CONTACT: Final = 5.0
"""Seconds, at least, for which requests wait at the start until the store is reached: no less than for one call."""
_PROBE_TIMEOUT: Final = 1.0
"""Seconds that a store has to show that it is back, and to take an entry of the journal."""
T = TypeVar("T")


class GuardedCounters:
    """``Counters`` over a store. ``timeout`` is in seconds, for one call of the store; ``calls`` is how many are made
    at the same time. ``oldest`` is the age in microseconds at which a reservation is lost even if its worker lives.
    ``alerted`` gets the alerts of what is lost or replayed. ``rules`` say what limits do while the store is down.
    ``start`` before use, ``stop`` after it."""

    def __init__(
        self,
        store: StoredCounters,
        journal: CounterJournal,
        *,
        timeout: float,
        calls: int,
        oldest: int,
        alerted: Callable[[Sequence[Alert]], None],
        largest_cost: int = LARGEST,
        rules: OutageRules = USUAL_RULES,
    ) -> None:
        self.largest_cost = largest_cost
        """The largest budget that the store counts exactly, in nanodollars."""
        self.before_losing: Callable[[], Awaitable[None]] = _do_nothing
        """Called before reservations are lost: what is known of dead workers by other ways comes first."""
        self._store = store
        self._journal = journal
        self._calls = StoreCalls(timeout, calls, self._went_down)
        self._oldest = oldest
        self._alerted = alerted
        self._allowance = Allowance(rules)
        self._held: dict[ReservationId, dict[BucketKey, Hold]] = {}
        """What open reservations hold: a store that has lost it is told again."""
        self._allowed: dict[ReservationId, int | None] = {}
        """Reservations that this worker has let pass by itself, each with the number of its note."""
        self._replay = JournalReplay(store, journal, _PROBE_TIMEOUT, self._alert)
        self._generation: str | None = None
        self._workers = 1
        self._renew_at = self._forget_at = 0.0
        self._is_down = False
        self._is_ready = False
        self._ready = asyncio.Event()
        self._patient_until = 0.0
        self._woken = asyncio.Event()
        self._task = Background("the counters' store", self._keep_up)

    def tell_lost(self, tell: Callable[[Sequence[LostCharge]], None]) -> None:
        """Have lost reservations told from now on, with what they were charged."""
        self._store.told_lost = tell

    @property
    def is_degraded(self) -> bool:
        """Whether the store is down, or was not told everything yet."""
        return self._is_down or len(self._journal) > 0

    @property
    def is_ready(self) -> bool:
        """Whether the store was reached since the start."""
        return self._is_ready

    def start(self) -> None:
        self.expect()
        left = self._journal.open()
        self._store.told_lost([charge for settlement in left for charge in _charges(settlement)])
        self._task.start()

    def expect(self) -> None:
        """``start`` follows soon: from now on requests wait for a few seconds until the store is reached."""
        self._patient_until = monotonic() + max(_FIRST_CONTACT, self._calls.timeout)

    async def stop(self) -> None:
        """Stop, after one more try to tell the store what it doesn't know."""
        await self._task.stop()
        with contextlib.suppress(StoreDown):
            await self._replay.run()
        self._journal.close()
        with contextlib.suppress(StoreDown):
            await self._store.close()

    async def reserve(self, reservation: ReservationId, holds: Sequence[Hold]) -> Reserved | Exceeded:
        if not self._is_ready:
            await self._first_contact()
        may_be_open = False
        if not self._must_wait(holds):
            try:
                result = await self._calls.ask(
                    lambda: self._store.reserve(reservation, holds), for_lease=is_lease(reservation)
                )
            except StoreDown as error:
                may_be_open = not isinstance(error, NotAsked)
            else:
                if not isinstance(result, Exceeded):
                    self._held[reservation] = {hold.key: hold for hold in holds}
                return result
        allowed = self._allow(reservation, holds)
        if allowed is None or isinstance(allowed, Exceeded):
            if may_be_open:
                # The store may have made the reservation, and its answer was lost.
                self._tell_later(Release(reservation))
            return self._refused(allowed)
        self._held[reservation] = {hold.key: hold for hold in holds}
        self._note_allowed(reservation)
        return allowed

    async def _first_contact(self) -> None:
        """Wait, shortly after the start, until the store is reached: what several workers count apart is too much."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(asyncio.get_running_loop().time() + self._patient_until - monotonic()):
                await self._ready.wait()

    async def extend(self, reservation: ReservationId, holds: Sequence[Hold]) -> Reserved | Exceeded:
        held = self._held.setdefault(reservation, {})
        added = {hold.key for hold in holds} - held.keys()
        may_be_held = False
        if reservation not in self._allowance and not self._must_wait(holds):
            try:
                result = await self._calls.ask(lambda: self._store.extend(reservation, holds))
            except StoreDown as error:
                may_be_held = not isinstance(error, NotAsked)
            else:
                if not isinstance(result, Exceeded):
                    _add(held, holds)
                return result
        allowed = self._allow(reservation, holds)
        if allowed is None or isinstance(allowed, Exceeded):
            if may_be_held and added:
                self._tell_later(Shrinkage(reservation, tuple(added)))
            return self._refused(allowed)
        _add(held, holds)
        self._note_allowed(reservation)
        return allowed

    async def shrink(self, reservation: ReservationId, keys: Sequence[BucketKey]) -> None:
        self._allowance.shrink(reservation, keys)
        held = self._held.get(reservation, {})
        for key in keys:
            held.pop(key, None)
        if reservation in self._allowed:
            self._note_allowed(reservation)
        await self._tell(Shrinkage(reservation, tuple(keys)), lambda: self._store.shrink(reservation, keys), None)

    def settle(
        self, reservation: ReservationId, actual: Amounts, holds: Sequence[Hold]
    ) -> Coroutine[Any, Any, tuple[Alert, ...]]:
        """What is to be charged is noted when this is called, together with the request's record; the store is told
        when the result is awaited. So the ledger agrees with budgets, whatever moment the process is killed at."""
        self._held.pop(reservation, None)
        self._allowance.settle(reservation, actual)
        entry, no_alerts = Settlement(reservation, actual, tuple(holds)), tuple[Alert, ...]()
        telling = self._tell(entry, lambda: self._store.settle(reservation, actual, holds), no_alerts)
        self._forget_allowed(reservation)
        return telling

    def release(self, reservation: ReservationId) -> Coroutine[Any, Any, None]:
        """Noted as a settlement is."""
        self._held.pop(reservation, None)
        self._allowance.settle(reservation)
        telling = self._tell(Release(reservation), lambda: self._store.release(reservation), None)
        self._forget_allowed(reservation)
        return telling

    async def lose(self, older_than: int) -> tuple[Alert, ...]:
        try:
            return await self._calls.ask(lambda: self._store.lose(older_than))
        except StoreDown:
            return ()

    async def usage(self, key: BucketKey) -> BucketUsage:
        """Asked before a slice is leased, and by people. Raises CountersUnavailable."""
        return await self._ask_or_refuse(lambda: self._store.usage(key), for_lease=True)

    async def open_balance(self, key: BucketKey, limit: Limit, settled: int) -> int:
        """Raises CountersUnavailable."""
        return await self._ask_or_refuse(lambda: self._store.open_balance(key, limit, settled))

    def _tell(self, entry: Entry, call: Callable[[], Coroutine[Any, Any, T]], otherwise: T) -> Coroutine[Any, Any, T]:
        """Note an entry; the result tells the store of it. ``otherwise`` is the answer if the store is told later."""
        return self._told(entry, call, otherwise, self._journal.begin(entry))

    async def _told(
        self, entry: Entry, call: Callable[[], Coroutine[Any, Any, T]], otherwise: T, number: int | None
    ) -> T:
        """Tell the store now, or later: calls that wait already go first. A cancelled caller has told it, too."""
        try:
            if not self._journal:
                return await self._calls.ask(call, for_lease=is_lease(entry.reservation))
            self._tell_later(entry)
        except StoreDown:
            self._tell_later(entry)
        except asyncio.CancelledError:
            self._tell_later(entry)
            raise
        finally:
            self._journal.told(number)
        return otherwise

    def _note_allowed(self, reservation: ReservationId) -> None:
        """Note what this worker lets pass by itself, as it is held now: the store may know nothing of it. Leases are
        noted by what is spent of them (slice_record.py)."""
        if is_lease(reservation):
            return
        entry = estimated(reservation, self._held[reservation].values())
        number = self._journal.allow(entry) if entry.holds else None
        self._forget_allowed(reservation)
        self._allowed[reservation] = number

    def _forget_allowed(self, reservation: ReservationId) -> None:
        if reservation in self._allowed:
            self._journal.ended(self._allowed.pop(reservation))

    def _tell_later(self, entry: Entry) -> None:
        self._journal.append(entry)
        self._woken.set()

    async def _ask_or_refuse(self, call: Callable[[], Awaitable[T]], *, for_lease: bool = False) -> T:
        try:
            return await self._calls.ask(call, for_lease=for_lease)
        except StoreDown:
            raise CountersUnavailable(self._calls.retry_after) from None

    def _must_wait(self, holds: Sequence[Hold]) -> bool:
        """Whether a strict budget is among holds of which the store doesn't know yet what was spent."""
        if not self._journal or self._allowance.rules.strict_budgets == "open":
            return False
        return any(hold.limit.strict and hold.limit.is_budget for hold in holds)

    def _allow(self, reservation: ReservationId, holds: Sequence[Hold]) -> Reserved | Exceeded | None:
        """What this worker allows by itself. None: a limit refuses."""
        if self._journal.is_broken and any(hold.limit.is_budget for hold in holds):
            return None
        return self._allowance.reserve(reservation, holds, self._workers, microseconds(monotonic()))

    def _refused(self, result: Exceeded | None) -> Exceeded:
        if result is None:
            raise CountersUnavailable(self._calls.retry_after)
        return result

    def _went_down(self, reason: str) -> None:
        if not self._is_down:
            _LOG.error("%s; %s", reason, self._allowance.rules.sentence)
            self._allowance.begin_outage()
        self._is_down = True
        self._woken.set()

    async def _keep_up(self) -> None:
        """Renew the lease, sweep, and bring a store that is back up to date."""
        while True:
            with contextlib.suppress(StoreDown, TimeoutError):
                await self._tick()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_TICK):
                    await self._woken.wait()
            self._woken.clear()

    async def _tick(self) -> None:
        if self.is_degraded or not self._is_ready:
            await asyncio.to_thread(self._journal.sync)
            await self._recover()
        now = monotonic()
        if now < self._renew_at:
            return
        async with asyncio.timeout(_UPKEEP_TIMEOUT):
            self._workers = max(1, await self._calls.ask(self._store.renew))
            self._renew_at = now + self._store.renewal
            await self.before_losing()
            self._alert(await self._store.lose(self._oldest))
            if now >= self._forget_at:
                self._forget_at = now + _FORGETTING
                while await self._store.forget(time_ns() // 1000 - KEPT) == BATCH:
                    pass

    async def _recover(self) -> None:
        """Load a store that has lost its counters, and tell it what it doesn't know. Raises StoreDown."""
        async with asyncio.timeout(_PROBE_TIMEOUT):
            generation = await self._store.generation()
        if generation is None or generation != self._generation:
            async with asyncio.timeout(_UPKEEP_TIMEOUT):
                await self._store.restore(self._held)
                if generation is None and not await self._store.load():
                    raise StoreDown("another worker loads the counters")
            self._generation = generation
        await self._replay.run()
        if self._is_down:
            _LOG.info("the counters' store can be used again")
        self._is_ready, self._is_down = True, False
        self._ready.set()
        self._calls.is_back()
        self._allowance.end_outage()

    def _alert(self, alerts: Sequence[Alert]) -> None:
        if alerts:
            self._alerted(alerts)


async def _do_nothing() -> None:
    """Where nothing else is known of dead workers."""


def _charges(settlement: Settlement) -> list[LostCharge]:
    """What budgets in dollars are charged by the settlement of a request. Leases, and changes of balances from outside,
    which hold nothing, are no requests."""
    if is_lease(settlement.reservation):
        return []
    return [
        LostCharge(settlement.reservation, hold.key, charged(hold.limit, hold.amount, settlement.actual))
        for hold in settlement.holds
        if hold.amount and hold.limit.is_budget and hold.limit.kind == "cost"
    ]


def _add(held: dict[BucketKey, Hold], holds: Sequence[Hold]) -> None:
    """Add what a reservation was extended by to what it holds."""
    for hold in holds:
        earlier = held.get(hold.key)
        amount = hold.amount if earlier is None else earlier.amount + hold.amount
        held[hold.key] = Hold(hold.key, hold.limit, amount, hold.value_key)
