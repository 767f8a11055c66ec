"""Takes the records of finished requests to the ledger, in batches, off the request's path (stores/sql/ledger.py).

Records wait in a queue of bounded length. Those that wait when the gateway stops are written before it ends.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any, Final

from penstock.background import Background, in_slices
from penstock.core.usage import Usage
from penstock.limits.pricing import Pricing
from penstock.observe.record import AttemptRecord, Record, RecordQueue, Records
from penstock.pipeline.records.batches import Batches
from penstock.pipeline.records.cost import mode_of
from penstock.stores.sql.ids import random_id
from penstock.stores.sql.ledger_entry import LedgerEntry

_LOG: Final = logging.getLogger("penstock")
QUEUE: Final = 100_000
"""Records that wait at most, while the database can't be reached."""
_INTERVAL: Final = 0.2
"""Seconds between two batches."""
_BATCH: Final = 2000
_FREE: Final = frozenset({"HIT", "REPLAYED"})
_SEARCHES: Final = "web_search"

Write = Callable[[Sequence[LedgerEntry]], Coroutine[Any, Any, None]]


class Ledger:
    """A part of the gateway that writes records by ``write``, which raises DatabaseError, once ``begin`` was called.
    ``pricing`` gives the prices of requests that no limit has charged."""

    stop_seconds = 20.0
    """How long the last batches may take: the database may have to be opened for them."""

    def __init__(self, records: Records, write: Write, pricing: Callable[[], Pricing]) -> None:
        self._records = records
        self._queue: RecordQueue | None = None
        self._batches: Batches[LedgerEntry] = Batches("the ledger", "memory", write, _name_of)
        self._pricing = pricing
        self._taken: deque[Record] = deque()
        """Records that are out of their queue and have no entries yet."""
        self._waiting: list[LedgerEntry] = []
        self._told = 0
        self._task = Background("the ledger", self._run)

    def begin(self) -> None:
        """Write what is recorded from now on. Harmless when called again."""
        if self._queue is None:
            self._queue = self._records.subscribe(QUEUE, "ledger")

    def start(self) -> None:
        self._task.start()

    async def stop(self) -> None:
        await self._task.stop()
        while await self._fill() and await self._try_write():
            pass

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(_INTERVAL)
            while await self._fill() and await self._try_write():
                pass

    async def _fill(self) -> bool:
        """Make entries of the queue's records, unless enough are waiting. Returns whether any are."""
        queue = self._queue
        if queue is None:
            return False
        if len(self._waiting) < _BATCH:
            pricing = self._pricing()
            self._taken.extend(queue.take())
            await in_slices(self._taken, lambda record: self._waiting.extend(entries_of(record, pricing)))
        if queue.lost > self._told:
            _LOG.error("%d requests are missing in the ledger: its queue was full", queue.lost - self._told)
            self._told = queue.lost
        return bool(self._waiting)

    async def _try_write(self) -> bool:
        """Write the oldest entries. False if the database can't be reached: they wait for the next time."""
        batch = self._waiting[:_BATCH]
        if not await self._batches.try_write(batch):
            return False
        del self._waiting[: len(batch)]
        return True


def _name_of(entry: LedgerEntry) -> str:
    return f"attempt {entry.attempt} of request {entry.request_id}"


def entries_of(record: Record, pricing: Pricing) -> Iterator[LedgerEntry]:
    """The entries of a request's attempts. A request without limits gets its id here."""
    request_id = record.request_id or random_id()
    for number, attempt in enumerate(record.attempts, 1):
        usage, nanos, version, match, is_estimated = _billed(attempt, pricing)
        budgets = () if attempt.billed is None else attempt.billed.budgets
        yield LedgerEntry(
            request_id,
            number,
            round((record.at + attempt.began) * 1_000_000),
            attempt.provider,
            usage,
            nanos,
            version,
            match,
            is_estimated,
            attempt.cache in _FREE,
            attempt.status,
            attempt.failure,
            attempt.model,
            record.operation,
            attempt.virtual_key,
            record.config,
            record.workspace,
            record.key_id,
            record.key,
            record.trace_id,
            record.labels,
            {**usage.units, _SEARCHES: usage.searches} if usage.searches else usage.units,
            mode_of(usage),
            budgets,
        )


def _billed(attempt: AttemptRecord, pricing: Pricing) -> tuple[Usage, int | None, str | None, str, bool]:
    """What an attempt took and cost, by which version of the prices and which match, and whether it is estimated."""
    billed = attempt.billed
    if billed is not None:
        return billed.usage, billed.nanos, billed.price_version or None, billed.price_match, billed.is_estimated
    if not attempt.is_charged or attempt.usage is None:
        return Usage(), 0, None, "none", False
    charge = pricing.charge(attempt.provider, attempt.model or "", attempt.virtual_key, attempt.usage)
    if charge is None:
        return attempt.usage, None, None, "none", False
    return attempt.usage, charge.nanos, charge.price_version, charge.price_match, False
