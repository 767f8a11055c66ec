"""A compressed reply, read as if it were not. Requests ask for no compression, so this is for providers that insist.

Output comes in bounded steps, whatever the ratio, so that a small reply can't fill the memory.
"""

from __future__ import annotations

import zlib
from typing import Final

from penstock.core.failure import Failure, Kind
from penstock.core.http import Headers
from penstock.transport.base import Reply

_STEP: Final = 256 << 10
_WINDOW: Final = {b"gzip": 16 + zlib.MAX_WBITS, b"x-gzip": 16 + zlib.MAX_WBITS, b"deflate": zlib.MAX_WBITS}


class InflatedReply:
    """A ``Reply`` around another whose body is gzip or deflate (RFC 9110, 8.4.1)."""

    def __init__(self, inner: Reply, encoding: bytes) -> None:
        self._inner = inner
        self._inflater = zlib.decompressobj(_WINDOW[encoding])
        self._failure: Failure | None = None
        self.status = inner.status
        self.framed = inner.framed
        self.headers: Headers = [
            field for field in inner.headers if field[0] not in {b"content-encoding", b"content-length"}
        ]

    @property
    def failure(self) -> Failure | None:
        return self._failure or self._inner.failure

    async def read(self) -> bytes:
        while self._failure is None:
            pending = self._inflater.unconsumed_tail
            data = pending or await self._inner.read()
            if not data:
                return self._end()
            try:
                plain = self._inflater.decompress(data, _STEP)
            except zlib.error:
                return self._break_off(Kind.INVALID_RESPONSE, "The provider's compressed response is damaged.")
            if plain:
                return plain
        return b""

    def close(self) -> None:
        self._inner.close()

    def _end(self) -> bytes:
        if self._inner.failure is None and not self._inflater.eof:
            return self._break_off(Kind.TRUNCATED, "The provider's compressed response is cut short: try again.")
        return b""

    def _break_off(self, kind: Kind, message: str) -> bytes:
        self._failure = Failure(kind, message, sent=True)
        self._inner.close()
        return b""


def inflated(reply: Reply) -> Reply:
    """The reply, unpacked when it says that it is packed in a way we know."""
    for name, value in reply.headers:
        if name == b"content-encoding" and value.lower() in _WINDOW:
            return InflatedReply(reply, value.lower())
    return reply
