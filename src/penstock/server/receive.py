"""Reads a request's body within its limits, and notices under ASGI that the caller disconnects."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from penstock.core.failure import Failure, Kind

Receive = Callable[[], Awaitable[dict[str, Any]]]
"""ASGI's receive: the next message from the caller."""

_GZIP: Final = 16 + zlib.MAX_WBITS


async def read_body(receive: Receive, fields: Mapping[bytes, bytes], limit: int, silence: float) -> bytes | Failure:
    """The whole body of at most ``limit`` bytes. ``silence`` is the longest wait for the next piece, in seconds."""
    declared = fields.get(b"content-length", b"")
    if declared.isdigit() and int(declared) > limit:
        return too_large(limit)
    timer = _SilenceTimer(silence)
    try:
        body = await _read_pieces(receive, limit, timer)
    except asyncio.CancelledError:
        if not timer.lost:
            raise
        return fell_silent(silence)
    finally:
        timer.end()
    return body if isinstance(body, Failure) else decoded(body, fields.get(b"content-encoding", b"").lower(), limit)


async def _read_pieces(receive: Receive, limit: int, timer: _SilenceTimer) -> bytes | Failure:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return Failure(Kind.CLIENT_DISCONNECTED, "The caller left while it was sending its request.")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > limit:
            return too_large(limit)
        if not message.get("more_body", False):
            return b"".join(parts)
        timer.renew()


class _SilenceTimer:
    """Cancels the current task after some seconds, unless renewed. A plain timer: ``asyncio.timeout`` is slower."""

    __slots__ = ("_loop", "_seconds", "_task", "_timer", "lost")

    def __init__(self, seconds: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._seconds = seconds
        self._timer = self._loop.call_later(seconds, self._lose)
        self.lost = False

    def renew(self) -> None:
        self._timer.cancel()
        self._timer = self._loop.call_later(self._seconds, self._lose)

    def end(self) -> None:
        self._timer.cancel()
        if self.lost and self._task is not None:
            self._task.uncancel()

    def _lose(self) -> None:
        if self._task is not None:
            self.lost = True
            self._task.cancel()


def decoded(body: bytes, encoding: bytes, limit: int) -> bytes | Failure:
    """The body without its content coding (``gzip``, ...), at most ``limit`` bytes."""
    if encoding in {b"", b"identity"}:
        return body
    if encoding not in {b"gzip", b"x-gzip"}:
        text = "The gateway reads request bodies that are not compressed, or gzip: send one of these."
        return Failure(Kind.INVALID_REQUEST, text, "content-encoding")
    inflater = zlib.decompressobj(_GZIP)
    try:
        plain = inflater.decompress(body, limit + 1)
    except zlib.error:
        return Failure(Kind.INVALID_REQUEST, "The request body is not valid gzip: send it again.", "content-encoding")
    if len(plain) > limit:
        return too_large(limit)
    if not inflater.eof:
        return Failure(Kind.INVALID_REQUEST, "The gzip request body is cut short: send it again.", "content-encoding")
    return plain


def fell_silent(seconds: float) -> Failure:
    """The failure when a caller stops sending in the middle of a request."""
    text = f"No byte of the request body arrived for {seconds:g} s (setting body_timeout): send it again."
    return Failure(Kind.BODY_TIMEOUT, text)


def too_large(limit: int) -> Failure:
    """The failure of a request body over the limit."""
    text = f"The request body is larger than {limit} bytes (setting max_body_bytes): send less, or ask the operator."
    return Failure(Kind.BODY_TOO_LARGE, text)


class Departure:
    """Cancels the task that answers a request when the caller disconnects, and sets ``gone``."""

    __slots__ = ("_answering", "_watch", "gone")

    def __init__(self, receive: Receive) -> None:
        loop = asyncio.get_running_loop()
        self.gone = False
        self._answering = asyncio.current_task()
        self._watch = loop.create_task(self._wait(receive))

    async def _wait(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        if self._answering is not None:
            self.gone = True
            self._answering.cancel()

    def forget(self) -> None:
        """The answer is complete: from now on a disconnect cancels nothing."""
        self._answering = None
