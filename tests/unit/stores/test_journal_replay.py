"""What was kept for a store that was down is told in order, and what can't be told now is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from limiting import Clock, budget, hold
from penstock.limits.counters import Alert, BucketUsage, Hold, ReservationId
from penstock.limits.limit import Amounts, BucketKey
from penstock.limits.memory import MemoryCounters
from penstock.stores.counter_journal import CounterJournal, Release, Settlement, Shrinkage
from penstock.stores.journal_replay import JournalReplay
from penstock.stores.stored_counters import StoreDown

FIRST, SECOND = hold(budget(100, id="first"), 30), hold(budget(100, id="second"), 30)


class Store(MemoryCounters):
    """A store that may hang, refuse a call for good, or forget to answer with alerts."""

    worker = "w"

    def __init__(self) -> None:
        super().__init__(Clock().read)
        self.hangs = self.is_mute = False
        self.refused: set[ReservationId] = set()

    async def settle(self, reservation: ReservationId, actual: Amounts, holds: Sequence[Hold]) -> tuple[Alert, ...]:
        if self.hangs:
            await asyncio.Event().wait()
        if reservation in self.refused:
            raise ValueError("not such a step")
        alerts = await super().settle(reservation, actual, holds)
        return () if self.is_mute else alerts

    async def usage(self, key: BucketKey) -> BucketUsage:
        if self.hangs:
            await asyncio.Event().wait()
        return await super().usage(key)


def replaying(store: Store) -> tuple[JournalReplay, CounterJournal, list[Alert]]:
    journal, alerts = CounterJournal(None, "w"), list[Alert]()
    return JournalReplay(store, journal, 0.01, alerts.extend), journal, alerts  # type: ignore[arg-type]


async def test_entries_are_told_in_order() -> None:
    store = Store()
    replay, journal, alerts = replaying(store)
    for number in range(3):
        await store.reserve((f"r{number}", 1), [FIRST, SECOND])
    journal.append(Shrinkage(("r0", 1), (SECOND.key,)))
    journal.append(Settlement(("r0", 1), Amounts(20), (FIRST,)))
    journal.append(Release(("r1", 1)))
    await replay.run()
    assert len(journal) == 0
    assert await store.usage(FIRST.key) == (20, 30)
    assert await store.usage(SECOND.key) == (0, 30)
    assert alerts == []


async def test_a_store_that_is_down_again_keeps_the_rest() -> None:
    store = Store()
    replay, journal, _ = replaying(store)
    journal.append(Settlement(("r0", 1), Amounts(20), (FIRST,)))
    store.hangs = True
    with pytest.raises(StoreDown):
        await replay.run()
    assert len(journal) == 1
    store.hangs = False
    await replay.run()
    assert await store.usage(FIRST.key) == (20, 0)


async def test_a_call_that_can_never_be_made_stops_nothing() -> None:
    store = Store()
    replay, journal, _ = replaying(store)
    store.refused = {("r0", 1)}
    journal.append(Settlement(("r0", 1), Amounts(20), (FIRST,)))
    journal.append(Settlement(("r1", 1), Amounts(7), (FIRST,)))
    await replay.run()
    assert await store.usage(FIRST.key) == (7, 0)


@pytest.mark.parametrize("is_mute", [False, True], ids=["with the answer", "whose answer was lost"])
async def test_an_alert_is_raised_once(is_mute: bool) -> None:
    store = Store()
    replay, journal, alerts = replaying(store)
    store.is_mute = is_mute
    await store.reserve(("r0", 1), [FIRST])
    journal.append(Settlement(("r0", 1), Amounts(100), (FIRST,)))
    await replay.run()
    await replay.run()
    assert [each.kind for each in alerts if each.kind != "overrun"] == ["exhausted"]
