"""Turns of reading: a connection whose bytes come faster than they are worked on leaves the others their turn.

libuv reads a socket up to 32 times before it looks at another, which are 8 MB: nobody else is served meanwhile, and a
caller who leaves is not noticed.
"""

from __future__ import annotations

import asyncio
from typing import ClassVar, Final

from penstock.core.http import NDJSON, Headers

LARGE_READ: Final = 64 << 10
"""Bytes of one read from which on it is counted: smaller ones emptied the socket, which ends its turn anyhow."""
STREAM_TURN: Final = 16 << 10
"""Bytes of a stream that are handed on before others have their turn: a provider may send nothing but comments, or ends
of events, each of which takes some microseconds."""
_STREAMS: Final = (b"text/event-stream", b"application/vnd.amazon.eventstream", NDJSON)


def is_stream(headers: Headers) -> bool:
    """Whether a body is made of events, as its head says: of any other, a large piece is little work."""
    return any(name == b"content-type" and value.lower().startswith(_STREAMS) for name, value in headers)


class TakesTurns(asyncio.Protocol):
    """The base of a protocol: when its transport is read. ``transport`` is set by ``connection_made``."""

    burst: ClassVar[int]
    """Bytes that are read in one turn of the event loop."""

    __slots__ = ("_burst", "_is_paused", "loop", "transport")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.transport: asyncio.Transport
        self._burst = 0
        self._is_paused = False

    def _take_turns(self, size: int) -> None:
        """Count a large read: after ``burst`` bytes the other connections have their turn."""
        if not self._burst:
            self.loop.call_soon(self._next_turn)
        before, self._burst = self._burst, self._burst + size
        if before < self.burst <= self._burst and not self._is_paused:
            self.transport.pause_reading()

    def _end_turn(self) -> None:
        """A turn that has begun took long for few bytes: the other connections have theirs at once."""
        if self._burst < self.burst:
            self._burst = self.burst
            if not self._is_paused:
                self.transport.pause_reading()

    def _next_turn(self) -> None:
        burst, self._burst = self._burst, 0
        if burst >= self.burst and not self._is_paused and not self.transport.is_closing():
            self.transport.resume_reading()

    def pause_reading(self) -> None:
        """Read nothing more, until ``resume_reading``."""
        if not self._is_paused:
            self._is_paused = True
            if self._burst < self.burst:
                self.transport.pause_reading()

    def resume_reading(self) -> None:
        if self._is_paused and not self.transport.is_closing():
            self._is_paused = False
            if self._burst < self.burst:
                self.transport.resume_reading()
