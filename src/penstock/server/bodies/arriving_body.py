"""A request's body that is read piece by piece while it arrives, for uploads that pass through (upload.py)."""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

from penstock.core.failure import Failure, Kind
from penstock.server.bodies.buffering import BodyHold
from penstock.server.http.incoming import IncomingRequest

UNREAD: Final = 256 << 10
"""Bytes that wait at most before the connection is not read any more, beside what one read of it brings."""


class Arrivals(Protocol):
    """What a body needs of its connection (server/http/http1.py)."""

    loop: asyncio.AbstractEventLoop

    async def arrival(self, request: IncomingRequest, silence: float, waited: float) -> None:
        """Return when more of the body has come, or it has failed."""
        ...


class ArrivingBody:
    """``declared`` is its length in bytes, -1 if nobody says it. ``hold`` is what the request may take of the gateway's
    memory. The time in which nobody reads is not the caller's."""

    __slots__ = ("_arrivals", "_limit", "_request", "_silence", "_waited", "declared", "hold")

    def __init__(
        self, arrivals: Arrivals, request: IncomingRequest, hold: BodyHold, limit: int, silence: float
    ) -> None:
        self._arrivals = arrivals
        self._request = request
        self.hold = hold
        self._limit = limit
        self._silence = silence
        self._waited = 0.0
        self.declared = request.declared
        request.begin_pieces()
        self.grew()

    async def read(self) -> bytes | Failure:
        """The next bytes; ``b""`` at the end; the failure of a body that came to none."""
        request, loop = self._request, self._arrivals.loop
        while True:
            if request.failure is not None:
                return request.failure
            if request.unread:
                return request.take_piece()
            if request.complete:
                return b""
            began = loop.time()
            await self._arrivals.arrival(request, self._silence, self._waited)
            self._waited += loop.time() - began

    def grew(self) -> None:
        """Bytes came: wake the reader, or refuse what is too large."""
        request = self._request
        if request.size > self._limit:
            request.fail(upload_too_large(self._limit))
        elif request.unread:
            request.wake()


def upload_too_large(limit: int) -> Failure:
    """The failure of an upload over the limit."""
    text = f"The upload is larger than {limit} bytes (setting max_upload_bytes): send less, or ask the operator."
    return Failure(Kind.BODY_TOO_LARGE, text)
