"""Sends the rest of a request's body while it arrives (``base.Upload``), as fast as the provider takes it."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable
from typing import Final, Protocol

from penstock.core.failure import Failure
from penstock.transport.base import Upload

_MOST_UNREAD: Final = 256 << 10
_TURNS: Final = 2
"""Turns of the event loop in which what has come is read, unless reading pauses."""


class Receiver(Protocol):
    """The exchange whose request is sent (exchange.py)."""

    def has_unread(self) -> bool:
        """Whether the provider has sent something that wasn't read yet."""
        ...

    def send(self, data: bytes) -> Awaitable[None] | None:
        """Send bytes. Returns what to await before the next, if the provider reads more slowly than they come."""
        ...

    def fail(self, failure: Failure) -> None:
        """The body came to no end."""
        ...


class UnreadBytes:
    """What a provider sent before it hung up, and the event loop did not read.

    A connection that is reset while more is written to it closes before its last bytes are read: a second descriptor of
    the socket keeps them. Under TLS there is none, since the bytes could not be decrypted.
    """

    __slots__ = ("_socket",)

    def __init__(self, transport: asyncio.Transport) -> None:
        self._socket: socket.socket | None = None
        if transport.get_extra_info("ssl_object") is None:
            self._socket = socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno()))

    def take(self) -> bytes:
        """The bytes that are left, at most ``_MOST_UNREAD``."""
        if self._socket is None:
            return b""
        try:
            return self._socket.recv(_MOST_UNREAD, socket.MSG_DONTWAIT)
        except OSError:
            return b""

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()


class Uploading:
    """The task that sends the rest of one body.

    ``waits_for_caller``: the next bytes haven't come, so that the provider's time doesn't run. ``is_begun``: bytes of
    it were asked for, so that nobody can send it again. ``is_over``: the whole body is sent.
    """

    __slots__ = ("_task", "is_begun", "is_over", "waits_for_caller")

    def __init__(self, loop: asyncio.AbstractEventLoop, upload: Upload, receiver: Receiver) -> None:
        self.is_begun = self.is_over = False
        self.waits_for_caller = True
        self._task = loop.create_task(self._send(upload, receiver))

    def stop(self) -> None:
        """Send no more: the exchange has ended."""
        self._task.cancel()

    async def _send(self, upload: Upload, receiver: Receiver) -> None:
        in_chunks = upload.rest < 0
        await self._let_read(receiver)  # a provider may have closed the connection before it was used again
        self.is_begun = True
        while True:
            self.waits_for_caller = True
            piece = await upload.read()
            self.waits_for_caller = False
            if isinstance(piece, Failure):
                receiver.fail(piece)
                return
            await self._let_read(receiver)
            data = b"%x\r\n%b\r\n" % (len(piece), piece) if in_chunks else piece
            full = receiver.send(data) if data else None
            if full is not None:
                await full
            if not piece:
                self.is_over = True
                return

    @staticmethod
    async def _let_read(receiver: Receiver) -> None:
        """Let the event loop read what the provider has sent before more is written: a provider that answers early and
        hangs up resets its connection, and the first write that meets the reset would end it with the answer unread."""
        for _ in range(_TURNS):
            if not receiver.has_unread():
                return
            await asyncio.sleep(0)
