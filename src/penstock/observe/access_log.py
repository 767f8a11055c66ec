"""The access log: one JSON line a finished request, written in batches away from the hot path."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from datetime import UTC, datetime
from typing import BinaryIO

import msgspec

from penstock.core.usage import Usage
from penstock.observe.record import Record, RecordQueue


class AccessLog:
    """Drains ``records`` to ``out`` every ``interval`` seconds, in a thread since a pipe may block."""

    def __init__(self, records: RecordQueue, out: BinaryIO, interval: float = 0.25) -> None:
        self._records = records
        self._out = out
        self._interval = interval
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run(), name="access log")

    async def stop(self) -> None:
        """Write what is left and end."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            await self._drain()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._interval)
            await self._drain()

    async def _drain(self) -> None:
        records = self._records.take()
        lost, self._records.lost = self._records.lost, 0
        if records or lost:
            await asyncio.to_thread(self._write, records, lost)

    def _write(self, records: list[Record], lost: int) -> None:
        lines = [line(record) for record in records]
        if lost:
            lines.append(msgspec.json.encode({"event": "records lost", "count": lost}))
        # A closed pipe must not take the gateway down: the log is lost, requests go on.
        with contextlib.suppress(OSError, ValueError):
            self._out.write(b"\n".join(lines) + b"\n")
            self._out.flush()


class _Line(msgspec.Struct, omit_defaults=True, kw_only=True):
    """The members of a line, in their order; what has its default is left out."""

    time: str
    method: str
    path: str
    status: int
    provider: str | None = None
    model: str | None = None
    stream: bool
    latency_ms: float
    first_byte_ms: float | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    failure: str | None = None
    option: str | None = None
    dropped_params: tuple[str, ...] = ()
    metadata: dict[str, str] | None = None
    attempts: str = ""
    cache: str | None = None
    skipped_events: int = 0
    trace_id: str


_ENCODER = msgspec.json.Encoder()
_NO_USAGE = Usage()


@functools.lru_cache(4)
def _second(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _written(at: float) -> str:
    """ISO 8601 with milliseconds. Many requests share a second, whose text is made once."""
    return f"{_second(int(at))}.{int(at * 1000) % 1000:03d}+00:00"


def line(record: Record) -> bytes:
    """One request as JSON: times as ISO 8601 and milliseconds, unknown values left out."""
    usage = record.usage or _NO_USAGE
    written = _Line(
        time=_written(record.at),
        method=record.method,
        path=record.path,
        status=record.status,
        provider=record.provider,
        model=record.model,
        stream=record.stream,
        latency_ms=round(record.latency * 1000, 3),
        first_byte_ms=None if record.first_byte is None else round(record.first_byte * 1000, 3),
        prompt_tokens=usage.prompt,
        completion_tokens=usage.completion,
        cached_tokens=usage.cached,
        reasoning_tokens=usage.reasoning,
        failure=record.failure,
        option=record.option,
        dropped_params=record.dropped,
        metadata=record.metadata,
        attempts=record.trace if ";" in record.trace else "",
        cache=record.cache,
        skipped_events=record.skipped,
        trace_id=record.trace_id,
    )
    return _ENCODER.encode(written)
