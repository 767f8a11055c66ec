"""Takes the records of finished requests to the ledger, in batches, off the request's path (stores/sql/ledger.py).

The entries of a record are made when its request ends, and wait for the database in a file that outlives
a killed process: the next worker writes what a dead one has left. Behind so many entries, while the database can't be
reached, records wait in a queue of bounded length. All that waits when the gateway stops is written before it ends.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from penstock.background import Background
from penstock.core.durations import microseconds
from penstock.core.usage import Usage
from penstock.limits.pricing import PricedModel, Pricing
from penstock.observe.record import AttemptRecord, Record, RecordQueue, Records
from penstock.pipeline.records.batches import Batches
from penstock.pipeline.records.cost import cost_of, mode_of
from penstock.stores.kept_entries import KeptEntries
from penstock.stores.sql.ids import random_id
from penstock.stores.sql.ledger_entry import LEDGER_FILES, LedgerEntry, decode_entries, encode_entry

_LOG: Final = logging.getLogger("penstock")
QUEUE: Final = 100_000
"""Records that wait at most, while the database can't be reached."""
_INTERVAL: Final = 0.2
"""Seconds between two batches."""
_BATCH: Final = 2000
_MOST_WAITING: Final = 20_000
"""Entries that wait at most in the file; further records wait in their queue."""
_KEPT_BYTES: Final = 16 << 20
_BETWEEN: Final = 50
"""Batches between two looks for what dead workers have left."""
_FREE: Final = frozenset({"HIT", "REPLAYED"})
_SEARCHES: Final = "web_search"

Write = Callable[[Sequence[LedgerEntry]], Coroutine[Any, Any, None]]


class Ledger:
    """A part of the gateway that writes records by ``write``, which raises DatabaseError, once ``begin`` was called.
    ``pricing`` gives the prices of requests that no limit has charged. ``folder`` is where entries outlive the process;
    None for nowhere."""

    stop_seconds = 20.0
    """How long the last batches may take: the database may have to be opened for them."""

    def __init__(
        self, records: Records, write: Write, pricing: Callable[[], Pricing], folder: Path | None = None
    ) -> None:
        self._records = records
        self._queue: RecordQueue | None = None
        self._batches: Batches[LedgerEntry] = Batches("the ledger", "memory", write, _name_of)
        self._pricing = pricing
        self._waiting: deque[tuple[LedgerEntry, int | None]] = deque()
        """Entries, each with its number among those that are kept."""
        self._kept = KeptEntries(folder, LEDGER_FILES, random_id(), _KEPT_BYTES)
        self._unpriced: list[Record] = []
        """Records that came while prices were read."""
        self._is_started = self._is_paused = False
        self._told = 0
        self._task = Background("the ledger", self._run)

    def begin(self) -> None:
        """Write what is recorded from now on. Harmless when called again."""
        if self._queue is None:
            self._queue = self._records.subscribe(QUEUE, "ledger")
            self._follow()

    def start(self) -> None:
        self._is_started = True
        self._follow()
        self._task.start()

    async def stop(self) -> None:
        self._is_started = False
        await self._task.stop()
        while self._fill() and await self._try_write():
            pass
        self._kept.close()

    def add(self, entries: Iterable[LedgerEntry]) -> None:
        """Write entries that no record of this process tells of: reservations of a worker that is dead."""
        for entry in entries:
            self._waiting.append((entry, self._kept.put(encode_entry(entry))))

    def _follow(self) -> None:
        if self._queue is not None and self._is_started:
            self._kept.open("what a killed worker has not written yet is missing in the ledger")
            self._queue.follow_at_once(self._read)

    def _read(self, record: Record) -> None:
        """Make the entries of a record. One that no limit has charged waits for prices that are still read."""
        if not record.request_id and self._pricing().is_loading and len(self._unpriced) < _BATCH:
            self._unpriced.append(record)
            return
        self._make(record)
        if len(self._waiting) >= _MOST_WAITING and self._queue is not None:
            self._queue.pause()
            self._is_paused = True

    def _make(self, record: Record) -> None:
        """Make the entries of a record. One that can't be made is no reason for its request to fail, nor costs it any
        other."""
        try:
            self.add(entries_of(record, self._pricing()))
        except Exception:
            _LOG.exception("request %s is missing in the ledger", record.request_id)

    async def _run(self) -> None:
        for number in itertools.count():
            if number % _BETWEEN == 0:
                await self._write_left()
            await asyncio.sleep(_INTERVAL)
            while self._fill() and await self._try_write():
                pass

    async def _write_left(self) -> None:
        """Write what dead workers have left."""
        for path, entries in self._kept.left():
            if await self._batches.try_write(decode_entries(entries)):
                path.unlink(missing_ok=True)

    def _fill(self) -> bool:
        """Make entries of records that have no entries yet, unless enough are waiting. Returns whether any are."""
        queue = self._queue
        if queue is None:
            return bool(self._waiting)
        if not (self._is_started and self._pricing().is_loading):
            early, self._unpriced = self._unpriced, []
            for record in early:
                self._make(record)
        if len(self._waiting) < _BATCH:
            for record in queue.take(_BATCH):
                self._make(record)
            if self._is_paused and not queue and self._is_started:
                self._is_paused = False
                queue.follow_at_once(self._read)
        if queue.lost > self._told:
            _LOG.error("%d requests are missing in the ledger: its queue was full", queue.lost - self._told)
            self._told = queue.lost
        return bool(self._waiting)

    async def _try_write(self) -> bool:
        """Write the oldest entries. False if the database can't be reached: they wait for the next time."""
        batch = list(itertools.islice(self._waiting, _BATCH))
        if not await self._batches.try_write([entry for entry, _ in batch]):
            return False
        for _ in batch:
            self._waiting.popleft()
        self._kept.carried_out([number for _, number in batch])
        return True


def _name_of(entry: LedgerEntry) -> str:
    return f"attempt {entry.attempt} of request {entry.request_id}"


def entries_of(record: Record, pricing: Pricing) -> Iterator[LedgerEntry]:
    """The entries of a request's attempts. A request without limits gets its id here."""
    request_id = record.request_id or random_id()
    for number, attempt in enumerate(record.attempts, 1):
        usage, nanos, version, match, is_estimated = _cost(attempt, record, pricing)
        budgets = () if attempt.billed is None else attempt.billed.budgets
        yield LedgerEntry(
            request_id,
            number,
            microseconds(record.at + attempt.began),
            attempt.provider,
            usage,
            nanos,
            version,
            match,
            is_estimated,
            attempt.cache in _FREE and not attempt.is_charged,
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
            attempt.region or None,
        )


def _cost(attempt: AttemptRecord, record: Record, pricing: Pricing) -> tuple[Usage, int | None, str | None, str, bool]:
    """What an attempt of a request took and cost, as ``cost_of`` says it."""
    charge, usage = None, attempt.usage
    if attempt.billed is None and attempt.is_charged and usage is not None:
        priced = PricedModel(attempt.provider, attempt.model or "", attempt.virtual_key, attempt.region)
        charge = pricing.charge(priced, usage, record.at + attempt.began)
    return cost_of(attempt, charge, record)
