"""A stream that is held back until it has said something, or for as long as its target's ``stream_rescue`` says: until
then another target can still answer."""

from __future__ import annotations

import asyncio
import math
from time import monotonic
from typing import Final

from penstock.core.failure import Failure
from penstock.dialects.stream_watch import StreamWatch
from penstock.pipeline.replies.wrapped_reply import WrappedReply
from penstock.routing.plan import RescuePolicy
from penstock.transport.base import Reply

HOLD: Final = 1 << 20
"""Bytes of a reply that are held back at most."""


class HeldStream:
    """A stream that is held back: ``ready`` holds the bytes read so far, ``watch`` counts their content."""

    def __init__(self, reply: Reply, watch: StreamWatch) -> None:
        self.rest: Reply = reply
        self.watch = watch
        self.ready = bytearray()
        self.has_ended = False

    async def read_until(self, content: float) -> Failure | None:
        """Read until ``content`` events had content, an error came, the stream ended or more than ``HOLD`` bytes are
        held."""
        while not self.has(content):
            failure = self.take(await self.rest.read())
            if failure is not None:
                return failure
        return None

    async def hold_on(self, rescue: RescuePolicy) -> Failure | None:
        """Hold the stream back after its first content, for ``rescue.tokens`` events or ``rescue.max_wait`` seconds: if
        the stream breaks in this time, another target can still answer."""
        content = math.inf if rescue.tokens is None else rescue.tokens
        if rescue.max_wait is None:
            return await self.read_until(content)
        end = monotonic() + rescue.max_wait
        while not self.has(content):
            reading = asyncio.ensure_future(self.rest.read())
            try:
                await asyncio.wait({reading}, timeout=max(0.0, end - monotonic()))
            except BaseException:
                reading.cancel()
                raise
            if not reading.done():
                self.rest = _ReadingAhead(self.rest, reading)
                return None
            failure = self.take(reading.result())
            if failure is not None:
                return failure
        return None

    def has(self, content: float) -> bool:
        """Whether ``read_until`` has read enough."""
        watch = self.watch
        enough = watch.content >= content or watch.error is not None or watch.mid_event
        return enough or self.has_ended or len(self.ready) > HOLD

    def take(self, data: bytes) -> Failure | None:
        """Take the bytes of one read, empty at the stream's end. Returns the failure when the stream broke off."""
        if data:
            self.ready += self.watch.feed(data, weigh=True)
            return None
        if self.rest.failure is not None:
            return self.rest.failure
        self.ready += self.watch.finish(weigh=True)
        self.has_ended = True
        return None


class _ReadingAhead(WrappedReply):
    """A reply whose next read is already under way."""

    def __init__(self, inner: Reply, reading: asyncio.Future[bytes]) -> None:
        super().__init__(inner)
        self._reading: asyncio.Future[bytes] | None = reading

    async def read(self) -> bytes:
        reading, self._reading = self._reading, None
        return await (self._inner.read() if reading is None else reading)

    def close(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
        self._inner.close()
