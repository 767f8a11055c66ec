"""The access log: one JSON line a finished request, written in batches away from the hot path."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime
from typing import Any, BinaryIO

import msgspec

from penstock.observe.record import Record, Records


class AccessLog:
    """Drains ``records`` to ``out`` every ``interval`` seconds, in a thread since a pipe may block."""

    def __init__(self, records: Records, out: BinaryIO, interval: float = 0.25) -> None:
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


def line(record: Record) -> bytes:
    """One request as JSON: times as ISO 8601 and milliseconds, unknown values left out."""
    usage = record.usage
    fields: dict[str, Any] = {
        "time": datetime.fromtimestamp(record.at, UTC).isoformat(timespec="milliseconds"),
        "method": record.method,
        "path": record.path,
        "status": record.status,
        "provider": record.provider,
        "model": record.model,
        "stream": record.stream,
        "latency_ms": round(record.latency * 1000, 3),
        "first_byte_ms": None if record.first_byte is None else round(record.first_byte * 1000, 3),
        "prompt_tokens": usage.prompt if usage else None,
        "completion_tokens": usage.completion if usage else None,
        "cached_tokens": usage.cached if usage else None,
        "reasoning_tokens": usage.reasoning if usage else None,
        "failure": record.failure,
        "option": record.option,
        "dropped_params": list(record.dropped) or None,
        "metadata": record.metadata,
        "trace_id": record.trace_id,
    }
    return msgspec.json.encode({key: value for key, value in fields.items() if value is not None})
