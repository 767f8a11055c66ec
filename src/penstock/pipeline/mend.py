"""Stage, inside an attempt, on lane 1: a provider with an accent, put as OpenAI's clients read it.

Only what deviates is changed (``dialects/openai/mend.py``). Errors and very large plain replies pass as they are.
"""

from __future__ import annotations

from typing import Final

from penstock.core.failure import Failure
from penstock.core.http import content_type
from penstock.dialects.openai import chat as openai_chat
from penstock.dialects.openai.mend import mend_reply
from penstock.dialects.openai.mend_stream import StreamMender
from penstock.transport.base import Reply

_LARGEST: Final = 8 << 20
"""Bytes of a plain reply that is mended at most."""


def mended(reply: Reply, *, streams: bool) -> Reply:
    """The reply without its provider's peculiarities."""
    if not 200 <= reply.status < 300:
        return reply
    kind = content_type(reply.headers)
    if streams and not kind.startswith(openai_chat.CONTENT_TYPE):
        return _MendedStream(reply)
    return _MendedReply(reply)


class _MendedStream:
    """A stream, event by event as it arrives."""

    def __init__(self, inner: Reply) -> None:
        self.status = inner.status
        self.headers = inner.headers
        self.framed = inner.framed
        self._inner = inner
        self._mender = StreamMender()
        self._ended = False

    @property
    def failure(self) -> Failure | None:
        return self._inner.failure

    async def read(self) -> bytes:
        while not self._ended:
            data = await self._inner.read()
            if not data:
                self._ended = True
                return self._mender.finish() if self._inner.failure is None else b""
            ready = self._mender.feed(data)
            if ready:
                return ready
        return b""

    def close(self) -> None:
        self._ended = True
        self._inner.close()


class _MendedReply:
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
        return mend_reply(body) if self._inner.failure is None else body

    def close(self) -> None:
        self._inner.close()
