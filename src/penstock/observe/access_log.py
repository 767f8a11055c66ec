"""The access log: one JSON line a finished request, made soon after its answer and written by a thread."""

from __future__ import annotations

import asyncio
import functools
import logging
import time
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import repeat
from typing import BinaryIO, Final, Protocol

import msgspec

from penstock.background import Background, in_slices
from penstock.core.durations import milliseconds
from penstock.core.json_text import write_json
from penstock.core.money import dollars_text
from penstock.core.usage import Usage
from penstock.observe.outlet import Outlet
from penstock.observe.record import GuardVerdict, Record, RecordQueue

_LOG: Final = logging.getLogger("penstock")
_PIECE: Final = 32 << 10
"""Bytes of a write, about."""
_LAST_SECONDS: Final = 1.0
"""How long the last lines may take to be written when the gateway stops."""
PIPE_BUF: Final = 4096
"""Bytes that a pipe takes in one piece, whoever else writes to it (pipe(7); POSIX guarantees 512)."""
_REMINDER: Final = 60.0
"""Seconds between two messages about a log that can't be written."""
_MOST_WAITING: Final = 1000
"""Records that wait for prices."""


class CostReader(Protocol):
    """Tells what requests cost, in nanodollars; None where it is unknown. ``is_loading``: prices are still read."""

    @property
    def is_loading(self) -> bool: ...

    def nanos_of(self, record: Record) -> int | None: ...


class AccessLog:
    """Writes lines of ``records`` to ``out``, a raw file, every ``interval`` seconds.

    Lines are made on the event loop as records come; a thread writes them. While the reader of ``out`` stalls, the
    records stay in their bounded queue. Lines of one write are ``piece`` bytes or less, or a single line: several
    processes that share a pipe must not write more than PIPE_BUF at once.

    ``costs`` tells what the requests cost. While its prices are read, the first records wait for it in their queue.
    """

    def __init__(
        self,
        records: RecordQueue,
        out: BinaryIO,
        interval: float = 0.25,
        piece: int = _PIECE,
        costs: CostReader | None = None,
    ) -> None:
        self._records = records
        self._costs = costs
        self._interval = interval
        self._taken: deque[Record] = deque()
        """Records that are out of their queue and have no line yet."""
        self._pieces = _Pieces(piece)
        self._silent_until = 0.0
        self._outlet: Outlet[list[bytes]] = Outlet(out, list, size=2, failed=self._failed, name="access log")
        self._task = Background("access log", self._run)

    def start(self) -> None:
        self._task.start()

    async def stop(self) -> None:
        """Write what is left, within a second, and end."""
        await self._task.stop()
        self._records.pause()
        until = time.monotonic() + _LAST_SECONDS
        if self._outlet.is_full:
            # A reader that is late may still come, and the last lines need room.
            await asyncio.to_thread(self._outlet.flush, _LAST_SECONDS)
        await self._drain()
        if not await asyncio.to_thread(self._outlet.close, max(0.0, until - time.monotonic())):
            _LOG.warning("nobody reads the access log: its last lines are lost")

    async def _run(self) -> None:
        while True:
            self._records.pause()
            if not (self._outlet.is_full or self._waits_for_prices()):
                await self._drain()
                self._records.follow(self._add)
            await asyncio.sleep(self._interval)

    def _waits_for_prices(self) -> bool:
        return self._costs is not None and self._costs.is_loading and len(self._records) <= _MOST_WAITING

    async def _drain(self) -> None:
        if self._outlet.is_full:
            return  # the reader stalls
        self._taken.extend(self._records.take())
        await in_slices(self._taken, lambda record: self._add([record]))
        lost, self._records.lost = self._records.lost, 0
        if lost:
            self._pieces.add(msgspec.json.encode({"event": "records lost", "count": lost}) + b"\n")
        pieces = self._pieces.take()
        if pieces:
            self._outlet.put(pieces)

    def _add(self, records: Sequence[Record]) -> None:
        """Add the lines of some records; a line that says so for a record that can't be written."""
        costs = repeat(None) if self._costs is None else map(self._costs.nanos_of, records)
        try:
            self._pieces.add(_lines(list(map(_members, records, costs))))
        except Exception as error:  # one record must never cost the others
            if len(records) > 1:
                for record in records:
                    self._add([record])
                return
            event = {"event": "record not written", "time": _iso8601(time.time()), "error": type(error).__name__}
            self._pieces.add(msgspec.json.encode(event) + b"\n")

    def _failed(self, error: Exception) -> None:
        # A closed pipe or a full disk must not take the gateway down: the lines are lost, requests go on.
        now = time.monotonic()
        if now >= self._silent_until:
            self._silent_until = now + _REMINDER
            _LOG.warning("the access log can't be written (%s): lines are lost", error)


class _Pieces:
    """Joins whole lines to pieces of at most ``size`` bytes."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._whole: list[bytes] = []
        self._lines: list[bytes] = []
        self._length = 0

    def add(self, lines: bytes) -> None:
        """Add lines, each with its end."""
        for piece in (lines,) if len(lines) <= self._size else lines.splitlines(keepends=True):
            if self._length + len(piece) > self._size and self._lines:
                self._join()
            self._lines.append(piece)
            self._length += len(piece)

    def take(self) -> list[bytes]:
        """The pieces of all lines so far."""
        if self._lines:
            self._join()
        pieces, self._whole = self._whole, []
        return pieces

    def _join(self) -> None:
        self._whole.append(b"".join(self._lines))
        self._lines.clear()
        self._length = 0


class _Line(msgspec.Struct, omit_defaults=True, gc=False):
    """The members of a line, in their order; what has its default is left out. ``stream``, ``latency_ms`` and
    ``trace_id`` are always there."""

    time: str
    method: str
    path: str
    status: int
    client: str | None = None
    user_agent: str | None = None
    key: str | None = None
    dialect: str | None = None
    provider: str | None = None
    virtual_key: str | None = None
    model: str | None = None
    stream: bool | None = None
    latency_ms: float | None = None
    first_byte_ms: float | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    units: Mapping[str, int] | None = None
    cost: msgspec.Raw | None = None
    failure: str | None = None
    option: str | None = None
    dropped_params: tuple[str, ...] = ()
    metadata: dict[str, str] | None = None
    attempts: str = ""
    cache: str | None = None
    skipped_events: int = 0
    guards: tuple[GuardVerdict, ...] = ()
    trace_id: str | None = None


_ENCODER = msgspec.json.Encoder()
_NO_USAGE = Usage()


@functools.lru_cache(4)
def _second(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _iso8601(at: float) -> str:
    """ISO 8601 with milliseconds. Many requests share a second, whose text is made once."""
    milliseconds = int(at * 1000)
    return _second(milliseconds // 1000) + _FRACTIONS[milliseconds % 1000]


_FRACTIONS: Final = [f".{each:03d}+00:00" for each in range(1000)]


def line(record: Record, cost: int | None = None) -> bytes:
    """One request as JSON: times as ISO 8601 and milliseconds, unknown values left out. ``cost`` is in nanodollars, in
    the line in dollars.

    Lone surrogates, which callers can put into names and labels, are written as escapes (``\\ud800``).
    """
    return _written(_members(record, cost))


def _members(record: Record, cost: int | None) -> _Line:
    usage = record.usage or _NO_USAGE
    # In the order of its members: by their names it would take several times as long.
    return _Line(
        _iso8601(record.at),
        record.method,
        record.path,
        record.status,
        record.client,
        record.user_agent,
        record.key,
        record.dialect,
        record.provider,
        record.virtual_key,
        record.model,
        record.stream,
        milliseconds(record.latency),
        None if record.first_byte is None else milliseconds(record.first_byte),
        usage.prompt,
        usage.completion,
        usage.cached,
        usage.reasoning,
        usage.units or None,
        None if cost is None else msgspec.Raw(dollars_text(cost).encode()),
        record.failure,
        record.option,
        record.dropped,
        record.metadata,
        record.trace if ";" in record.trace else "",
        record.cache,
        record.skipped,
        record.guards,
        record.trace_id,
    )


def _lines(several: Sequence[_Line]) -> bytes:
    """Lines with their ends, all at once if they are UTF-8."""
    try:
        return _ENCODER.encode_lines(several)
    except UnicodeEncodeError:
        return b"".join([_written(each) + b"\n" for each in several])


def _written(line: _Line) -> bytes:
    try:
        return _ENCODER.encode(line)
    except UnicodeEncodeError:
        members = msgspec.to_builtins(msgspec.structs.replace(line, cost=None))
        return write_json(members if line.cost is None else {**members, "cost": line.cost})
