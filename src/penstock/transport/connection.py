"""One connection to a provider, which carries one exchange at a time.

The protocol class moves bytes; exchange.py is the request that runs on it, response.py parses, deadlines.py computes
the time limits. A connection returns to its pool as soon as a response is whole, even before the caller has read its
last bytes.
"""

from __future__ import annotations

import asyncio
import math
import select
from collections.abc import Awaitable
from time import monotonic
from typing import Final, Protocol, cast

import msgspec

from penstock.core.failure import Failure, Kind
from penstock.core.http import HEAD, Limits, Origin
from penstock.transport.base import Request
from penstock.transport.deadlines import earliest
from penstock.transport.exchange import HttpExchange
from penstock.transport.proxies import Proxy
from penstock.transport.response import ResponseReader
from penstock.transport.tls import refuses_client, tls_failed
from penstock.transport.turns import LARGE_READ, TakesTurns

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


Place = tuple[Origin, Proxy | None]
"""Where a connection leads: an origin, and the proxy on the way to it."""


class Owner(Protocol):
    """Who keeps connections for further exchanges (pool.py)."""

    def keep(self, place: Place, connection: Connection) -> None:
        """A connection is free again."""
        ...

    def lost(self, place: Place, connection: Connection) -> None:
        """A connection is closed."""
        ...


class Connection(TakesTurns):
    """A socket to one place. ``owner`` is told when the connection is free again, and when it is closed.

    After ``closed`` nothing may be sent.
    """

    __slots__ = (
        "_drained", "_exchange", "_gone", "_host_line", "_is_full", "_is_lost", "_limits", "_owner", "_place",
        "_shortest", "_timer", "_timer_due", "_unsent", "bounds", "closed", "host", "idle_since", "idle_until",
        "promised_idle", "reader",
    )  # fmt: skip
    burst = 128 << 10

    def __init__(
        self,
        place: Place,
        bounds: ParserLimits,
        owner: Owner,
    ) -> None:
        super().__init__(asyncio.get_running_loop())
        self.host = host = place[0].authority
        self.bounds = bounds
        self.closed = False
        self.idle_since = 0.0
        self.idle_until = 0.0
        self.promised_idle = math.inf
        self.reader = ResponseReader(bounds.framing)
        self._gone: asyncio.Future[None] | None = None
        self._is_lost = False
        self._owner = owner
        self._place = place
        self._exchange: HttpExchange | None = None
        self._host_line = b" HTTP/1.1\r\nhost: %b\r\n" % host.encode("ascii")
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due = math.inf
        self._limits: Limits | None = None
        self._shortest = math.inf
        """Seconds before which none of these limits can be over."""
        self._unsent: memoryview | None = None
        self._is_full = False
        self._drained: asyncio.Future[None] | None = None

    async def gone(self) -> None:
        """Return when the socket is closed."""
        if not self._is_lost:
            self._gone = self._gone or self.loop.create_future()
            await asyncio.shield(self._gone)  # several may wait, and one of them may be cancelled

    def begin(self, request: Request, started: float) -> HttpExchange:
        """Send a request. The exchange is awaited until the head of its response is there, or its failure."""
        limits = request.limits
        exchange = self._exchange = HttpExchange(self, limits, started, request.switches)
        if limits is not self._limits:
            self._limits, self._shortest = limits, earliest(limits, 0.0)
        if request.method == HEAD:
            self.reader.is_bodiless = True
        self.look_by(started + self._shortest)
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
        return monotonic() - self.idle_since < _TRUSTED or not self.has_unread()

    def has_unread(self) -> bool:
        """Whether the socket has bytes, an end or an error that the event loop hasn't read yet."""
        poll = select.poll()
        poll.register(self.transport.get_extra_info("socket").fileno(), select.POLLIN)
        return bool(poll.poll(0))

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

    def finished(self, *, reusable: bool) -> None:
        """The exchange has ended: keep the connection if it is reusable and open."""
        self._exchange = None
        if reusable and not self.closed and self._unsent is None and not self.transport.get_write_buffer_size():
            self._owner.keep(self._place, self)
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
        self._is_lost = True
        if self._gone is not None and not self._gone.done():
            self._gone.set_result(None)
        self._owner.lost(self._place, self)


def shutting_down(host: str, *, sent: bool) -> Failure:
    text = f"The gateway is shutting down and gave up its call to {host}: send the request again."
    return Failure(Kind.SHUTTING_DOWN, text, sent=sent)
