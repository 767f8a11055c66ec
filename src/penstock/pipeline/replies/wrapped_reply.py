"""Wrappers of a ``Reply`` (transport/base.py) that change its bytes or headers as they are read."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from pickle import PickleBuffer
from typing import Final, cast

from penstock.core.failure import Failure, Kind
from penstock.core.http import Headers
from penstock.dialects.caller import StreamTransform
from penstock.dialects.framing import sse
from penstock.pipeline.off_loop.process import WorkError, aside
from penstock.pipeline.off_loop.thread import LARGE, off_loop, off_loop_if_large
from penstock.transport.base import Reply, Take, hand_on, pass_on
from penstock.transport.turns import STREAM_TURN

_PIECE: Final = 256 << 10
"""Bytes of a large new body that are given at once: what is written at once is encrypted at once, too."""
_ENOUGH: Final = 16
"""Bytes with which a byte order mark and the name of a first field are whole."""
_MOST_BLANKS: Final = 1024
"""Bytes of white space that are read before the first that tell something."""
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
            ready = await self._changed(await self._inner.read())
            if ready:
                return ready
        return b""

    async def _changed(self, data: bytes) -> bytes:
        """What is made of the next bytes; of none, at the stream's end."""
        self._untold += len(data)
        self._has_ended = not data
        change = partial(self._transform.feed, data) if data else self._finished
        return self._noted(await off_loop_if_large(self._untold, change))

    async def pass_on(self, take: Take) -> None:
        """Hand the changed stream to ``take`` (``transport.base.pass_on``)."""
        await self._pass_on(take, _nothing_known, take)

    async def _pass_on(self, take: Take, known: Callable[[bytes], bytes | None], take_known: Take) -> None:
        """Hand the changed stream on: to ``take_known`` what ``known`` makes of some bytes, to ``take`` the rest."""
        feed = self._transform.feed

        def take_changed(data: bytes) -> Awaitable[None] | None:
            if self._has_ended:
                return None
            ready = known(data)
            if ready is not None:
                self._untold = 0
                return take_known(ready)
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


def _nothing_known(_data: bytes) -> None:
    """Every piece of a stream is looked at."""


class TransformedReply(WrappedReply):
    """A plain reply that is read whole and then changed.

    ``change`` returns the new body, or a failure if the reply is unusable. A reply of more than ``limit`` bytes passes
    unchanged, or fails with ``too_large()`` if ``too_large`` is given. ``is_portable``: ``change`` can be given to
    another process, which large replies are changed in.
    """

    def __init__(
        self,
        inner: Reply,
        change: Callable[[bytes], bytes | Failure],
        limit: int,
        headers: Headers | None = None,
        too_large: Callable[[], Failure] | None = None,
        *,
        is_portable: bool = False,
    ) -> None:
        headers_without_length = (
            [field for field in inner.headers if field[0] != b"content-length"] if headers is None else headers
        )
        super().__init__(inner, headers_without_length)
        self._change = change
        self._limit = limit
        self._too_large = too_large
        self._is_portable = is_portable
        self._own_failure: Failure | None = None
        self._has_begun = False
        self._passes = False
        self._ready = memoryview(b"")

    @property
    def failure(self) -> Failure | None:
        return self._own_failure or self._inner.failure

    async def read(self) -> bytes:
        if self._has_begun:
            return await (self._inner.read() if self._passes else self._next_piece())
        self._has_begun = True
        parts, size = [], 0
        while data := await self._inner.read():
            parts.append(data)
            size += len(data)
            if size > self._limit:
                return self._overflow(parts)
        body = b"".join(parts)
        parts.clear()
        if self._inner.failure is not None:
            return body if self._too_large is None else b""
        if self._is_portable and len(body) > LARGE:
            changed = await self._changed_aside(body)
        else:
            changed = await off_loop_if_large(len(body), lambda: self._change(body))
        if isinstance(changed, Failure):
            self._own_failure = changed
            return b""
        if len(changed) <= _PIECE:
            return changed
        self._ready = memoryview(changed)
        return self._piece()

    async def _changed_aside(self, body: bytes) -> bytes | Failure:
        """The new body, made beside the event loop."""
        try:
            changed = await aside(len(body), changed_large, self._change, PickleBuffer(body))
        except WorkError as error:
            return Failure(Kind.INVALID_RESPONSE, f"The provider's reply can't be read: {error}.", sent=True)
        return changed if isinstance(changed, Failure) else cast("bytes", changed)

    async def _next_piece(self) -> bytes:
        """A further piece. What comes of them is work for the event loop, so others have their turn in between."""
        if self._ready:
            await asyncio.sleep(0)
        return self._piece()

    def _piece(self) -> bytes:
        """The next bytes of a large new body."""
        piece, self._ready = self._ready[:_PIECE], self._ready[_PIECE:]
        return bytes(piece)

    def _overflow(self, parts: list[bytes]) -> bytes:
        if self._too_large is None:
            self._passes = True
            return b"".join(parts)
        self._inner.close()
        self._own_failure = self._too_large()
        return b""


class JudgedReply(WrappedReply):
    """A reply whose first bytes tell how it is to be read: ``read_as`` wraps the reply, with these bytes put back."""

    def __init__(self, inner: Reply, headers: Headers, read_as: Callable[[bytes, Reply], Reply]) -> None:
        super().__init__(inner, headers)
        self._read_as = read_as
        self._judged: Reply | None = None

    @property
    def failure(self) -> Failure | None:
        return self._inner.failure if self._judged is None else self._judged.failure

    async def read(self) -> bytes:
        if self._judged is None:
            first = await first_bytes(self._inner)
            self._judged = self._read_as(first, PutBack(self._inner, first))
        return await self._judged.read()

    def close(self) -> None:
        (self._inner if self._judged is None else self._judged).close()


class PutBack(WrappedReply):
    """A reply whose first bytes were read ahead."""

    def __init__(self, inner: Reply, first: bytes) -> None:
        super().__init__(inner)
        self._first = first

    async def read(self) -> bytes:
        first, self._first = self._first, b""
        return first or await self._inner.read()


class InTurns(WrappedReply):
    """A stream that its host calls none, from its ``first`` bytes on: of a large piece as many bytes are read as others
    can wait for. The way to the provider does so where the head tells (transport/exchange.py)."""

    def __init__(self, inner: Reply, first: bytes) -> None:
        super().__init__(inner)
        self._left = first
        self._has_begun = False

    async def read(self) -> bytes:
        if self._left and self._has_begun:
            await asyncio.sleep(0)
        self._has_begun = True
        data = self._left or await self._inner.read()
        self._left = data[STREAM_TURN:]
        return data[:STREAM_TURN]

    def close(self) -> None:
        self._left = b""
        self._inner.close()


async def first_bytes(reply: Reply, *, with_line: bool = False) -> bytes:
    """The first bytes of a reply, enough of them to tell a stream from a whole reply; empty for an empty reply.
    ``with_line``: JSON begins a stream, too, which its first line tells; one of more than ``LARGE`` bytes is none."""
    first = bytearray(await reply.read())
    while first and not _tells(first, with_line=with_line):
        data = await reply.read()
        if not data:
            break
        first += data
    return bytes(first)


def _tells(first: bytearray, *, with_line: bool) -> bool:
    """Whether enough of a reply is there to tell what it is."""
    begun = bytes(first[: _MOST_BLANKS + _ENOUGH]).removeprefix(sse.BOM).lstrip()
    if begins_json(begun):
        return not with_line or first.find(b"\n", first.find(begun[:1])) >= 0 or len(first) > LARGE
    return len(begun) >= _ENOUGH or len(first) > _MOST_BLANKS


def begins_json(first: bytes) -> bool:
    """Whether bytes begin a JSON object or array."""
    return first.removeprefix(sse.BOM).lstrip()[:1] in (b"{", b"[")


def changed_large(change: Callable[[bytes], bytes | Failure], body: memoryview) -> PickleBuffer | Failure:
    """A large reply, changed in another process."""
    changed = change(bytes(body))
    return changed if isinstance(changed, Failure) else PickleBuffer(changed)


def headers_for(reply: Reply, kind: bytes) -> Headers:
    """The reply's headers for a rewritten body of the content type ``kind``."""
    return [(b"content-type", kind), *[field for field in reply.headers if field[0] not in _FRAMING]]


def unusable(provider: str, what: str) -> Failure:
    """The failure of an unusable reply; ``what`` is the rest of the sentence: ``sent an error of more than 8 MiB``."""
    return Failure(Kind.INVALID_RESPONSE, f"The provider {provider} {what}.", sent=True)
