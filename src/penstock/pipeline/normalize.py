"""Stage, inside an attempt, on lane 1: a reply that deviates from OpenAI's schema becomes what clients read.

Only what deviates is changed (``dialects/openai/relay/normalize.py``). Errors and very large plain replies pass as
they are.
"""

from __future__ import annotations

from typing import Final

from penstock.core.failure import Failure
from penstock.core.http import content_type
from penstock.dialects.openai.relay import body as openai_body
from penstock.dialects.openai.relay.normalize import normalize_reply
from penstock.dialects.openai.relay.normalize_stream import StreamNormalizer
from penstock.transport.base import Reply

_LARGEST: Final = 8 << 20
"""Bytes of a plain reply that is mended at most."""


def normalized(reply: Reply, *, streams: bool) -> Reply:
    """The reply without its provider's peculiarities."""
    if not 200 <= reply.status < 300:
        return reply
    kind = content_type(reply.headers)
    if streams and not kind.startswith(openai_body.CONTENT_TYPE):
        return _NormalizedStream(reply)
    return _NormalizedReply(reply)


class _NormalizedStream:
    """A stream, event by event as it arrives."""

    def __init__(self, inner: Reply) -> None:
        self.status = inner.status
        self.headers = inner.headers
        self.framed = inner.framed
        self._inner = inner
        self._normalizer = StreamNormalizer()
        self._ended = False

    @property
    def failure(self) -> Failure | None:
        return self._inner.failure

    async def read(self) -> bytes:
        while not self._ended:
            data = await self._inner.read()
            if not data:
                self._ended = True
                return self._normalizer.finish() if self._inner.failure is None else b""
            ready = self._normalizer.feed(data)
            if ready:
                return ready
        return b""

    def close(self) -> None:
        self._ended = True
        self._inner.close()


class _NormalizedReply:
    """A plain reply, whole; one that is too large in pieces, as it came."""

    def __init__(self, inner: Reply) -> None:
        self.status = inner.status
        self.headers = [field for field in inner.headers if field[0] != b"content-length"]
        self.framed = inner.framed
        self._inner = inner
        self._has_begun = False

    @property
    def failure(self) -> Failure | None:
        return self._inner.failure

    async def read(self) -> bytes:
        if self._has_begun:
            return await self._inner.read()
        self._has_begun = True
        parts, size = [], 0
        while data := await self._inner.read():
            parts.append(data)
            size += len(data)
            if size > _LARGEST:
                return b"".join(parts)
        body = b"".join(parts)
        return normalize_reply(body) if self._inner.failure is None else body

    def close(self) -> None:
        self._inner.close()
