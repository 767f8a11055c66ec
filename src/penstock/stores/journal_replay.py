"""A store that is back is told what was kept for it in the journal, in order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from typing import Final

from penstock.limits.budgets import reached
from penstock.limits.counters import Alert
from penstock.limits.limit import BucketKey, Limit
from penstock.stores.counter_journal import CounterJournal, Entry, Release, Settlement
from penstock.stores.stored_counters import StoredCounters, StoreDown

_LOG: Final = logging.getLogger("penstock")


class JournalReplay:
    """``timeout`` is in seconds, for one entry. ``alerted`` gets the alerts of what is told."""

    def __init__(
        self,
        store: StoredCounters,
        journal: CounterJournal,
        timeout: float,
        alerted: Callable[[Sequence[Alert]], None],
    ) -> None:
        self._store = store
        self._journal = journal
        self._timeout = timeout
        self._alerted = alerted
        self._unsure: dict[BucketKey, Limit] = {}
        """Budgets whose settlements were told twice, and whose alerts may have been lost with an answer."""

    async def run(self) -> None:
        """Tell all of it. Raises StoreDown when the store is down again: the rest is kept."""
        alerted: set[BucketKey] = set()
        while (entry := self._journal.first()) is not None:
            alerts: Sequence[Alert] = ()
            try:
                async with asyncio.timeout(self._timeout):
                    alerts = await self._tell(entry)
            except TimeoutError as error:
                raise StoreDown("no answer to what was kept for it") from error
            except ValueError as error:
                _LOG.error("the counters' store can't take a call that was kept for it: %s", error)
            if alerts:
                self._alerted(alerts)
            alerted.update(alert.key for alert in alerts)
            if isinstance(entry, Settlement):
                self._unsure.update((hold.key, hold.limit) for hold in entry.holds if hold.limit.is_budget)
            self._journal.drop_first()
        await self._alert_again(alerted)

    async def _tell(self, entry: Entry) -> Sequence[Alert]:
        if isinstance(entry, Settlement):
            return await self._store.settle(entry.reservation, entry.actual, entry.holds)
        if isinstance(entry, Release):
            await self._store.release(entry.reservation)
        else:
            await self._store.shrink(entry.reservation, entry.keys)
        return ()

    async def _alert_again(self, alerted: Collection[BucketKey]) -> None:
        """Raise what budgets have reached of which a settlement was told twice: the store may have taken the first one,
        and its answer, with the alerts, was lost. ``alerted`` are those whose alerts came with the second answer.
        People are told of the same alert once (observe/alerts/teller.py)."""
        while self._unsure:
            key, limit = next(iter(self._unsure.items()))
            if key in alerted:
                del self._unsure[key]
                continue
            try:
                async with asyncio.timeout(self._timeout):
                    settled = (await self._store.usage(key)).settled
            except TimeoutError as error:
                raise StoreDown("no answer to what a budget has spent") from error
            kind = reached(settled, limit.alert_at, limit.cap)
            if kind is not None:
                self._alerted([Alert(kind, limit, key, settled)])
            del self._unsure[key]
