"""The caller's end of one request on the server's own HTTP/1.1 connection: its body, and the bytes of its response."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final, NoReturn, Protocol

from penstock.core.failure import Failure
from penstock.core.http import WITHOUT_BODY, Headers
from penstock.pipeline.relay import Broken
from penstock.server.bodies.arriving_body import UNREAD, ArrivingBody, upload_too_large
from penstock.server.bodies.buffering import BodyBudget, BodyHold
from penstock.server.bodies.unpack import unpack
from penstock.server.http.incoming import IncomingRequest
from penstock.server.http.request_task import RequestTask
from penstock.server.http.server_state import ServerState
from penstock.server.limits import too_large
from penstock.server.sessions.socket_bytes import SocketBytes

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_FIELD: Final = b": "
_STATUS_LINES: Final = {
    status: b"HTTP/1.1 %d %b" % (status, _phrase.encode())
    for status in range(200, 600)
    for _phrase in [HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "Status"]
}


class Connection(Protocol):
    """What a request needs of its connection (http1.py)."""

    address: str | None
    transport: asyncio.Transport
    writable: asyncio.Future[None] | None
    state: ServerState

    is_draining: bool
    """Whether the gateway stops."""

    @property
    def is_drained(self) -> bool:
        """Whether the gateway stops and no request follows the one that is being served."""
        ...

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def answer_begins(self) -> None:
        """The head of an answer was written whose end comes later; the request is complete."""
        ...

    loop: asyncio.AbstractEventLoop

    async def arrival(self, request: IncomingRequest, silence: float, waited: float = 0.0) -> None:
        """Return when the body of the served request is complete or has failed, or more of a body in pieces has
        come."""
        ...


class Http1Client(BodyHold):
    """A ``Client`` (client.py) on a connection.

    ``complete``: the response was written to its end. ``keep_alive``: another request may follow it.
    """

    # Defaults of the class: what hardly any request sets or asks for.
    _limit = 0
    _watched = False
    arriving: ArrivingBody | None = None
    is_begun = False
    complete = False

    def __init__(self, connection: Connection, request: IncomingRequest, budget: BodyBudget) -> None:
        self.budget = budget
        self._connection = connection
        self.address = connection.address
        self.request = request
        self.keep_alive = request.keep_alive
        self.task: RequestTask | None = None
        self.gone = False
        self._held = 0
        self._chunked = False
        self.socket = SocketBytes(connection, request.early) if request.opens_socket else None

    @property
    def raw_path(self) -> str:
        return self.request.raw_path

    def whole_body(self, fields: Mapping[bytes, bytes], limit: int) -> bytes | None:
        request = self.request
        if not request.complete or request.size > limit or b"content-encoding" in fields:
            return None
        return request.take() if self.hold(request.size) is None else None

    async def read_body(self, fields: Mapping[bytes, bytes], limit: int, silence: float) -> bytes | Failure:
        request = self.request
        self._limit = limit
        size = max(request.size, request.declared)
        failure = request.failure or (too_large(limit) if size > limit else self.hold(size))
        if failure is None and not request.complete:
            request.granted = min(self._held, limit)
            await self._connection.arrival(request, silence)
            failure = request.failure
        if failure is not None:
            request.fail(failure)
            return failure
        body = request.take()
        encoding = fields.get(b"content-encoding")
        return body if encoding is None else await unpack(body, encoding.lower(), limit, self)

    def read_pieces(self, limit: int, silence: float) -> ArrivingBody | Failure:
        request = self.request
        failure = upload_too_large(limit) if request.declared > limit else self.hold(2 * UNREAD)
        if failure is not None:
            request.fail(failure)
            return failure
        self.arriving = ArrivingBody(self._connection, request, self, limit, silence)
        return self.arriving

    def grow(self) -> None:
        """The body is larger than what was held for it: hold more, or refuse it."""
        request = self.request
        if self.arriving is not None:
            self.arriving.grew()
            return
        failure = too_large(self._limit) if request.size > self._limit else self.hold_step(request.size)
        if failure is not None:
            request.fail(failure)
        request.granted = min(self._held, self._limit)

    def watch(self) -> None:
        self._watched = True

    def unwatch(self) -> None:
        self._watched = False

    def leave(self) -> None:
        """The connection is closed: cancel the task if it is watched."""
        if self._watched and self.task is not None:
            self.gone = True
            self.task.cancel()

    def _give_up(self) -> NoReturn:
        """The connection is closed, and the caller's leaving has cancelled nothing: nobody reads what would be written.
        Raises Broken."""
        self.gone = True
        raise Broken

    def no_op(self) -> bytes:
        """Bytes that a caller passes over, whatever was sent before; none where HTTP has no such bytes.

        Before the head: an interim response (RFC 9110, 15.2.1). Between two chunks: a leading zero of the next chunk's
        size (RFC 9112, 7.1).
        """
        if self.request.version != "1.1":
            return b""
        if self.is_begun:
            return b"0" if self._chunked else b""
        return CONTINUE

    def switch(self, headers: Headers) -> None:
        """Send the head of a response with status 101; what follows are bytes of a WebSocket (``write_bytes``)."""
        self.is_begun = True
        lines = [b"HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n"]
        lines += [b"%b: %b\r\n" % field for field in headers]
        self._connection.transport.write(b"".join((*lines, self._connection.state.date, b"\r\n\r\n")))

    def write_bytes(self, data: bytes) -> asyncio.Future[None] | None:
        """Send bytes of a WebSocket. Returns a future if the caller reads slower than we write: wait for it."""
        self._connection.transport.write(data)
        return self._connection.writable

    def write(self, body: bytes) -> asyncio.Future[None] | None:
        """Send more of the body. Returns a future if the caller reads slower than we write: wait for it."""
        connection = self._connection
        if connection.transport.is_closing():
            self._give_up()
        if body:  # an empty chunk would end the body
            connection.transport.write(b"%x\r\n%b\r\n" % (len(body), body) if self._chunked else body)
        return connection.writable

    async def send(self, body: bytes) -> None:
        full = self.write(body)
        if full is not None:
            await full

    async def end(self, body: bytes) -> None:
        if self._connection.transport.is_closing():
            self._give_up()
        if self._chunked and self.request.method != "HEAD":
            body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
        if body:
            self._connection.transport.write(body)
        self.complete = True

    def send_head(self, status: int, headers: Headers, body: bytes, *, more: bool) -> asyncio.Future[None] | None:
        """Write status line, headers, framing and first bytes at once.

        A request whose body is not complete by now was refused, or needs none: the connection ends with the response.
        """
        connection, request = self._connection, self.request
        if connection.transport.is_closing():
            self._give_up()
        self.is_begun = True
        if self._held:
            self.release()
        lines = [_STATUS_LINES.get(status) or b"HTTP/1.1 %d Status" % status]
        lines += map(_FIELD.join, headers)
        lines.append(connection.state.date)
        keep_alive = self.keep_alive and request.complete and not (connection.is_draining and connection.is_drained)
        if not more:
            # Without a body, the answer to HEAD says the length that it was made with, if any.
            if body or (status not in WITHOUT_BODY and request.method != "HEAD"):
                lines.append(b"content-length: %d" % len(body))
        else:
            # HTTP/1.0 has no chunked encoding: the end of the connection ends the body.
            self._chunked = request.version == "1.1"
            keep_alive = keep_alive and self._chunked
            if self._chunked:
                lines.append(b"transfer-encoding: chunked")
        self.keep_alive = keep_alive
        if not keep_alive:
            lines.append(b"connection: close")
        elif request.version == "1.0":
            lines.append(b"connection: keep-alive")
        if self._chunked and body:
            body = b"%x\r\n%b\r\n" % (len(body), body)
        lines += (b"", b"" if request.method == "HEAD" else body)
        connection.transport.write(b"\r\n".join(lines))
        self.complete = not more
        if more and request.complete:
            connection.answer_begins()
        return connection.writable
