"""Replies that are looked at on their way to the caller: the response that the gateway keeps is in their last event."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from penstock.pipeline.keeping.exchange import Keeping
from penstock.pipeline.replies.wrapped_reply import WrappedReply
from penstock.transport.base import Reply, Take, pass_on


class LastEvent(Protocol):
    """Finds a response in the last event of a stream that ended well."""

    response: bytes | None

    def feed(self, data: bytes) -> None: ...


class WholeReply:
    """A plain reply that arrives in pieces."""

    response: bytes | None = None

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def feed(self, data: bytes) -> None:
        if data:
            self._parts.append(data)
        else:
            self.response = b"".join(self._parts)


class Tap:
    """Looks at an answer's bytes on their way, and keeps the response when it is there."""

    def __init__(self, last: LastEvent, longest: int, keeping: Keeping, keep: Callable[[Keeping, bytes], None]) -> None:
        self._last = last
        self._left = 64 * longest
        """Bytes of an answer that are looked at: a stream says everything several times."""
        self._keeping = keeping
        self._keep = keep

    def feed(self, data: bytes) -> None:
        if self._left <= 0:
            return
        self._left -= len(data)
        self._last.feed(data)
        response = self._last.response
        if response is not None:
            self._left = 0
            self._keep(self._keeping, response)


class TappedReply(WrappedReply):
    """A reply whose bytes a tap looks at."""

    def __init__(self, inner: Reply, tap: Tap) -> None:
        super().__init__(inner)
        self._tap = tap

    async def read(self) -> bytes:
        data = await self._inner.read()
        if data or self._inner.failure is None:
            self._tap.feed(data)
        return data

    async def pass_on(self, take: Take) -> None:
        """Hand the reply to ``take`` (``transport.base.pass_on``)."""

        def take_and_feed(data: bytes) -> Awaitable[None] | None:
            self._tap.feed(data)
            return take(data)

        await pass_on(self._inner, take_and_feed)
        if self._inner.failure is None:
            self._tap.feed(b"")
