"""The request log on its way to the database: finished requests go to the spool in the turn of the event loop after the
one in which they ended, before anything more is read of their connections, and from there in batches to the tables, off
the requests' path (docs/request-log.md).

A row is made when its request goes to the spool, while its record is warm, and the spool holds it as it is; a request
with texts to look through goes there itself, and its row is made later, in a thread. A batch is one transaction. What
can't be written waits in the spool, also for the next process. A step of this task deletes what is too old.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any, Final

import msgspec

from penstock.background import Background, in_slices
from penstock.observe.log_extras import LogExtras
from penstock.observe.record import Record
from penstock.observe.redactor import Redactor
from penstock.observe.spool import Segment, Spool
from penstock.pipeline.records.alike_rows import AlikeRows
from penstock.pipeline.records.batches import Batches
from penstock.pipeline.records.log_rows import ChargeOf, Spooled, charges_of, is_quick, row_of
from penstock.prices.charge import Charge
from penstock.stores.sql.database_error import DatabaseError
from penstock.stores.sql.request_log.entry import AlikeEntries, Entries, LogEntry, one_by_one

_LOG: Final = logging.getLogger("penstock")
_INTERVAL: Final = 0.5
"""Seconds between two batches."""
_BATCH: Final = 1024
"""Rows of a transaction: writing them takes some 15 milliseconds, pauses included, in which no other change of SQLite
goes on; some 80 where callers' trace ids and metadata lead to pages all over its indexes. Of half as many each row
would cost a tenth more, and a fifth there: a page that several transactions change is written by each of them."""
_HANDFUL: Final = 128
"""Requests whose rows are made in one turn of the event loop: half a millisecond. Of more that end in the same turn, as
streams do whose provider dies, rows are made later, in slices."""
_RECOVERY: Final = 60.0
"""Seconds between two looks for spools of dead workers."""
_FIRST_RECOVERY: Final = 5.0
"""Seconds from the start to the first of them: on a busy machine a process that was killed just before may end after
this one has begun, and its spool is locked until then."""
_CLEANING: Final = 3600.0
"""Seconds between two deletions of what is too old."""
_ENCODER: Final = msgspec.msgpack.Encoder()
_ROWS: Final = msgspec.msgpack.Decoder(LogEntry)
_ALIKE_ROWS: Final = msgspec.msgpack.Decoder(AlikeEntries)
_REQUESTS: Final = msgspec.msgpack.Decoder(Spooled)
_OBJECT: Final = range(0x80, 0x90)
"""First bytes of a request in the spool: it is written as an object of few members, a row as an array
(https://github.com/msgpack/msgpack/blob/master/spec.md#map-format-family)."""

_ALIKE: Final = 0x92
"""The first byte of rows that are alike: they are an array of two members."""
_ARRAY_16: Final = 0xDC
_SHORTEST_ALIKE: Final = 4
"""Bytes from which on rows that are alike tell how many they are."""

Item = Entries | Spooled
"""What an entry of the spool is made of: a row, rows that are alike, or a request whose row takes long or waits for
prices."""
Write = Callable[[Sequence[Entries], bool], Coroutine[Any, Any, None]]
"""Writes rows; True: some of them may be there already. Raises DatabaseError."""


class RequestLog:
    """A ``Keeper`` and a part of the gateway. ``clean`` deletes what is too old, and raises DatabaseError.
    ``is_loading`` says whether prices are still being read: rows wait for them."""

    stop_seconds = 20.0
    """How long the last batches may take: the database may have to be opened for them."""

    def __init__(
        self,
        spool: Spool,
        write: Write,
        charge_of: ChargeOf,
        redactor: Redactor,
        clean: Callable[[], Coroutine[Any, Any, None]],
        is_loading: Callable[[], bool] = lambda: False,
    ) -> None:
        self.spool = spool
        self._write = write
        self._charge_of = charge_of
        self._redactor = redactor
        self._clean = clean
        self._is_loading = is_loading
        self._alike = AlikeRows()
        self._unreadable = 0
        self._told = 0
        self._is_repeated = False
        self._loop: asyncio.AbstractEventLoop | None = None
        """Where a handful of requests is written to the spool at once, as long as the log runs."""
        self._kept: list[Spooled] = []
        """Requests that ended in this turn of the event loop."""
        self._segment: Segment | None = None
        self._done = 0
        """Entries of the segment that are written."""
        self._batches: Batches[Entries] = Batches(
            "the request log", "its spool", self._write_batch, _name_of, one_by_one
        )
        self._task = Background("the request log", self._run)
        self._cleaning = Background("the request log's retention", self._keep_cleaning)

    @property
    def lost(self) -> int:
        """Requests that have no row, because the spool or the database could not take it."""
        return self.spool.lost + self._unreadable + self._batches.refused

    @property
    def waiting(self) -> int:
        return len(self._kept) + self.spool.waiting

    def keep(self, record: Record, extras: LogExtras, id_: str) -> None:
        self._kept.append(Spooled(id_, record, extras))
        if self._loop is None or extras.content is not None:
            self._spool_kept()
        elif len(self._kept) == 1:
            self._loop.call_soon(self._spool_kept)

    def _spool_kept(self) -> None:
        """Write what is kept to the spool, as rows where these are made at once. Other readers of the same records ask
        for their costs in this turn, too, so that each cost is computed once."""
        kept, self._kept = self._kept, []
        entries, items = [], []
        have_rows = len(kept) <= _HANDFUL and not self._is_loading()
        if have_rows:
            alike, kept = self._alike_rows(kept)
            entries += [entry for entry, _ in alike]
            items += [item for _, item in alike]
        for spooled in kept:
            try:
                entry, item = _encoded(self._row_at_once(spooled) if have_rows else spooled)
                items.append(item)
                entries.append(entry)
            except Exception:
                self._lose()
        if entries:
            self.spool.extend(entries, items)

    def _alike_rows(self, kept: list[Spooled]) -> tuple[list[tuple[bytes, Item]], list[Spooled]]:
        """Entries with the rows of requests that are alike, and what each is made of; and the other requests. What
        fails for one of them must not cost the others: each has a row by itself then."""
        try:
            alike, others = self._alike.gather(kept, self._charge_of)
            return list(map(_encoded, alike)), others
        except Exception:
            return [], kept

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.spool.recover()
        self._task.start()
        self._cleaning.start()

    async def stop(self) -> None:
        await self._cleaning.stop()
        await self._task.stop()
        self._loop = None
        self._spool_kept()
        try:
            await self._drain(to_the_end=True)
        finally:
            self.spool.close()
            self._tell_losses()

    async def _run(self) -> None:
        next_look = time.monotonic() + _FIRST_RECOVERY
        while True:
            await asyncio.sleep(_INTERVAL)
            if time.monotonic() >= next_look:
                next_look = time.monotonic() + _RECOVERY
                self.spool.recover()
            if not self._is_loading():
                await self._drain()
            self._tell_losses()

    async def _drain(self, *, to_the_end: bool = False) -> None:
        """Write what waits now, or until nothing does; or until the database can't be reached.

        What comes meanwhile waits for the next turn unless it fills a segment: each segment is a file, and a
        transaction."""
        is_last = False
        while (to_the_end or not is_last) and (segment := self.spool.take()) is not None:
            is_last = self.spool.segments == 1
            if segment is not self._segment:
                self._segment, self._done, self._is_repeated = segment, 0, segment.is_recovered
            is_written = False
            try:
                is_written = await self._write_segment(await self._read(segment))
            finally:
                if not is_written:
                    self._is_repeated = True  # a transaction may have been kept although its end was not heard of
            if not is_written:
                return
            self.spool.drop(segment)

    async def _read(self, segment: Segment) -> Sequence[Item | bytes]:
        """The entries of a segment that are not written yet, or what they were made of."""
        if segment.items is not None:
            return segment.items[self._done :]
        try:
            return (await asyncio.to_thread(segment.entries))[self._done :]
        except OSError as error:
            _LOG.error("a spool of the request log can't be read: %s", error)
            self._unreadable += segment.count
            return ()

    async def _write_segment(self, entries: Sequence[Item | bytes]) -> bool:
        for part in _parts(entries):
            rows = await self._rows(part)
            if rows and not await self._batches.try_write(rows):
                return False
            self._done += len(part)
        return True

    async def _rows(self, entries: Sequence[Item | bytes]) -> list[Entries]:
        """The rows of entries. An entry that can't be read costs no other."""
        rows: list[Entries] = [entry for entry in entries if isinstance(entry, Entries)]
        if len(rows) == len(entries):
            return rows
        slow: list[tuple[Spooled, list[Charge | None]]] = []

        def make(entry: Item | bytes) -> None:
            try:
                item = _decoded(entry) if isinstance(entry, bytes) else entry
                row = self._row_at_once(item) if isinstance(item, Spooled) else item
                if not isinstance(row, Spooled):
                    rows.append(row)
                else:
                    slow.append((row, charges_of(row.record, self._charge_of)))
            except Exception:
                self._lose(requests_in(entry) if isinstance(entry, bytes) else 1)

        await in_slices(deque(entry for entry in entries if not isinstance(entry, Entries)), make)
        return rows + await asyncio.to_thread(self._rows_of, slow) if slow else rows

    def _row_at_once(self, spooled: Spooled) -> Item:
        """The row of a request; the request where its row takes long, or its texts are no UTF-8 yet."""
        try:
            if not is_quick(spooled, self._redactor):
                return spooled
            return row_of(spooled, charges_of(spooled.record, self._charge_of), self._redactor)
        except UnicodeEncodeError:
            return spooled

    def _rows_of(self, several: Sequence[tuple[Spooled, list[Charge | None]]]) -> list[Entries]:
        """Rows that take long. Called in a thread."""
        rows: list[Entries] = []
        for spooled, charges in several:
            try:
                rows.append(row_of(spooled, charges, self._redactor))
            except Exception:
                self._lose()
        return rows

    def _lose(self, requests: int = 1) -> None:
        """Count and tell requests whose rows can't be made."""
        self._unreadable += requests
        _LOG.exception("a request is missing in the request log")

    async def _write_batch(self, entries: Sequence[Entries]) -> None:
        await self._write(entries, self._is_repeated)

    def _tell_losses(self) -> None:
        if self.lost > self._told:
            _LOG.error("%d requests are missing in the request log", self.lost - self._told)
            self._told = self.lost

    async def _keep_cleaning(self) -> None:
        # Several workers that started at once don't clean at once.
        await asyncio.sleep((0.1 + 0.1 * random.random()) * _CLEANING)  # noqa: S311 (no secret)
        while True:
            try:
                await self._clean()
            except DatabaseError as error:
                _LOG.error("%s; old rows of the request log stay for now", error)
            await asyncio.sleep(_CLEANING)


def _encoded(item: Item) -> tuple[bytes, Item]:
    """A row or a request as an entry of the spool, and as this entry is read again."""
    try:
        return _ENCODER.encode(item), item
    except UnicodeEncodeError:
        # Callers can put halves of surrogate pairs into names and labels.
        entry = _ENCODER.encode(_plain(msgspec.to_builtins(item, builtin_types=(bytes, bytearray))))
        return entry, _decoded(entry)


def _decoded(entry: bytes) -> Item:
    if entry[0] in _OBJECT:
        return _REQUESTS.decode(entry)
    return _ALIKE_ROWS.decode(entry) if entry[0] == _ALIKE else _ROWS.decode(entry)


def requests_in(entry: bytes) -> int:
    """How many requests an entry of the spool tells of: at least one, whatever another release has left there."""
    if len(entry) < _SHORTEST_ALIKE or entry[0] != _ALIKE:
        return 1
    # https://github.com/msgpack/msgpack/blob/master/spec.md#array-format-family
    own = entry[1]
    count = own & 0xF if own in range(0x90, 0xA0) else int.from_bytes(entry[2:4], "big") if own == _ARRAY_16 else 1
    return max(count, 1)


def _parts(entries: Sequence[Item | bytes]) -> Iterator[Sequence[Item | bytes]]:
    """Entries in parts of some ``_BATCH`` rows."""
    first = rows = 0
    for after, entry in enumerate(entries, 1):
        if isinstance(entry, bytes):
            rows += requests_in(entry)
        else:
            rows += len(entry) if isinstance(entry, AlikeEntries) else 1
        if rows >= _BATCH:
            yield entries[first:after]
            first, rows = after, 0
    if rows:
        yield entries[first:]


def _name_of(entry: Entries) -> str:
    return f"request {entry.id}" if isinstance(entry, LogEntry) else f"{len(entry)} requests"


def _plain(value: Any) -> Any:
    """A value whose texts are all UTF-8."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_plain(name): _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value
