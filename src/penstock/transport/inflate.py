"""Compressed bodies in bounded steps, and a compressed reply read as if it were not compressed. Requests ask for no
compression, so the reply is for providers that insist.

Output comes in bounded steps, whatever the ratio, so that a small reply can't fill the memory.
"""

from __future__ import annotations

import asyncio
import zlib
from typing import Final

from penstock.core.failure import Failure, Kind
from penstock.core.http import Headers
from penstock.transport.base import Reply
from penstock.transport.turns import STREAM_TURN, is_stream

_STEP: Final = 256 << 10
_WINDOW: Final = {b"gzip": 16 + zlib.MAX_WBITS, b"x-gzip": 16 + zlib.MAX_WBITS, b"deflate": zlib.MAX_WBITS}


class Inflater:
    """The plain bytes of a gzip or deflate body, in steps of at most ``most`` bytes, whatever its ratio.

    Several gzip members are one body (RFC 1952, 2.2); ``members`` counts those that began. ``has_more``: another step
    gives more of what was fed.
    """

    __slots__ = ("_inflater", "_most", "_packed", "_window", "has_more", "members")

    def __init__(self, encoding: bytes, most: int = _STEP) -> None:
        self._most = most
        self._window = _WINDOW[encoding]
        self._inflater = zlib.decompressobj(self._window)
        self._packed = b""
        self.has_more = False
        self.members = 0

    @property
    def is_complete(self) -> bool:
        """Whether the body ends with what was fed so far."""
        return self._inflater.eof and not self.has_more

    def feed(self, packed: bytes) -> None:
        """Take bytes as they came. Only when there is no more of the bytes before."""
        self._packed = packed
        self.has_more = bool(packed)

    def step(self) -> bytes:
        """The next plain bytes (possibly none). Raises zlib.error for what is no compressed data."""
        if self._inflater.eof:
            self._inflater = zlib.decompressobj(self._window)
            self.members += 1
        elif not self.members:
            self.members = 1
        plain = self._inflater.decompress(self._packed, self._most)
        self._packed = self._inflater.unconsumed_tail or self._inflater.unused_data
        self.has_more = bool(self._packed) or (len(plain) == self._most and not self._inflater.eof)
        return plain


class InflatedReply:
    """A ``Reply`` around another whose body is gzip or deflate (RFC 9110, 8.4.1)."""

    def __init__(self, inner: Reply, encoding: bytes, host: str) -> None:
        self._inner = inner
        self._host = host
        self._inflater = Inflater(encoding, STREAM_TURN if is_stream(inner.headers) else _STEP)
        self._failure: Failure | None = None
        self.status = inner.status
        self.headers: Headers = [
            field for field in inner.headers if field[0] not in {b"content-encoding", b"content-length"}
        ]

    @property
    def failure(self) -> Failure | None:
        return self._failure or self._inner.failure

    async def read(self) -> bytes:
        while self._failure is None:
            if self._inflater.has_more:
                # Unpacking never waits by itself: others get their turn between two steps.
                await asyncio.sleep(0)
            else:
                packed = await self._inner.read()
                if not packed:
                    return self._end()
                self._inflater.feed(packed)
            try:
                plain = self._inflater.step()
            except zlib.error:
                return self._break_off(Kind.INVALID_RESPONSE, "is damaged")
            if plain:
                return plain
        return b""

    def close(self) -> None:
        self._inner.close()

    def _end(self) -> bytes:
        if self._inflater.members and self._inner.failure is None and not self._inflater.is_complete:
            return self._break_off(Kind.TRUNCATED, "is cut short")
        return b""

    def _break_off(self, kind: Kind, what: str) -> bytes:
        text = f"The compressed response of the provider at {self._host} {what}: try again, or ask for none."
        self._failure = Failure(kind, text, sent=True)
        self._inner.close()
        return b""


def inflated(reply: Reply, host: str) -> Reply:
    """The reply, unpacked when it says that it is packed in a way we know."""
    for name, value in reply.headers:
        if name == b"content-encoding" and value.lower() in _WINDOW:
            return InflatedReply(reply, value.lower(), host)
    return reply
