"""Wrappers of a ``Reply`` (transport/base.py) that change its bytes or headers as they are read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from penstock.core.failure import Failure, Kind
from penstock.core.http import Headers
from penstock.dialects.caller import StreamTransform
from penstock.pipeline.off_loop import LARGE, off_loop
from penstock.transport.base import Reply, Take, hand_on, pass_on

_FRAMING: Final = frozenset({b"content-type", b"content-length", b"transfer-encoding"})
"""Response headers that describe the body's bytes: a rewritten body needs new ones."""


class WrappedReply:
    """A reply that passes another reply's bytes unchanged; subclasses change the bytes."""

    def __init__(self, inner: Reply, headers: Headers | None = None) -> None:
        self.status = inner.status
        self.headers = inner.headers if headers is None else headers
        self._inner = inner

    @property
    def failure(self) -> Failure | None:
        return self._inner.failure

    async def read(self) -> bytes:
        return await self._inner.read()

    def close(self) -> None:
        self._inner.close()


class TransformedStream(WrappedReply):
    """A stream whose bytes a ``StreamTransform`` changes as they arrive."""

    def __init__(self, inner: Reply, transform: StreamTransform, headers: Headers | None = None) -> None:
        super().__init__(inner, headers)
        self._transform = transform
        self._has_ended = False
        self._untold = 0
        """The bytes that were read since any were passed on: those of one event."""

    @property
    def failure(self) -> Failure | None:
        return self._transform.failure or self._inner.failure

    async def read(self) -> bytes:
        while not self._has_ended:
            data = await self._inner.read()
            self._untold += len(data)
            self._has_ended = not data
            change = partial(self._transform.feed, data) if data else self._finished
            ready = self._noted(await off_loop(change) if self._untold > LARGE else change())
            if ready:
                return ready
        return b""

    async def pass_on(self, take: Take) -> None:
        """Hand the changed stream to ``take`` (``transport.base.Passing``)."""
        feed = self._transform.feed

        def take_changed(data: bytes) -> Awaitable[None] | None:
            if self._has_ended:
                return None
            self._untold += len(data)
            if self._untold > LARGE:
                return self._pass_slowly(data, take)
            ready = self._noted(feed(data))
            return take(ready) if ready else None

        await pass_on(self._inner, take_changed)
        while ready := await self.read():
            await hand_on(ready, take)

    async def _pass_slowly(self, data: bytes, take: Take) -> None:
        ready = self._noted(await off_loop(partial(self._transform.feed, data)))
        if ready:
            await hand_on(ready, take)

    def _noted(self, ready: bytes) -> bytes:
        """What a change gave. A stream that is over by it is read no further."""
        if self._transform.is_over or self._transform.failure is not None:
            self.close()
        if ready:
            self._untold = 0
        return ready

    def _finished(self) -> bytes:
        return self._transform.finish() if self._inner.failure is None else b""

    def close(self) -> None:
        self._has_ended = True
        self._inner.close()


class TransformedReply(WrappedReply):
    """A plain reply that is read whole and then changed.

    ``change`` returns the new body, or a failure if the reply is unusable. A reply of more than ``limit`` bytes passes
    unchanged, or fails with ``too_large()`` if ``too_large`` is given.
    """

    def __init__(
        self,
        inner: Reply,
        change: Callable[[bytes], bytes | Failure],
        limit: int,
        headers: Headers | None = None,
        too_large: Callable[[], Failure] | None = None,
    ) -> None:
        headers_without_length = (
            [field for field in inner.headers if field[0] != b"content-length"] if headers is None else headers
        )
        super().__init__(inner, headers_without_length)
        self._change = change
        self._limit = limit
        self._too_large = too_large
        self._own_failure: Failure | None = None
        self._has_begun = False
        self._passes = False

    @property
    def failure(self) -> Failure | None:
        return self._own_failure or self._inner.failure

    async def read(self) -> bytes:
        if self._has_begun:
            return await self._inner.read() if self._passes else b""
        self._has_begun = True
        parts, size = [], 0
        while data := await self._inner.read():
            parts.append(data)
            size += len(data)
            if size > self._limit:
                return self._overflow(parts)
        body = b"".join(parts)
        if self._inner.failure is not None:
            return body if self._too_large is None else b""
        changed = await off_loop(lambda: self._change(body)) if len(body) > LARGE else self._change(body)
        if isinstance(changed, Failure):
            self._own_failure = changed
            return b""
        return changed

    def _overflow(self, parts: list[bytes]) -> bytes:
        if self._too_large is None:
            self._passes = True
            return b"".join(parts)
        self._inner.close()
        self._own_failure = self._too_large()
        return b""


def headers_for(reply: Reply, kind: bytes) -> Headers:
    """The reply's headers for a rewritten body of the content type ``kind``."""
    return [(b"content-type", kind), *[field for field in reply.headers if field[0] not in _FRAMING]]


def unusable(provider: str, what: str) -> Failure:
    """The failure of an unusable reply; ``what`` is the rest of the sentence: ``sent an error of more than 8 MiB``."""
    return Failure(Kind.INVALID_RESPONSE, f"The provider {provider} {what}.", sent=True)
