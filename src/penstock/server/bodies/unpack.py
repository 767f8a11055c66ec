"""A compressed request body, unpacked in bounded steps, off the event loop when it is large.

Source: RFC 9110, 8.4.1; RFC 1952, 2.2 (several gzip members are one body).
"""

from __future__ import annotations

import asyncio
import zlib
from typing import Final

from penstock.core.failure import Failure, Kind
from penstock.server.bodies.buffering import BodyBuffer, BodyHold
from penstock.server.limits import too_large
from penstock.transport.inflate import Inflater

_PIECE: Final = 64 << 10
"""Compressed bytes that are handed to zlib at a time: zlib copies the rest of a piece at each step."""
_ON_LOOP: Final = 256 << 10
"""Plain bytes that are unpacked without a thread: less than a millisecond of work."""
_IN_THREAD: Final = 4 << 20
"""Plain bytes of one stay in a thread."""
_MOST_RATIO: Final = 200
_FREE_OF_RATIO: Final = 4 << 20
"""Plain bytes from which on a body may be at most ``_MOST_RATIO`` times as large as its compressed bytes. Ordinary JSON
gives a ratio of 3 to 30; the most that deflate can reach is 1030."""
_FREE_MEMBERS: Final = 64
_LEAST_MEMBER: Final = 1 << 10
"""Compressed bytes that members after the first ``_FREE_MEMBERS`` have on average. Each member costs as much as
thousands of bytes."""


async def unpack(body: bytes, encoding: bytes, limit: int, hold: BodyHold) -> bytes | Failure:
    """The body without its content coding ``encoding`` (lower case), at most ``limit`` bytes."""
    if encoding in {b"", b"identity"}:
        return body
    if encoding not in {b"gzip", b"x-gzip", b"deflate"}:
        text = "The gateway reads request bodies that are not compressed, or gzip or deflate: send one of these."
        return Failure(Kind.UNSUPPORTED_ENCODING, text, "content-encoding")
    unpacking = _Unpacking(body, encoding, limit)
    unpacking.run(_ON_LOOP)
    if not unpacking.is_over:
        loop = asyncio.get_running_loop()
        async with hold.budget.unpacking:
            while not unpacking.is_over:
                failure = hold.hold(len(body) + unpacking.plain.size + _IN_THREAD)
                if failure is not None:
                    return failure
                await loop.run_in_executor(None, unpacking.run, _IN_THREAD)
    return unpacking.failure or unpacking.plain.take()


class _Unpacking:
    """One body on its way. ``is_over``: ``plain`` is the whole of it, or there is a ``failure``."""

    __slots__ = ("_body", "_inflater", "_limit", "_position", "failure", "is_over", "plain")

    def __init__(self, body: bytes, encoding: bytes, limit: int) -> None:
        self._body = memoryview(body)
        self._limit = limit
        self._inflater = Inflater(encoding)
        self._position = 0
        self.plain = BodyBuffer()
        self.failure: Failure | None = None
        self.is_over = False

    def run(self, most: int) -> None:
        """Unpack about ``most`` more bytes."""
        inflater, target = self._inflater, self.plain.size + most
        try:
            while not self.is_over and self.plain.size < target:
                if inflater.has_more:
                    self.plain.add(inflater.step())
                    self.failure = self._objection()
                    self.is_over = self.failure is not None
                elif self._position < len(self._body):
                    inflater.feed(bytes(self._body[self._position : self._position + _PIECE]))
                    self._position += _PIECE
                else:
                    self.failure = None if inflater.is_complete else _invalid("is cut short")
                    self.is_over = True
        except zlib.error:
            self.failure, self.is_over = _invalid("is damaged"), True

    def _objection(self) -> Failure | None:
        packed, plain = min(self._position, len(self._body)), self.plain.size
        if plain > self._limit:
            return too_large(self._limit)
        if plain > _FREE_OF_RATIO and plain > packed * _MOST_RATIO:
            text = (
                f"The compressed request body unpacks to more than {_MOST_RATIO} times its size: send it uncompressed."
            )
            return Failure(Kind.BODY_TOO_LARGE, text, "content-encoding")
        if self._inflater.members > _FREE_MEMBERS + packed // _LEAST_MEMBER:
            return _invalid("has too many members")
        return None


def _invalid(what: str) -> Failure:
    return Failure(Kind.INVALID_REQUEST, f"The compressed request body {what}: send it again.", "content-encoding")
