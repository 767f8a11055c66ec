"""A provider without a socket: its replies, and the transport that brings them."""

from __future__ import annotations

import asyncio

from penstock.core.failure import Failure
from penstock.core.http import Headers
from penstock.transport.base import Reply, Request


class FakeReply:
    """A reply whose pieces are read one by one. ``cut`` is the failure that shows after the last piece."""

    def __init__(self, status: int, *pieces: bytes, headers: Headers | None = None, cut: Failure | None = None) -> None:
        self.status = status
        self.headers: Headers = headers or []
        self.failure: Failure | None = None
        self.closed = False
        self._pieces = list(pieces)
        self._cut = cut

    async def read(self) -> bytes:
        if self._pieces:
            return self._pieces.pop(0)
        self.failure = self._cut or self.failure
        return b""

    def close(self) -> None:
        self.closed = True


class FakeTransport:
    """Gives the answers in their order, the last one for ever, once ``gate`` is open. ``sent`` are the requests."""

    def __init__(self, *answers: Reply | Failure) -> None:
        self.sent: list[Request] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self._answers = list(answers)

    async def send(self, request: Request) -> Reply | Failure:
        self.sent.append(request)
        await self.gate.wait()
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]

    async def close(self) -> None:
        """Nothing is open."""
