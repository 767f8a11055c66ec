"""Counters behind their guard, over real stores, for the tests of stores that are down or have lost everything."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from penstock.limits.allowance import USUAL_RULES, OutageRules
from penstock.limits.counters import Alert, CountersUnavailable, Exceeded, Hold, ReservationId
from penstock.limits.limit import BucketKey
from penstock.limits.windows import SECOND
from penstock.stores.counter_journal import CounterJournal
from penstock.stores.guarded_counters import GuardedCounters
from penstock.stores.stored_counters import StoredCounters

HOUR: Final = 3600 * SECOND
_PATIENCE: Final = 20.0


@contextlib.asynccontextmanager
async def guarded(
    store: StoredCounters,
    folder: Path,
    alerted: Callable[[Sequence[Alert]], None] = lambda _: None,
    rules: OutageRules = USUAL_RULES,
) -> AsyncIterator[GuardedCounters]:
    journal = CounterJournal(folder, store.worker)
    counters = GuardedCounters(store, journal, timeout=_PATIENCE, calls=16, oldest=HOUR, alerted=alerted, rules=rules)
    counters.start()
    try:
        await until(lambda: counters.is_ready)
        yield counters
    finally:
        await counters.stop()


@contextlib.contextmanager
def impatient(counters: GuardedCounters, seconds: float = 0.05) -> Iterator[None]:
    """Meanwhile a call of the store has so long only. Before and after, a busy machine is no store that is down."""
    calls = counters._calls
    patience, calls.timeout = calls.timeout, seconds
    try:
        yield
    finally:
        calls.timeout = patience


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(300):
        while not is_so():  # noqa: ASYNC110 (nothing tells it)
            await asyncio.sleep(0.01)


async def until_both_answer(one: GuardedCounters, other: GuardedCounters, key: BucketKey) -> None:
    """Until both know of a store that was emptied and have it again. Neither is degraded before it has noticed, and
    when the later one does, the store waits for what the other has to tell."""
    async with asyncio.timeout(300):
        for counters in (one, other, one):
            while True:
                try:
                    await counters.usage(key)
                except CountersUnavailable:
                    await asyncio.sleep(0.01)
                else:
                    break


async def takes(counters: GuardedCounters, reservation: ReservationId, *holds: Hold) -> bool:
    return not isinstance(await counters.reserve(reservation, holds), Exceeded)


async def is_refused_for_the_store(counters: GuardedCounters, reservation: ReservationId, *holds: Hold) -> bool:
    try:
        await counters.reserve(reservation, holds)
    except CountersUnavailable as down:
        return down.retry_after >= SECOND
    return False
