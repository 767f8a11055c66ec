"""ASGI 3 (asgi.readthedocs.io): its vocabulary as far as the gateway speaks it, and a ``Client`` over it."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from importlib import import_module
from typing import Any, Final

from penstock.core.failure import Failure
from penstock.core.http import WITHOUT_BODY, Headers
from penstock.server.bodies.buffering import BodyBudget, BodyHold
from penstock.server.bodies.receive import DisconnectWatch, Receive, read_body
from penstock.server.limits import CallerLimits

Scope = dict[str, Any]
Message = dict[str, Any]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_NO_BUDGET: Final = 0


class AsgiClient(BodyHold):
    """A ``Client`` (client.py) under any ASGI server."""

    __slots__ = ("_departure", "_is_head", "_limits", "_receive", "_send", "address", "raw_path")

    def __init__(
        self,
        receive: Receive,
        send: Send,
        peer: Sequence[Any] | None = None,
        limits: CallerLimits | None = None,
        budget: BodyBudget | None = None,
        raw_path: bytes = b"",
        *,
        is_head: bool = False,
    ) -> None:
        super().__init__(budget or BodyBudget(_NO_BUDGET))
        self.raw_path = raw_path.partition(b"?")[0].decode("latin-1")
        self._is_head = is_head
        self._limits = limits or CallerLimits()
        self._receive = receive
        self._send = send
        self.address: str | None = str(peer[0]) if peer else None
        self._departure: DisconnectWatch | None = None

    @property
    def gone(self) -> bool:
        return self._departure is not None and self._departure.gone

    async def read_body(self, fields: Mapping[bytes, bytes], limit: int, silence: float) -> bytes | Failure:
        return await read_body(self._receive, fields, limit, silence, self._limits, self)

    def whole_body(self, fields: Mapping[bytes, bytes], limit: int) -> None:
        """None: a server hands bodies over by messages."""

    def read_pieces(self, limit: int, silence: float) -> None:
        """None: whoever waits for the caller's leaving takes the messages in which pieces would come."""

    def watch(self) -> None:
        self._departure = DisconnectWatch(self._receive)

    def unwatch(self) -> None:
        if self._departure is not None:
            self._departure.forget()

    async def send_head(self, status: int, headers: Headers, body: bytes, *, more: bool) -> None:
        self.release()
        # Without a body, the answer to HEAD says the length that it was made with, if any.
        if not more and (body or (status not in WITHOUT_BODY and not self._is_head)):
            headers = [*headers, (b"content-length", b"%d" % len(body))]
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body, "more_body": more})

    async def send(self, body: bytes) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": True})

    async def end(self, body: bytes) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": False})


_UVICORN: Final = "uvicorn.protocols.http.httptools_impl"


def keep_trailers_apart(*, loads: bool = False) -> None:
    """Make uvicorn's protocol over httptools leave trailer fields out of a request's headers.

    ``loads``: load the protocol first, where uvicorn is installed; a program may load its server's protocol after the
    gateway.

    That protocol appends the fields after a chunked body to the list that the scope holds as ``headers``, and no
    application can tell the two kinds apart. Servers over h11 and hyper keep trailers apart by themselves.
    Source: RFC 9110, 6.5.1: a recipient must not merge a trailer field into the headers unless its definition allows
    it.
    """
    if loads and importlib.util.find_spec("uvicorn") is not None:
        import_module(_UVICORN)
    protocol: Any = getattr(sys.modules.get(_UVICORN), "HttpToolsProtocol", None)
    if protocol is None or hasattr(protocol, "_penstock_keeps_trailers_apart"):
        return
    complete_head = protocol.on_headers_complete

    def on_headers_complete(self: Any) -> None:
        complete_head(self)
        self.headers = []

    protocol.on_headers_complete = on_headers_complete
    protocol._penstock_keeps_trailers_apart = True
