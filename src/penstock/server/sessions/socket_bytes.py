"""The bytes of a caller whose connection carries a WebSocket: in order, bounded, and the news that they end."""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

_MOST_AHEAD: Final = 256 << 10
"""Bytes that are read ahead of the session; then the caller's connection is not read from."""


class Source(Protocol):
    """The connection that the bytes come from."""

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class SocketBytes:
    """Filled by the connection, read by the session's task."""

    __slots__ = ("_ahead", "_is_paused", "_reader", "_source")

    def __init__(self, source: Source, early: bytes) -> None:
        self._source = source
        self._ahead = bytearray(early)
        self._reader: asyncio.Future[None] | None = None
        self._is_paused = False

    def received(self, data: bytes) -> None:
        """Take the next bytes."""
        self._ahead += data
        if len(self._ahead) > _MOST_AHEAD and not self._is_paused:
            self._is_paused = True
            self._source.pause_reading()
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    async def read(self) -> bytes:
        """The next bytes, at least one."""
        while not self._ahead:
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        data = bytes(self._ahead)
        self._ahead.clear()
        if self._is_paused:
            self._is_paused = False
            self._source.resume_reading()
        return data
