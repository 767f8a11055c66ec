"""Taking in a request: its body, within bounds, and the news that the caller has left."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Mapping
from typing import Final

from penstock.core.failure import Failure, Kind
from penstock.server.asgi import Receive

_GZIP: Final = 16 + zlib.MAX_WBITS


async def read_body(receive: Receive, fields: Mapping[bytes, bytes], limit: int, silence: float) -> bytes | Failure:
    """The whole body of at most ``limit`` bytes; ``silence`` is the longest wait for its next piece, in seconds."""
    declared = fields.get(b"content-length", b"")
    if declared.isdigit() and int(declared) > limit:
        return _too_large(limit)
    parts: list[bytes] = []
    size, more = 0, True
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(silence) as timer:
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return Failure(Kind.CLIENT_DISCONNECTED, "The caller left while it was sending its request.")
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                more = message.get("more_body", False)
                if size > limit:
                    return _too_large(limit)
                timer.reschedule(loop.time() + silence)
    except TimeoutError:
        text = f"No byte of the request body arrived for {silence:g} s (setting body_timeout): send it again."
        return Failure(Kind.BODY_TIMEOUT, text)
    body = parts[0] if len(parts) == 1 else b"".join(parts)
    return _decoded(body, fields.get(b"content-encoding", b"").lower(), limit)


def _decoded(body: bytes, encoding: bytes, limit: int) -> bytes | Failure:
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
        return _too_large(limit)
    if not inflater.eof:
        return Failure(Kind.INVALID_REQUEST, "The gzip request body is cut short: send it again.", "content-encoding")
    return plain


def _too_large(limit: int) -> Failure:
    text = f"The request body is larger than {limit} bytes (setting max_body_bytes): send less, or ask the operator."
    return Failure(Kind.BODY_TOO_LARGE, text)


class Departure:
    """Cancels the task that answers a request as soon as the caller hangs up, and remembers that it did."""

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
        """The answer is out: a hang-up from here on is the normal end."""
        self._answering = None
