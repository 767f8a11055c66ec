"""One connection to a provider, which carries one exchange at a time.

The protocol class moves bytes; response.py parses them, deadlines.py computes the time limits. A connection returns to
its pool as soon as a response is whole, even before the caller has read its last bytes.
"""

from __future__ import annotations

import asyncio
import math
import select
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Final, cast

import msgspec

from penstock.core.failure import Failure, Kind
from penstock.core.http import Headers, Limits
from penstock.transport.base import Request, Take, Upload
from penstock.transport.deadlines import Deadlines, earliest
from penstock.transport.response import Malformed, ResponseReader
from penstock.transport.tls import refuses_client, tls_failed
from penstock.transport.turns import LARGE_READ, TakesTurns
from penstock.transport.uploading import Unheard, Uploading
from penstock.transport.wakeup import Wakeup

_JOIN_BELOW: Final = 64 << 10
_PIECE: Final = 256 << 10
"""Bytes of a large body that are written at once: TLS encrypts them while everybody waits."""
_PIECES_A_TURN: Final = 4
_TRUSTED: Final = 0.1
"""Seconds for which an idle connection is used again without a look at its socket (see ``Connection.is_usable``)."""


class ParserLimits(msgspec.Struct, frozen=True):
    """The limits of a connection's memory: bytes of framing, and bytes of the body that weren't read yet."""

    framing: int = 64 << 10
    unread: int = 256 << 10


class Connection(TakesTurns):
    """A socket to one origin. ``released`` is called when the connection is free again, ``lost`` when it is closed.

    After ``closed`` nothing may be sent; when the future ``gone`` is done, the socket is closed, too.
    """

    __slots__ = (
        "_drained", "_exchange", "_host_line", "_is_full", "_lost", "_released", "_timer", "_timer_due", "_unsent",
        "bounds", "closed", "gone", "host", "idle_since", "idle_until", "promised_idle", "reader",
    )  # fmt: skip
    burst = 128 << 10

    def __init__(
        self,
        host: str,
        bounds: ParserLimits,
        released: Callable[[Connection], None],
        lost: Callable[[Connection], None],
    ) -> None:
        super().__init__(asyncio.get_running_loop())
        self.host = host
        self.bounds = bounds
        self.closed = False
        self.idle_since = 0.0
        self.idle_until = 0.0
        self.promised_idle = math.inf
        self.reader = ResponseReader(bounds.framing)
        self.gone = self.loop.create_future()
        self._released = released
        self._lost = lost
        self._exchange: HttpExchange | None = None
        self._host_line = b" HTTP/1.1\r\nhost: %b\r\n" % host.encode("ascii")
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due = math.inf
        self._unsent: memoryview | None = None
        self._is_full = False
        self._drained: asyncio.Future[None] | None = None

    def begin(self, request: Request, started: float) -> HttpExchange:
        """Send a request. The exchange is awaited until the head of its response is there, or its failure."""
        exchange = self._exchange = HttpExchange(self, request.limits, started, may_switch=request.switches)
        self._write(request)
        if request.upload is not None:
            exchange.send_upload(request.upload)
        return exchange

    def look_by(self, due: float) -> None:
        """Look at the limits of the running exchange at the moment ``due`` at the latest.

        The timer of an earlier exchange is kept if it is due earlier: it then looks once too often, which is cheaper
        than a timer for each exchange.
        """
        if due < self._timer_due:
            self._stop_timer()
            self._timer, self._timer_due = self.loop.call_at(due, self._look), due

    def _look(self) -> None:
        self._timer, self._timer_due = None, math.inf
        if self._exchange is not None:
            self._exchange.look()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer, self._timer_due = None, math.inf

    @property
    def is_open(self) -> bool:
        """Whether the connection can be written to, as far as the event loop knows."""
        return not (self.closed or self.transport.is_closing())

    def is_usable(self) -> bool:
        """Whether an idle connection can be reused: its socket has no unread byte and wasn't closed by the peer.

        The event loop watches the socket: whatever came before the loop last looked has closed the connection already
        (``data_received``, ``eof_received``). Only what came since, in the present round of the loop, is unseen.
        Servers close connections after seconds of idleness, so a connection that was in use a moment ago is not looked
        at: the look is a system call for each request. The wall clock decides, not the loop's, which stands still
        during a round: after a round that blocked for long the socket is looked at.
        """
        if self.closed or self.transport.is_closing():
            return False
        return monotonic() - self.idle_since < _TRUSTED or not _is_readable(self.transport)

    def abort(self) -> None:
        """Close at once, even during an exchange."""
        if not self.closed:
            self.closed = True
            self._unsent = None
            self._stop_timer()
            self.transport.abort()

    def shut_down(self) -> None:
        """Close because the gateway stops. A running exchange fails with ``shutting_down``."""
        if self._exchange is None:
            self.abort()
        else:
            self._exchange.fail(shutting_down(self.host, sent=True))

    def pause(self) -> None:
        self._pause()

    def resume(self) -> None:
        if not self.transport.is_closing():
            self._resume()

    def finished(self, *, reusable: bool) -> None:
        """The exchange has ended: keep the connection if it is reusable and open."""
        self._exchange = None
        if reusable and not self.closed and self._unsent is None and not self.transport.get_write_buffer_size():
            self._released(self)
        else:
            self.abort()

    def broken(self, error: Exception | None, *, head_complete: bool) -> Failure:
        """The failure of an exchange whose connection ended; ``error`` is None if the peer closed it normally."""
        if head_complete:
            text = f"The provider at {self.host} broke its response off: what came is not the whole answer. Try again."
            return Failure(Kind.TRUNCATED, text, sent=True)
        if error is not None and refuses_client(error):
            return tls_failed(self.host, error, sent=True)
        text = f"The provider at {self.host} closed the connection without an answer. It may have received the request."
        if not self.idle_since and self.transport.get_extra_info("ssl_object") is not None:
            # The alert of a server that refuses the client after the handshake may be lost in the reset behind it.
            text += " If it demands a client certificate, set upstream.client_cert."
        return Failure(Kind.CONNECTION_CLOSED, text, sent=True)

    def _write(self, request: Request) -> None:
        body, upload = request.body, request.upload
        if upload is not None and upload.rest < 0:
            length = b"transfer-encoding: chunked\r\n\r\n"
            body = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
        elif upload is not None:
            length = b"content-length: %d\r\n\r\n" % (len(body) + upload.rest)
        else:
            length = b"content-length: %d\r\n\r\n" % len(body) if body or request.method == b"POST" else b"\r\n"
        head = (request.method, b" ", request.target, self._host_line, request.headers, length)
        if len(body) < _JOIN_BELOW:
            self.transport.write(b"".join((*head, body)))
        else:
            self.transport.write(b"".join(head))
            self._unsent = memoryview(body)
            self._write_on()

    def _write_on(self) -> None:
        """Write more of a large body, a few pieces in one turn of the event loop, as far as the peer takes them."""
        for _ in range(_PIECES_A_TURN):
            unsent = self._unsent
            if unsent is None or self._is_full or self.transport.is_closing():
                return
            self._unsent = unsent[_PIECE:] if len(unsent) > _PIECE else None
            self.transport.write(unsent[:_PIECE])
        if self._unsent is not None:
            self.loop.call_soon(self._write_on)

    def write_more(self, data: bytes) -> Awaitable[None] | None:
        """Send bytes of another protocol (``base.Switched``) or more of a body."""
        if self.closed or self.transport.is_closing():
            return None
        self.transport.write(data)
        if not self._is_full:
            return None
        if self._drained is None:
            self._drained = self.loop.create_future()
        return self._drained

    def _wake_writer(self) -> None:
        drained, self._drained = self._drained, None
        if drained is not None and not drained.done():
            drained.set_result(None)

    # Callbacks of the event loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self._exchange is None:
            # Bytes without a request (an error page before the peer closes, for example): don't reuse the connection.
            self.abort()
        else:
            if len(data) >= LARGE_READ:
                self._take_turns(len(data))
            self._exchange.received(data)

    def eof_received(self) -> None:
        # The transport would close by itself, but only after sending all its bytes: a peer that doesn't read could make
        # it wait forever.
        if self._exchange is not None:
            self._exchange.ended(None)
        self.abort()

    def pause_writing(self) -> None:
        self._is_full = True

    def resume_writing(self) -> None:
        self._is_full = False
        self._wake_writer()
        self._write_on()

    def connection_lost(self, error: Exception | None) -> None:
        self.closed, self._unsent = True, None
        self._wake_writer()
        self._stop_timer()
        if self._exchange is not None:
            self._exchange.ended(error)
        self.reader.release()
        self.gone.set_result(None)
        self._lost(self)


_ENDLESS: Final = Limits(0, 0, 0, 0)
"""After a switch of protocols it is the new protocol's business how long it is silent."""


class HttpExchange(Wakeup):
    """A running request and its response: the ``Reply`` of http1.py.

    ``status`` is 0 until the head has arrived; ``is_encoded``: the head names a content coding. Its task awaits the
    exchange itself, until more of the response has arrived or the exchange has ended.
    """

    __slots__ = (
        "_asked", "_connection", "_last_byte", "_left", "_limits", "_over", "_passing", "_paused", "_reader", "_rest",
        "_started", "_unheard", "_uploading", "failure", "headers", "is_encoded", "status",
    )  # fmt: skip

    def __init__(self, connection: Connection, limits: Limits, started: float, *, may_switch: bool = False) -> None:
        super().__init__(connection.loop)
        self._connection = connection
        self._limits = limits
        self._started = self._asked = started
        self._reader = connection.reader
        self._reader.begin(may_switch=may_switch)
        self._rest = b""
        """What nobody has read when the exchange is over: the reader is the next exchange's then."""
        self._left = b""
        """What is left of a large piece of a stream, which is read in turns."""
        self._over = False
        self._paused = False
        self._passing: _Passing | None = None
        self._last_byte = started
        self._uploading: Uploading | None = None
        self._unheard: Unheard | None = None
        self.failure: Failure | None = None
        self.status = 0
        self.headers: Headers = []
        self.is_encoded = False
        connection.look_by(earliest(limits, started))

    def whole(self) -> bytes | None:
        """The body, where all of it is here before any of it was read (``base.whole_body``)."""
        return self._rest if self._over and self.failure is None else None

    async def read(self) -> bytes:
        if self._left:
            await asyncio.sleep(0)
        while not (data := self._taken()):
            if self._over:
                return b""
            try:
                await self
            except BaseException:
                self.close()
                raise
        if self._paused and not self._over:
            self._paused = False
            self._last_byte = self._connection.loop.time()
            self._connection.resume()
        return data

    async def pass_on(self, take: Take) -> None:
        """Hand the body to ``take`` (``base.pass_on``). The task sleeps while ``received`` hands on what arrives."""
        while data := await self.read():
            passing = _Passing(take)
            if passing.goes_on(data) and not self._over and not self._left:
                self._passing = passing
                try:
                    await self
                except BaseException:
                    self.close()
                    raise
                finally:
                    self._passing = None
            await passing.hold_up()

    def write(self, data: bytes) -> Awaitable[None] | None:
        """Send bytes after the protocol was switched (``base.Switched``)."""
        return self._connection.write_more(data)

    def send_upload(self, upload: Upload) -> None:
        """Send the rest of the request's body as it arrives. The head of the response may come before its end."""
        self._uploading = Uploading(self._connection.loop, upload, self)
        self._unheard = Unheard(self._connection.transport)

    def has_news(self) -> bool:
        """Whether there are bytes of the response, or its end, that the event loop hasn't read yet."""
        return self._connection.is_open and _is_readable(self._connection.transport)

    def send(self, data: bytes) -> Awaitable[None] | None:
        """Send more of the request's body (``uploading.Receiver``): the provider's time to answer begins anew."""
        self._asked = self._connection.loop.time()
        return self._connection.write_more(data)

    def close(self) -> None:
        self._finish(reusable=False)
        self._rest = self._left = b""
        self.wake_soon()

    def _taken(self) -> bytes:
        """The bytes of the body that arrived since the last look; of a stream, as many as are worked on in one turn of
        the event loop: a provider may send nothing but ends of events."""
        if self._left:
            data = self._left
        elif not self._over:
            data = self._reader.take()
        else:
            data, self._rest = self._rest, b""
        if len(data) <= _TURN or not _is_stream(self.headers):
            self._left = b""
            return data
        self._left = data[_TURN:]
        return data[:_TURN]

    # Called by the connection and the timer until the exchange ends.

    def received(self, data: bytes) -> None:
        connection, reader = self._connection, self._reader
        self._last_byte = connection.loop.time()
        failure = None
        try:
            reader.feed(data)
        except Malformed as malformed:
            failure = _invalid(connection.host, malformed)
        if not self.status and reader.head_complete:
            self.status, self.headers, self.is_encoded = reader.status, reader.headers, reader.is_encoded
            if reader.switched:
                self._limits = _ENDLESS
            elif self._uploading is not None and self.status >= 300:
                self._uploading.stop()
        if failure is not None:
            self.fail(failure)
            return
        if reader.complete:
            connection.promised_idle = reader.promised_idle
            is_sent = self._uploading is None or self._uploading.is_over
            self._finish(reusable=reader.keep_alive and not reader.overrun and is_sent)
        elif reader.unread > connection.bounds.unread and not self._paused:
            self._paused = True
            connection.pause()
        if self.status:
            # Of a response that is over, the task itself reads the rest.
            passing = self._passing
            is_for_task = passing is None or self._over or reader.unread > _TURN
            if is_for_task or (passing is not None and reader.unread and not passing.goes_on(reader.take())):
                self.wake()

    def ended(self, error: Exception | None) -> None:
        """The connection has closed; ``error`` is None if the peer closed it normally."""
        if self._unheard is not None and (rest := self._unheard.take()):
            self.received(rest)
            if self._over:
                return
        if error is None and self._reader.end():
            self._finish(reusable=False)
            self.wake_soon()
        else:
            self.fail(self._connection.broken(error, head_complete=self._reader.head_complete))

    def fail(self, failure: Failure) -> None:
        """End the exchange with a failure."""
        self.failure = failure
        self._finish(reusable=False)
        self.wake_soon()

    def look(self) -> None:
        """Fail if a limit has passed, else look again when the next limit is due."""
        connection, reader = self._connection, self._reader
        now = connection.loop.time()
        if self._uploading is not None and self._uploading.waits_for_caller:
            self._asked = now
        # While the caller has unread bytes, the provider isn't considered idle.
        last_byte = now if reader.unread else self._last_byte
        deadlines = Deadlines(self._limits, self._started, self._asked)
        due, kind = deadlines.next(head_complete=reader.head_complete, last_byte=last_byte)
        if now >= due:
            self.fail(deadlines.failure(kind, connection.host))
        else:
            connection.look_by(due)

    def _finish(self, *, reusable: bool) -> None:
        if self._over:
            return
        self._rest = self._reader.take()
        self._over = True
        if self._uploading is not None:
            self._uploading.stop()
        if self._unheard is not None:
            self._unheard.close()
        self._connection.finished(reusable=reusable)


_TURN: Final = 16 << 10
"""Bytes of a stream that are handed on before others have their turn."""
_STREAMS: Final = (b"text/event-stream", b"application/vnd.amazon.eventstream", b"application/x-ndjson")


def _is_stream(headers: Headers) -> bool:
    """Whether a body is made of events: of any other, a large piece is little work."""
    return any(name == b"content-type" and value.lower().startswith(_STREAMS) for name, value in headers)


class _Passing:
    """Hands the pieces of a body on until ``take`` wants something to be awaited, or fails."""

    __slots__ = ("_error", "_full", "_take")

    def __init__(self, take: Take) -> None:
        self._take = take
        self._full: Awaitable[None] | None = None
        self._error: Exception | None = None

    def goes_on(self, data: bytes) -> bool:
        """Hand a piece on; whether the next may follow at once."""
        try:
            self._full = self._take(data)
        except Exception as error:  # for the task: the event loop would close the provider's connection
            self._error = error
        return self._full is None and self._error is None

    async def hold_up(self) -> None:
        """Return when more may follow. Raises what ``take`` raised."""
        if self._error is not None:
            raise self._error
        if self._full is not None:
            await self._full


def _invalid(host: str, malformed: Malformed) -> Failure:
    return Failure(Kind.INVALID_RESPONSE, f"The provider at {host} can't be understood: {malformed}.", sent=True)


def _is_readable(transport: asyncio.Transport) -> bool:
    """Whether the socket has unread bytes, an end or an error."""
    poll = select.poll()
    poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
    return bool(poll.poll(0))


def shutting_down(host: str, *, sent: bool) -> Failure:
    text = f"The gateway is shutting down and gave up its call to {host}: send the request again."
    return Failure(Kind.SHUTTING_DOWN, text, sent=sent)
