"""Sends the rest of a request's body while it arrives (``base.Upload``), as fast as the provider takes it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Protocol

from penstock.core.failure import Failure
from penstock.transport.base import Upload


class Receiver(Protocol):
    """The exchange whose request is sent (connection.py)."""

    def send(self, data: bytes) -> Awaitable[None] | None:
        """Send bytes. Returns what to await before the next, if the provider reads more slowly than they come."""
        ...

    def fail(self, failure: Failure) -> None:
        """The body came to no end."""
        ...


class Uploading:
    """``waits_for_caller``: the next bytes haven't come, so that the provider's time doesn't run. ``is_over``: the
    whole body is sent."""

    __slots__ = ("_task", "is_over", "waits_for_caller")

    def __init__(self, loop: asyncio.AbstractEventLoop, upload: Upload, receiver: Receiver) -> None:
        self.is_over = False
        self.waits_for_caller = True
        self._task = loop.create_task(self._send(upload, receiver))

    def stop(self) -> None:
        """Send no more: the exchange has ended."""
        self._task.cancel()

    async def _send(self, upload: Upload, receiver: Receiver) -> None:
        in_chunks = upload.rest < 0
        while True:
            self.waits_for_caller = True
            piece = await upload.read()
            self.waits_for_caller = False
            if isinstance(piece, Failure):
                receiver.fail(piece)
                return
            data = b"%x\r\n%b\r\n" % (len(piece), piece) if in_chunks else piece
            full = receiver.send(data) if data else None
            if full is not None:
                await full
            if not piece:
                self.is_over = True
                return
