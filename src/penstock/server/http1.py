"""The gateway's own HTTP/1.1 protocol, which uvicorn runs in place of its ASGI protocol (``http=ServerConnection``).

Under ASGI a request takes half as much time again: a scope, an event, two tasks and two writes. Here a request is one
task and its response one write. uvicorn still handles sockets, signals, workers and draining. llhttp (httptools) parses
the requests. Source: RFC 9112.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final, cast
from urllib.parse import unquote

import httptools
import uvicorn
from uvicorn.server import ServerState

from penstock.core.failure import Failure, Kind
from penstock.core.http import Headers
from penstock.server.gateway import Gateway
from penstock.server.receive import decoded, fell_silent, too_large
from penstock.server.respond import STOPPING, refusal
from penstock.server.surfaces import DEFAULT_DIALECT

_LOG: Final = logging.getLogger("penstock")
_MAX_HEAD: Final = 64 << 10
_MAX_WAITING: Final = 16
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_STATUS_LINES: Final = {
    status: b"HTTP/1.1 %d %b\r\n" % (status, _phrase.encode())
    for status in range(200, 600)
    for _phrase in [HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "Status"]
}


class _IncomingRequest:
    """One request, filled as its bytes arrive."""

    __slots__ = ("body", "headers", "keep_alive", "method", "offers_upgrade", "refused", "size", "target", "version")

    def __init__(self) -> None:
        self.target = b""
        self.headers: Headers = []
        self.method = ""
        self.version = "1.1"
        self.keep_alive = False
        self.offers_upgrade = False
        self.body: list[bytes] = []
        self.size = 0
        self.refused: Failure | None = None

    def head_without_offer(self) -> bytes:
        """The request head as bytes, without the header ``upgrade``."""
        lines = [b"%b %b HTTP/%b\r\n" % (self.method.encode(), self.target, self.version.encode())]
        lines += [b"%b: %b\r\n" % field for field in self.headers if field[0] != b"upgrade"]
        return b"".join(lines) + b"\r\n"


class ServerConnection(asyncio.Protocol):
    """One caller's connection: its requests are served one after the other, in the order of their arrival."""

    __slots__ = (
        "_closing",
        "_draining",
        "_head_bytes",
        "_incoming",
        "_keep_alive_seconds",
        "_parser",
        "_quiet_since",
        "_reading",
        "_serving",
        "_timer",
        "_waiting",
        "address",
        "gateway",
        "loop",
        "state",
        "transport",
        "writable",
    )  # fmt: skip

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],  # noqa: ARG002
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self.gateway = cast("Gateway", config.loaded_app)
        self.loop = _loop or asyncio.get_running_loop()
        self.state = server_state
        self.transport: asyncio.Transport
        self.address: str | None = None
        self.writable: asyncio.Future[None] | None = None
        self._keep_alive_seconds = config.timeout_keep_alive
        self._parser: Any = httptools.HttpRequestParser(self)
        self._incoming = _IncomingRequest()
        self._reading = False
        self._head_bytes = 0
        self._waiting: list[_IncomingRequest] = []
        self._serving: Http1Client | None = None
        self._closing = False
        self._draining = False
        self._quiet_since = self.loop.time()
        self._timer: asyncio.TimerHandle | None = None

    # Called by uvicorn.

    def shutdown(self) -> None:
        """Begin to drain: finish the requests that have begun to arrive, and take no further request."""
        self._draining = True
        if self.is_drained and self._serving is None:
            self._closing = True
            self.transport.close()

    def refuse_rest(self) -> None:
        """Answer a request that is still arriving: the gateway stops, and the time for running requests is over."""
        if self._serving is None and self._reading and self._incoming.method and not self._closing:
            self._incoming.refused = STOPPING
            self._take(self._incoming)
        elif self._serving is None:
            self.transport.close()

    @property
    def is_drained(self) -> bool:
        """Whether the gateway stops and no request follows the one that is being served."""
        return self._draining and not self._waiting and not self._reading

    # Callbacks of the event loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        self.address = peer[0] if isinstance(peer, tuple) else None
        self.state.connections.add(cast("Any", self))
        self._check_again_in(self._keep_alive_seconds)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self.state.connections.discard(cast("Any", self))
        self._closing = True
        self._waiting.clear()
        # The parser and the timer refer back to the connection: without this only the garbage collector would free it.
        self._parser = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.writable is not None and not self.writable.done():
            self.writable.set_result(None)
        if self._serving is not None:
            self._serving.leave()

    def data_received(self, data: bytes) -> None:
        self._quiet_since = self.loop.time()
        self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._decline_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserCallbackError:
            _LOG.exception("a request failed while it was read")
            self.transport.abort()
        except httptools.HttpParserError:
            self._refuse_garbage("The request is not valid HTTP/1.1: send it again, or use an HTTP client library.")
        if self._head_bytes > _MAX_HEAD:
            self._refuse_garbage(
                f"The request's headers are larger than {_MAX_HEAD} bytes: send fewer or shorter ones."
            )

    def pause_writing(self) -> None:
        self.writable = self.loop.create_future()

    def resume_writing(self) -> None:
        if self.writable is not None and not self.writable.done():
            self.writable.set_result(None)
        self.writable = None

    # Callbacks of httptools, in the order in which they come.

    def on_message_begin(self) -> None:
        self._incoming = _IncomingRequest()
        self._reading = True

    def on_url(self, url: bytes) -> None:
        self._incoming.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._incoming.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        request, parser = self._incoming, self._parser
        request.method = parser.get_method().decode("ascii")
        request.version = parser.get_http_version()
        request.keep_alive = parser.should_keep_alive()
        request.offers_upgrade = parser.should_upgrade() and request.method != "CONNECT"
        self._head_bytes = 0
        if request.offers_upgrade:
            return
        for name, value in request.headers:
            if name == b"content-length" and int(value) > self.gateway.limits.body_bytes:
                request.refused = too_large(self.gateway.limits.body_bytes)
                self._take(request)
                return
            if name == b"expect" and value.lower() == b"100-continue" and self._serving is None:
                self.transport.write(_CONTINUE)

    def on_body(self, body: bytes) -> None:
        request = self._incoming
        self._head_bytes = 0
        if request.refused is not None:
            return
        request.body.append(body)
        request.size += len(body)
        if request.size > self.gateway.limits.body_bytes:
            request.body.clear()
            request.refused = too_large(self.gateway.limits.body_bytes)
            self._take(request)

    def on_message_complete(self) -> None:
        self._head_bytes = 0
        if self._incoming.refused is None and not self._incoming.offers_upgrade:
            self._take(self._incoming)

    def _decline_upgrade(self, rest: bytes) -> None:
        """Ignore an ``upgrade`` header and continue in HTTP/1.1, as RFC 9110 (7.8) allows: Java's client offers HTTP/2
        with every request. The parser stops at such a header, so a new parser reads the request without it."""
        if self._incoming.offers_upgrade:
            self._parser = httptools.HttpRequestParser(self)
            self.data_received(self._incoming.head_without_offer() + rest)
        else:
            self._closing = True

    # One request after the other.

    def _take(self, request: _IncomingRequest) -> None:
        """Serve a request now, or after the earlier requests. With too many requests queued, reading is paused."""
        self._reading = False
        if self._closing:
            return
        if request.refused is not None:
            # The rest of a refused request's body is not read.
            request.keep_alive = False
            self.transport.pause_reading()
        if self._serving is None:
            self._serve(request)
            return
        self._waiting.append(request)
        if len(self._waiting) >= _MAX_WAITING:
            self.transport.pause_reading()

    def _serve(self, request: _IncomingRequest) -> None:
        client = self._serving = Http1Client(self, request)
        path, query = _path_and_query(request.target)
        task = self.loop.create_task(self.gateway.serve(request.method, path, request.headers, client, query))
        client.task = task
        self.state.tasks.add(task)
        task.add_done_callback(self._served)

    def _served(self, task: asyncio.Task[None]) -> None:
        self.state.tasks.discard(task)
        self.state.total_requests += 1
        client, self._serving = self._serving, None
        if client is None or not client.complete or not client.keep_alive or self._closing or self.is_drained:
            self._closing = True
            self.transport.close()
            return
        self._quiet_since = self.loop.time()
        if self._waiting:
            if len(self._waiting) == _MAX_WAITING:
                self.transport.resume_reading()
            self._serve(self._waiting.pop(0))

    def _check_quiet(self) -> None:
        """Close a connection that has been idle for too long, or refuse a request whose bytes stopped arriving."""
        limit = self.gateway.limits.body_silence if self._reading else self._keep_alive_seconds
        seconds_left = self._quiet_since + limit - self.loop.time()
        if self._serving is not None:
            self._check_again_in(limit)
        elif seconds_left > 0:
            self._check_again_in(seconds_left)
        elif self._reading and self._incoming.method and not self._closing:
            self._incoming.refused = fell_silent(limit)
            self._take(self._incoming)
        else:
            self.transport.close()

    def _check_again_in(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.loop.call_later(seconds, self._check_quiet)

    def _refuse_garbage(self, text: str) -> None:
        if self._closing:
            return
        self._closing = True
        if self._serving is None:
            status, headers, body = refusal(Failure(Kind.INVALID_REQUEST, text), DEFAULT_DIALECT)
            client = Http1Client(self, _IncomingRequest())
            client.write_head(status, headers, body, more=False)
            self.transport.close()


def _path_and_query(target: bytes) -> tuple[str, str]:
    """The decoded path and the raw query of a request target, in origin form or (to a proxy) in absolute form."""
    if not target.startswith(b"/") and b"://" in target:
        after = target.partition(b"://")[2]
        authority, question, query = after.partition(b"?")
        target = b"/" + authority.partition(b"/")[2] + question + query
    raw, _, raw_query = target.partition(b"?")
    path = raw.decode("latin-1")
    return unquote(path) if "%" in path else path, raw_query.decode("latin-1")


class Http1Client:
    """A ``Client`` (client.py) on a ``ServerConnection``."""

    __slots__ = ("_chunked", "_connection", "_request", "_watched", "complete", "gone", "keep_alive", "task")

    def __init__(self, connection: ServerConnection, request: _IncomingRequest) -> None:
        self._connection = connection
        self._request = request
        self._chunked = False
        self._watched = False
        self.task: asyncio.Task[None] | None = None
        self.gone = False
        self.complete = False
        self.keep_alive = request.keep_alive

    async def read_body(
        self,
        fields: Mapping[bytes, bytes],
        limit: int,
        silence: float,  # noqa: ARG002
    ) -> bytes | Failure:
        """The body. A request is served when it is complete; ``ServerConnection`` enforces the limits on arrival."""
        request = self._request
        if request.refused is not None:
            return request.refused
        body = b"".join(request.body)
        request.body = []
        return decoded(body, fields.get(b"content-encoding", b"").lower(), limit)

    @property
    def address(self) -> str | None:
        return self._connection.address

    def watch(self) -> None:
        self._watched = True

    def unwatch(self) -> None:
        self._watched = False

    def leave(self) -> None:
        """The connection is closed: cancel the task if it is watched."""
        if self._watched and self.task is not None:
            self.gone = True
            self.task.cancel()

    async def send_head(self, status: int, headers: Headers, body: bytes, *, more: bool) -> None:
        self.write_head(status, headers, body, more=more)
        if self._connection.writable is not None:
            await self._connection.writable

    async def send(self, body: bytes) -> None:
        connection = self._connection
        if not body:
            return  # an empty chunk would end the body
        connection.transport.write(b"%x\r\n%b\r\n" % (len(body), body) if self._chunked else body)
        if connection.writable is not None:
            await connection.writable

    async def end(self, body: bytes) -> None:
        if self._chunked:
            body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
        if body:
            self._connection.transport.write(body)
        self.complete = True

    def write_head(self, status: int, headers: Headers, body: bytes, *, more: bool) -> None:
        """Write status line, headers, framing and first bytes at once."""
        lines = [_STATUS_LINES.get(status) or b"HTTP/1.1 %d Status\r\n" % status]
        for name, value in headers:
            lines += (name, b": ", value, b"\r\n")
        for name, value in self._connection.state.default_headers:
            lines += (name, b": ", value, b"\r\n")
        if not more:
            lines.append(b"content-length: %d\r\n" % len(body))
        else:
            # HTTP/1.0 has no chunked encoding: the end of the connection ends the body.
            self._chunked = self._request.version == "1.1"
            self.keep_alive = self.keep_alive and self._chunked
            lines.append(b"transfer-encoding: chunked\r\n" if self._chunked else b"")
        self.keep_alive = self.keep_alive and not self._connection.is_drained
        if not self.keep_alive:
            lines.append(b"connection: close\r\n")
        elif self._request.version == "1.0":
            lines.append(b"connection: keep-alive\r\n")
        lines.append(b"\r\n")
        if self._chunked and body:
            lines += (b"%x\r\n" % len(body), body, b"\r\n")
        elif self._request.method != "HEAD":
            lines.append(body)
        self._connection.transport.write(b"".join(lines))
        self.complete = not more
