"""A provider with every kind of fault: 37 of them, by name, and what a good one does.

The first segment of a request's path names what the provider does with it. Every answer carries the caller's own mark
(the member ``user`` of its request), so that a caller notices an answer that was meant for another.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from bench.local import DONE, LAST_CHUNK, chunk, event

_JSON: Final = "content-type: application/json"
_EVENTS: Final = "content-type: text/event-stream"
_CHUNKED: Final = "transfer-encoding: chunked"


class HangUp(Exception):
    """The provider closes the connection."""


@dataclass(frozen=True)
class Exchange:
    """One request at the provider."""

    writer: asyncio.StreamWriter
    reader: asyncio.StreamReader
    mark: str
    streams: bool

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, status: int, body: bytes, *fields: str) -> None:
        """A whole response."""
        await self.send(head(status, f"content-length: {len(body)}", *fields) + body)

    async def wait_for_hang_up(self) -> None:
        while await self.reader.read(65_536):
            pass
        raise HangUp

    async def cut(self, data: bytes) -> None:
        """The last bytes of a connection."""
        await self.send(data)
        raise HangUp

    def events(self) -> list[bytes]:
        """A whole stream."""
        return [event(f"{self.mark} "), event("and on"), event(None) + DONE]

    def completion(self) -> bytes:
        message = {"role": "assistant", "content": f"{self.mark} and on"}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
        members = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
        return json.dumps({**members, "usage": usage}).encode()

    def begun(self) -> bytes:
        """The head of a good answer and its first part, whichever way it was asked for."""
        if self.streams:
            return head(200, _EVENTS, _CHUNKED) + chunk(self.events()[0])
        body = self.completion()
        return head(200, _JSON, f"content-length: {len(body)}") + body[:40]


Act = Callable[[Exchange], Awaitable[None]]


def head(status: int | str, *fields: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status} X", *fields, "", ""]).encode()


def _error(status: int) -> bytes:
    error = {"message": f"The provider says {status}.", "type": "some_error", "param": None, "code": None}
    return json.dumps({"error": error}).encode()


async def good(exchange: Exchange) -> None:
    """What providers do on most days."""
    if exchange.streams:
        body = b"".join(map(chunk, exchange.events())) + LAST_CHUNK
        await exchange.send(head(200, _EVENTS, _CHUNKED) + body)
    else:
        await exchange.answer(200, exchange.completion(), _JSON)


def status(code: int, *fields: str) -> Act:
    async def act(exchange: Exchange) -> None:
        await exchange.answer(code, _error(code), _JSON, *fields)

    return act


def whole(code: int, body: bytes, *fields: str) -> Act:
    """The same response to every request."""

    async def act(exchange: Exchange) -> None:
        await exchange.answer(code, body, *fields)

    return act


def cut(data: bytes) -> Act:
    """These bytes, and the end of the connection."""

    async def act(exchange: Exchange) -> None:
        await exchange.cut(data)

    return act


def stream(*events: bytes) -> Act:
    """A stream that HTTP calls complete."""

    async def act(exchange: Exchange) -> None:
        first = chunk(event(f"{exchange.mark} "))
        await exchange.send(head(200, _EVENTS, _CHUNKED) + first + b"".join(map(chunk, events)) + LAST_CHUNK)

    return act


async def _no_content(exchange: Exchange) -> None:
    await exchange.send(head(204))


async def _reset(exchange: Exchange) -> None:
    sock = exchange.writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    exchange.writer.transport.abort()
    raise HangUp


async def _cut_in_body(exchange: Exchange) -> None:
    await exchange.cut(exchange.begun())


async def _reset_in_body(exchange: Exchange) -> None:
    await exchange.send(exchange.begun())
    await _reset(exchange)


async def _cut_in_chunk_size(exchange: Exchange) -> None:
    await exchange.cut(head(200, _EVENTS if exchange.streams else _JSON, _CHUNKED) + b"1")


async def _cut_in_event(exchange: Exchange) -> None:
    first, second, _ = exchange.events()
    await exchange.cut(head(200, _EVENTS, _CHUNKED) + chunk(first + second[:30]))


async def _never(exchange: Exchange) -> None:
    await exchange.wait_for_hang_up()


async def _stalls(exchange: Exchange) -> None:
    await exchange.send(exchange.begun())
    await exchange.wait_for_hang_up()


async def _trickle(exchange: Exchange) -> None:
    """Good, in very small pieces."""
    body = b"".join(exchange.events()) if exchange.streams else exchange.completion()
    await exchange.send(head(200, _EVENTS if exchange.streams else _JSON, _CHUNKED))
    for start in range(0, len(body), 7):
        await exchange.send(chunk(body[start : start + 7]))
    await exchange.send(LAST_CHUNK)


async def _close_after(exchange: Exchange) -> None:
    """Good, and the connection is closed although it might be used again."""
    await good(exchange)
    raise HangUp


async def _garbage_after(exchange: Exchange) -> None:
    """Good, and then bytes that belong to no response."""
    await good(exchange)
    await exchange.cut(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nwrong")


async def _informational(exchange: Exchange) -> None:
    await exchange.send(head(100) * 3 + head(103, "link: </a>"))
    await good(exchange)


async def _length_too_long(exchange: Exchange) -> None:
    body = exchange.completion()
    await exchange.cut(head(200, _JSON, f"content-length: {len(body) + 10}") + body)


async def _length_too_short(exchange: Exchange) -> None:
    body = exchange.completion()
    await exchange.cut(head(200, _JSON, f"content-length: {len(body) - 10}") + body)


_PACKER: Final = zlib.compressobj(9, wbits=31)
_PADDING: Final = _PACKER.compress(b" " * (4 << 20)) + _PACKER.flush(zlib.Z_SYNC_FLUSH)


async def _gzip_bomb(exchange: Exchange) -> None:
    """Four megabytes of white space in four kilobytes, and then an answer."""
    packer = _PACKER.copy()
    body = _PADDING + packer.compress(exchange.completion()) + packer.flush()
    await exchange.answer(200, body, _JSON, _ZIPPED)


_ZIPPED: Final = "content-encoding: gzip"
_BOTH: Final = head(200, _JSON, "content-length: 2", _CHUNKED) + b"2\r\n{}\r\n0\r\n\r\n"
_ERROR_EVENT: Final = b'data: {"error":{"message":"Overloaded.","type":"server_error"}}\n\n'

FAULTS: Final[dict[str, Act]] = {
    "status-400": status(400),
    "status-401": status(401),
    "status-403": status(403),
    "status-404": status(404),
    "status-408": status(408),
    "status-429": status(429, "retry-after: 0"),
    "status-500": status(500),
    "status-502-html": whole(502, b"<html>Bad gateway</html>", "content-type: text/html"),
    "status-503-empty": whole(503, b""),
    "status-529": status(529),
    "redirect": whole(302, b"", "location: http://127.0.0.1:9/elsewhere"),
    "no-content": _no_content,
    "status-099": cut(head("099", "content-length: 0")),
    "status-999": whole(999, b"{}", _JSON),
    "error-in-200": whole(200, _error(200), _JSON),
    "close-at-once": cut(b""),
    "reset": _reset,
    "cut-in-status-line": cut(b"HTTP/1.1 20"),
    "cut-in-headers": cut(head(200, _JSON)[:-9]),
    "cut-after-head": cut(head(200, _JSON, "content-length: 100")),
    "cut-in-body": _cut_in_body,
    "reset-in-body": _reset_in_body,
    "cut-in-chunk-size": _cut_in_chunk_size,
    "cut-in-event": _cut_in_event,
    "stream-without-end": stream(),
    "error-event": stream(_ERROR_EVENT),
    "garbage-events": stream(b"data: {nonsense\n\n", b"\xff\xfe\x00\n\n", event(None) + DONE),
    "no-http": cut(b"\x16\x03\x01 this is no HTTP at all\r\n\r\n"),
    "no-json": whole(200, b"{nonsense", _JSON),
    "html-200": whole(200, b"<html>Sign in</html>", "content-type: text/html"),
    "huge-header": cut(head(200, "x: " + "y" * 100_000, "content-length: 0")),
    "length-and-chunked": cut(_BOTH),
    "length-too-long": _length_too_long,
    "gzip-bomb": _gzip_bomb,
    "broken-gzip": whole(200, b"\x1f\x8b\x08 no gzip", _JSON, _ZIPPED),
    "never-answers": _never,
    "stalls": _stalls,
}
"""The 37 kinds of fault."""

ODDITIES: Final[dict[str, Act]] = {
    "trickle": _trickle,
    "close-after": _close_after,
    "garbage-after": _garbage_after,
    "informational": _informational,
    "length-too-short": _length_too_short,
}
"""Odd, but an answer is there."""

ACTS: Final[dict[str, Act]] = {"good": good, **FAULTS, **ODDITIES}


async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A connection of the provider, for ``asyncio.start_server``."""
    try:
        while True:
            head_bytes = await reader.readuntil(b"\r\n\r\n")
            target = head_bytes.split(b" ", 2)[1].decode()
            length = int(head_bytes.lower().partition(b"content-length:")[2].partition(b"\r")[0] or 0)
            body = json.loads(await reader.readexactly(length))
            exchange = Exchange(writer, reader, str(body.get("user", "")), bool(body.get("stream")))
            await ACTS[target.split("/")[1]](exchange)
    except (HangUp, ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
        pass
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
