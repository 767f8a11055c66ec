"""ASGI 3 (asgi.readthedocs.io): its vocabulary as far as the gateway speaks it, and a ``Client`` over it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from penstock.core.failure import Failure
from penstock.core.http import Headers
from penstock.server.receive import Departure, Receive, read_body

Scope = dict[str, Any]
Message = dict[str, Any]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class AsgiClient:
    """A ``Client`` (client.py) under any ASGI server."""

    __slots__ = ("_departure", "_receive", "_send", "address")

    def __init__(self, receive: Receive, send: Send, peer: Sequence[Any] | None = None) -> None:
        self._receive = receive
        self._send = send
        self.address: str | None = str(peer[0]) if peer else None
        self._departure: Departure | None = None

    @property
    def gone(self) -> bool:
        return self._departure is not None and self._departure.gone

    async def read_body(self, fields: Mapping[bytes, bytes], limit: int, silence: float) -> bytes | Failure:
        return await read_body(self._receive, fields, limit, silence)

    def watch(self) -> None:
        self._departure = Departure(self._receive)

    def unwatch(self) -> None:
        if self._departure is not None:
            self._departure.forget()

    async def send_head(self, status: int, headers: Headers, body: bytes, *, more: bool) -> None:
        if not more:
            headers = [*headers, (b"content-length", b"%d" % len(body))]
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body, "more_body": more})

    async def send(self, body: bytes) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": True})

    async def end(self, body: bytes) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": False})
