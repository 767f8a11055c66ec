"""The guard over a store in memory that can be switched off. tests/contract/test_store_down.py has real stores."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path

import pytest

from limiting import Clock, budget, hold
from penstock.limits.counters import Alert, CountersUnavailable, Exceeded, Hold, ReservationId, Reserved
from penstock.limits.limit import Amounts, BucketKey
from penstock.limits.memory import MemoryCounters
from penstock.stores.counter_journal import CounterJournal, Entry, Release, Settlement
from penstock.stores.guarded_counters import GuardedCounters
from penstock.stores.stored_counters import LostCharge, StoreDown, tell_nobody

STRICT, NORMAL = hold(budget(1000, strict=True, id="strict"), 10), hold(budget(1000, id="normal"), 10)


class Store(MemoryCounters):
    """A store that is down, or that hangs after it has made a step, when a test says so."""

    worker = "w"
    renewal = 0.01

    def __init__(self) -> None:
        super().__init__(Clock().read)
        self.told_lost: Callable[[Sequence[LostCharge]], None] = tell_nobody
        self.is_down = self.hangs = self.is_empty = False
        self.calls = 0
        self.loading = "first"
        self.restored: dict[ReservationId, list[Hold]] = {}
        self.is_closed = False

    async def reserve(self, reservation: ReservationId, holds: Sequence[Hold]) -> Reserved | Exceeded:
        self.calls += 1
        self._fail()
        result = await super().reserve(reservation, holds)
        await self._hang()
        return result

    async def extend(self, reservation: ReservationId, holds: Sequence[Hold]) -> Reserved | Exceeded:
        self._fail()
        result = await super().extend(reservation, holds)
        await self._hang()
        return result

    async def settle(self, reservation: ReservationId, actual: Amounts, holds: Sequence[Hold]) -> tuple[Alert, ...]:
        self._fail()
        return await super().settle(reservation, actual, holds)

    async def renew(self) -> int:
        self._fail()
        return 2

    async def generation(self) -> str | None:
        self._fail()
        return None if self.is_empty else self.loading

    async def restore(self, held: Mapping[ReservationId, Mapping[BucketKey, Hold]]) -> None:
        self.restored.update({reservation: [*holds.values()] for reservation, holds in held.items()})

    async def load(self) -> bool:
        self.is_empty, self.loading = False, "loaded anew"
        return True

    async def forget(self, ended_before: int, most: int = 1000) -> int:  # type: ignore[override]
        return 0

    async def close(self) -> None:
        self.is_closed = True

    def _fail(self) -> None:
        if self.is_down:
            raise StoreDown("off")

    async def _hang(self) -> None:
        if self.hangs:
            await asyncio.Event().wait()


@contextlib.asynccontextmanager
async def guarding(store: Store, alerts: list[Alert], folder: Path | None = None) -> AsyncIterator[GuardedCounters]:
    journal = CounterJournal(folder, "w")
    guarded = GuardedCounters(store, journal, timeout=0.01, calls=4, oldest=10**15, alerted=alerts.extend)
    guarded.start()
    try:
        await until_up(guarded)
        yield guarded
    finally:
        await guarded.stop()
    assert store.is_closed


async def until_up(guarded: GuardedCounters) -> None:
    async with asyncio.timeout(300):
        while guarded.is_degraded or not guarded.is_ready:  # noqa: ASYNC110 (nothing tells it)
            await asyncio.sleep(0.001)


async def test_a_store_that_works_is_asked_and_told() -> None:
    store = Store()
    async with guarding(store, []) as guarded:
        assert await guarded.reserve(("r", 1), [STRICT]) == ()
        await guarded.extend(("r", 1), [NORMAL])
        await guarded.shrink(("r", 1), [NORMAL.key])
        await guarded.settle(("r", 1), Amounts(7), [STRICT])
        assert await guarded.usage(STRICT.key) == (7, 0)
        assert await guarded.open_balance(STRICT.key, STRICT.limit, 3) == 7
        await guarded.reserve(("r", 2), [STRICT])
        await guarded.release(("r", 2))
        assert await guarded.lose(0) == ()
        assert await guarded.usage(STRICT.key) == (3, 0)


async def test_after_five_failures_nobody_waits_for_the_store() -> None:
    store = Store()
    async with guarding(store, []) as guarded:
        store.is_down = store.hangs = True
        for number in range(20):
            with pytest.raises(CountersUnavailable):
                await guarded.reserve(("r", number), [STRICT])
        assert store.calls <= 7
        store.is_down = store.hangs = False
        await until_up(guarded)


async def test_a_lost_answer_leaves_nothing_reserved() -> None:
    """The store has reserved and its answer is lost: what the caller was refused is given back."""
    store = Store()
    async with guarding(store, []) as guarded:
        assert await guarded.reserve(("open", 1), [NORMAL]) == ()
        store.hangs = True
        with pytest.raises(CountersUnavailable):
            await guarded.reserve(("r", 1), [STRICT])
        with pytest.raises(CountersUnavailable):
            await guarded.extend(("open", 1), [STRICT])
        store.hangs = False
        await until_up(guarded)
        assert await guarded.usage(STRICT.key) == (0, 0)
        assert await guarded.usage(NORMAL.key) == (0, 10)


async def test_a_strict_budget_waits_until_the_store_knows_everything() -> None:
    store = Store()
    async with guarding(store, []) as guarded:
        await guarded.reserve(("r", 1), [STRICT])
        store.is_down = True
        await guarded.settle(("r", 1), Amounts(7), [STRICT])
        with pytest.raises(CountersUnavailable):
            await guarded.reserve(("s", 1), [STRICT])
        store.is_down = False
        await until_up(guarded)
        assert await guarded.reserve(("s", 1), [STRICT]) == ()
        assert await guarded.usage(STRICT.key) == (7, 10)


async def test_alerts_of_what_is_told_later_are_handed_on() -> None:
    store = Store()
    alerts: list[Alert] = []
    async with guarding(store, alerts) as guarded:
        await guarded.reserve(("r", 1), [NORMAL])
        store.is_down = True
        assert await guarded.settle(("r", 1), Amounts(1000), [NORMAL]) == ()
        store.is_down = False
        await until_up(guarded)
    assert [alert.kind for alert in alerts] == ["overrun", "exhausted"]


async def test_a_full_disk_closes_budgets_during_an_outage() -> None:
    store = Store()
    async with guarding(store, []) as guarded:
        store.is_down = True
        guarded._journal.is_broken = True
        with pytest.raises(CountersUnavailable):
            await guarded.reserve(("r", 1), [NORMAL])
        guarded._journal.is_broken = store.is_down = False
        await until_up(guarded)


async def test_a_store_that_has_lost_its_counters_is_loaded() -> None:
    store = Store()
    store.is_empty = True
    async with guarding(store, []):
        assert not store.is_empty


async def test_what_is_under_way_is_reserved_again_in_a_store_that_was_loaded_by_another() -> None:
    """Extensions are a part of it; what has ended, or was given back, is not."""
    store = Store()
    async with guarding(store, []) as guarded:
        for name in ("ended", "under way"):
            await guarded.reserve((name, 1), [STRICT])
        await guarded.extend(("under way", 1), [STRICT, NORMAL])
        await guarded.extend(("ended", 1), [NORMAL])
        await guarded.shrink(("ended", 1), [NORMAL.key])
        assert not store.restored
        await guarded.settle(("ended", 1), Amounts(7), [STRICT])
        store.loading, store.is_down = "by another", True
        with pytest.raises(CountersUnavailable):
            await guarded.reserve(("refused", 1), [STRICT])
        store.is_down = False
        await until_up(guarded)
        twice = Hold(STRICT.key, STRICT.limit, 2 * STRICT.amount)
        assert store.restored == {("under way", 1): [twice, NORMAL]}


def left(folder: Path) -> tuple[list[Settlement], list[Entry]]:
    """What the next worker would take over if all were killed now: what the ledger is told, and the store."""
    with tempfile.TemporaryDirectory() as copied:
        shutil.copytree(folder, copied, dirs_exist_ok=True)
        journal = CounterJournal(Path(copied), "next")
        settlements, entries = journal.open(), []
        while (entry := journal.first()) is not None:
            entries.append(entry)
            journal.drop_first()
        journal.close()
    return settlements, entries


async def test_a_settlement_is_noted_before_the_store_is_asked(tmp_path: Path) -> None:
    """The request's record follows in the same turn: a process that is killed after it leaves both, or none."""
    store = Store()
    async with guarding(store, [], tmp_path) as guarded:
        await guarded.reserve(("r", 1), [STRICT])
        await guarded.reserve(("r", 2), [STRICT])
        await guarded.reserve(("r", 3), [STRICT])
        await guarded.settle(("r", 3), Amounts(8), [STRICT])
        settling, releasing = guarded.settle(("r", 1), Amounts(7), [STRICT]), guarded.release(("r", 2))
        assert await store.usage(STRICT.key) == (8, 20)
        settlement = Settlement(("r", 1), Amounts(7), (STRICT,))
        assert left(tmp_path) == ([settlement], [settlement, Release(("r", 2))])
        await asyncio.gather(settling, releasing)
        assert left(tmp_path) == ([], [])
        assert await store.usage(STRICT.key) == (15, 0)


@pytest.mark.parametrize("ends", [False, True])
async def test_what_a_killed_worker_let_pass_by_itself_is_charged(tmp_path: Path, ends: bool) -> None:
    """The store knows nothing of it."""
    store, free = Store(), hold(budget(1000, id="free", on_loss="release"), 10)
    async with guarding(store, [], tmp_path) as guarded:
        store.is_down = True
        assert await guarded.reserve(("r", 1), [NORMAL]) == ()
        assert await guarded.extend(("r", 1), [free]) == ()
        estimate, settlement = Settlement(("r", 1), Amounts(10), (NORMAL,)), Settlement(("r", 1), Amounts(7), (NORMAL,))
        if ends:
            await guarded.settle(("r", 1), Amounts(7), [NORMAL])
        # Of a request that has ended, its record tells the ledger.
        assert left(tmp_path) == (([], [settlement]) if ends else ([estimate], [estimate]))
        store.is_down = False


async def test_what_a_worker_let_pass_is_noted_while_it_lasts(tmp_path: Path) -> None:
    store, tokens, more = Store(), hold(budget(1000, "tokens", id="tokens"), 3), hold(budget(1000, id="more"), 9)
    async with guarding(store, [], tmp_path) as guarded:
        store.is_down = True
        await guarded.reserve(("r", 1), [NORMAL])
        await guarded.extend(("r", 1), [tokens])
        await guarded.extend(("r", 1), [more])
        assert [len(settlement.holds) for settlement in left(tmp_path)[0]] == [3]
        await guarded.shrink(("r", 1), [tokens.key])
        assert left(tmp_path)[0] == [Settlement(("r", 1), Amounts(10), (NORMAL, more))]
        await guarded.release(("r", 1))
        assert left(tmp_path)[0] == []
        store.is_down = False
