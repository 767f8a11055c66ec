"""The gateway's own HTTP/1.1 protocol, for connections of ``http_server.py``.

Under ASGI a request takes half as much time again: a scope, an event, two tasks and two writes. Here a request is one
task and its response one write. llhttp (httptools) parses the requests. Source: RFC 9112.

A request is served as soon as its head is complete, so that nothing of a body is read for a caller who is refused.
"""

from __future__ import annotations

import asyncio
import logging
import math
from typing import Any, Final, cast

from penstock.core.failure import Failure, Kind
from penstock.server.bodies.arriving_body import UNREAD
from penstock.server.http import peer
from penstock.server.http.http1_client import CONTINUE, Http1Client
from penstock.server.http.incoming import IncomingRequest
from penstock.server.http.request_reader import SLICE, RequestReader
from penstock.server.http.request_task import RequestTask
from penstock.server.http.server_state import ServerState
from penstock.server.http.timed_connection import TimedConnection
from penstock.server.limits import advice
from penstock.server.respond import refusal
from penstock.server.surfaces import DEFAULT_DIALECT
from penstock.transport.turns import LARGE_READ

_LOG: Final = logging.getLogger("penstock")
_MAX_AHEAD: Final = 256 << 10
"""Bytes that are read ahead of the request that is being served. Reading goes on, so that a caller who leaves is
noticed; with more bytes it pauses, and the caller is probed."""
_FIRST_PROBE_SECONDS: Final = 0.001
_PROBE_PAUSED_SECONDS: Final = 0.1
_PROBE_ENDED_SECONDS: Final = 1.0
"""From these waits on each look sends another probe: to a caller whose bytes are not read at the moment, and to one
who ended its own side and was still there at the first probe. The wait doubles each time."""
_LONGEST_PROBE_SECONDS: Final = 60.0
_LINGER_SECONDS: Final = 5.0
"""How long the bytes of a refused request are read and dropped: closing at once would reset the connection, and the
caller might never see its answer (RFC 9112, 9.6)."""
_MOST_DROPPED: Final = 256 << 20
"""Bytes that are dropped so."""
_STOPPING_LINGER_SECONDS: Final = 0.5
_LATE_SECONDS: Final = 0.1
"""How long a connection that was taken in when the server stopped may take to send a request."""
_LEFT: Final = Failure(Kind.CLIENT_DISCONNECTED, "The caller left while it was sending its request.")


class ServerConnection(TimedConnection):
    """One caller's connection: its requests are served one after the other, in the order of their arrival."""

    __slots__ = (
        "_ahead", "_closing", "_discarded", "_has_ended", "_keep_alive_seconds", "_limits", "_linger_until",
        "_probe_seconds", "_quiet_since", "_reader", "_serving", "_silence", "_tasks", "_waiting", "address",
        "gateway", "is_draining", "state",
    )  # fmt: skip

    def __init__(self, state: ServerState) -> None:
        self.gateway = state.app
        super().__init__(asyncio.get_running_loop(), self.gateway.limits.caller.write)
        self.state = state
        self._tasks: set[Any] = state.tasks
        self.address: str | None = None
        self._limits = self.gateway.limits.caller
        self._silence = self.gateway.limits.body_silence
        self._keep_alive_seconds = state.keep_alive_seconds
        self._quiet_since = self.loop.time()
        self._reader = RequestReader(self, self._quiet_since)
        self._ahead = bytearray()
        self._waiting: list[IncomingRequest] = []
        self._serving: Http1Client | None = None
        self._closing = False
        self.is_draining = False
        self._has_ended = False
        self._discarded = 0
        self._linger_until = 0.0
        self._probe_seconds = 0.0

    # Called when the server stops.

    def shutdown(self) -> None:
        """Begin to drain: finish the requests that have begun to arrive, and take no further request."""
        self.is_draining = True
        if self.is_drained and self._serving is None:
            self._closing = True
            self.transport.close()

    def refuse_rest(self) -> None:
        """The time for running requests is over. A request whose head is complete has a task that is cancelled; one
        whose head is still arriving has no answer."""
        if self._serving is None:
            self.transport.close()

    @property
    def is_drained(self) -> bool:
        """Whether the gateway stops and no request follows the one that is being served."""
        is_begun = self._reader.is_reading and not self._reader.incoming.is_taken
        return self.is_draining and not (self._waiting or self._ahead or is_begun)

    # Callbacks of the event loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        address = transport.get_extra_info("peername")
        self.address = address[0] if isinstance(address, tuple) else None
        self.state.connections.add(self)
        reason = self.gateway.connections.admit(self.address)
        if self.state.is_stopping:
            self.loop.call_later(_LATE_SECONDS, self.shutdown)
        if reason is None:
            self._look_by(self._quiet_since + self._keep_alive_seconds)
        else:
            self._turn_away(reason)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self.state.connections.discard(self)
        self.gateway.connections.leave(self.address)
        self._closing = True
        self._waiting.clear()
        self._reader.release()
        self._stop()
        if self._serving is not None:
            self._serving.request.fail(_LEFT)
            self._serving.leave()

    def data_received(self, data: bytes) -> None:
        self._quiet_since = self.loop.time()
        serving = self._serving
        if serving is None and len(data) <= SLICE and not self._reader.is_deaf:
            self._reader.feed(data, self._quiet_since)
        else:
            self._receive(data)
        self._after_parsing()

    def eof_received(self) -> bool:
        """The caller sends no more. True keeps our side open: it may still read (RFC 9112, 9.6).

        Only a caller who waits for the answer to a complete request can mean that. Under TLS, and in HTTP/1.0, nothing
        tells it from a caller who is gone (``_probe``): there it counts as gone.
        """
        serving = self._serving
        if serving is None or not serving.request.complete or self.transport.get_extra_info("sslcontext") is not None:
            return False
        if serving.socket is not None:
            return False
        self._has_ended = True
        if self._reader.is_reading:
            self._reader.incoming.fail(_LEFT)
        return serving.complete or self._probe(serving)

    def _probe(self, serving: Http1Client) -> bool:
        """Send a caller bytes that mean nothing, if there are such. If it is gone, its end answers with a reset, which
        ``_look`` finds."""
        probe = serving.no_op()
        if probe:
            self.transport.write(probe)
            self._probe_by(self.loop.time())
        return bool(probe)

    def _probe_by(self, now: float) -> None:
        self._probe_seconds = _FIRST_PROBE_SECONDS
        self._look_by(now + _FIRST_PROBE_SECONDS)

    # Bytes of requests.

    def _receive(self, data: bytes) -> None:
        """As ``data_received``, for what is not a small piece of the next request."""
        if len(data) >= LARGE_READ:
            self._take_turns(len(data))
        if self._serving is not None and self._serving.socket is not None and not self._closing:
            self._serving.socket.received(data)
        elif self._reader.is_deaf:
            self._discarded += len(data)
            if self._discarded > _MOST_DROPPED:
                self.transport.abort()
        elif self._serving is not None and self._serving.request.complete:
            self._keep_for_later(data)
        else:
            before = self._reader.incoming.size
            self._feed(data)
            if len(data) >= LARGE_READ and self._reader.incoming.size - before < len(data) * 7 // 8:
                self._end_turn()  # small chunks: many calls of the parser for few bytes

    def _feed(self, data: bytes) -> None:
        """Parse bytes, up to the end of a request; the rest is kept until that is answered."""
        for start in range(0, len(data), SLICE):
            if self._reader.is_deaf:
                return
            if self._serving is not None and self._serving.request.complete:
                self._keep_for_later(data[start:])
                return
            self._reader.feed(data[start : start + SLICE], self._quiet_since)

    def _expect_more(self) -> None:
        """A request is not complete. Its bytes may take so long; those that nobody waits for are not read."""
        request = self._reader.incoming
        if not request.is_taken:
            self._look_by(request.began + self._head_seconds())
        elif request.reader is None and request.size and request.failure is None:
            if request.in_pieces and request.unread <= UNREAD:
                return
            self.pause_reading()
            # Its caller may leave unseen, while others are served or a provider takes what came.
            if request.in_pieces or self._waiting:
                self._probe_by(self._quiet_since)

    def _keep_for_later(self, data: bytes) -> None:
        self._ahead += data
        if len(self._ahead) > _MAX_AHEAD:
            self.pause_reading()
            self._probe_by(self._quiet_since)

    # One request after the other.

    async def arrival(self, request: IncomingRequest, silence: float, waited: float = 0.0) -> None:
        """Return when the body of the served request is complete or has failed, or more of a body in pieces has come.
        ``waited``: the seconds for which earlier pieces were waited for."""
        if request.expects_continue and not request.size:
            self.transport.write(CONTINUE)
        request.reader = self.loop.create_future()
        self._quiet_since = self.loop.time()
        request.began = self._quiet_since - waited
        self._look_by(self._quiet_since + min(silence, self._limits.body or silence))
        self.resume_reading()
        try:
            await request.reader
        finally:
            request.reader = None

    def grow(self) -> None:
        if self._serving is not None:
            self._serving.grow()

    def abort(self) -> None:
        self.transport.abort()

    def answer_begins(self) -> None:
        """An answer has begun that may last for hours. If no limit holds meanwhile, there is no timer until its end: a
        timer takes half a kilobyte."""
        if self.writable is None and not self._probe_seconds:
            self._stop_timer()

    def take(self, request: IncomingRequest) -> None:
        """Serve a request when the bytes at hand are parsed, or after the earlier requests."""
        if self._closing:
            return
        if self._serving is None:
            self._serving = Http1Client(self, request, self.gateway.budget)
        else:
            self._waiting.append(request)

    def _start(self, client: Http1Client) -> None:
        """Begin to serve a request, when what came with its head is parsed, too."""
        gateway, request = self.gateway, client.request
        path, query = request.path_and_query()
        if request.refused is None:
            serving = gateway.serve(request.method, path, request.headers, client, query, request.fields, request.memo)
        else:
            client.keep_alive = False
            serving = gateway.refuse(request.method, path, request.headers, client, request.refused)
        task = client.task = RequestTask(serving, self.loop, self._served)
        self._tasks.add(task)
        task.run()
        if self._has_ended and self._serving is client:
            self._probe(client)

    def _served(self) -> None:
        if self._serving is not None:
            self._tasks.discard(self._serving.task)
        if self._waiting or self._ahead:
            # In a turn of its own: requests that are sent ahead neither nest nor keep others waiting.
            self.loop.call_soon(self._go_on)
        else:
            self._go_on()

    def _go_on(self) -> None:
        """Serve the next request, or end the connection."""
        client, self._serving = self._serving, None
        goes_on = client is not None and client.complete and client.keep_alive and not self._closing
        if not goes_on or (self.is_draining and self.is_drained):
            self._end(client)
            return
        self._quiet_since = self.loop.time()
        if self._timer is None:
            self._look_by(self._quiet_since + self._keep_alive_seconds)
        if self._waiting:
            client = self._serving = Http1Client(self, self._waiting.pop(0), self.gateway.budget)
            self._start(client)
        elif self._ahead:
            self._catch_up()
        if self._has_ended and self._serving is None:
            self._end(client)

    def _catch_up(self) -> None:
        """Parse what came while the request before was served."""
        ahead, self._ahead = bytes(self._ahead), bytearray()
        self._probe_seconds = 0.0
        self.resume_reading()
        self._feed(ahead)
        self._after_parsing()

    def _after_parsing(self) -> None:
        if self._reader.is_reading:
            self._expect_more()
        serving = self._serving
        if serving is not None and serving.task is None:
            self._start(serving)

    def _end(self, client: Http1Client | None) -> None:
        """Close the connection after its last response. What the caller is still sending is read and dropped first."""
        self._closing = True
        is_sending = self._reader.is_deaf or self._ahead or self._waiting or (client and not client.request.complete)
        self._waiting.clear()
        if client is not None:
            client.release()
        if client is not None and client.complete and is_sending and not self._has_ended:
            self._linger()
            return
        self.transport.close()
        if not self._is_lost:
            self._watch_writing()

    def _linger(self) -> None:
        self._reader.is_deaf = True
        self._ahead.clear()
        if self.transport.is_closing():
            return
        seconds = _STOPPING_LINGER_SECONDS if self.is_draining else _LINGER_SECONDS
        self._linger_until = self.loop.time() + seconds
        self._look_by(self._linger_until)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.resume_reading()

    def _turn_away(self, reason: str) -> None:
        """Answer a connection too many."""
        connections = self.gateway.connections
        if connections.is_due_for_log():
            _LOG.warning("connections are turned away. %s", reason)
        self._closing = True
        if connections.is_flooded(self.address):
            self.transport.abort()
            return
        failure = Failure(Kind.CONNECTIONS_EXHAUSTED, f"{reason}: close one, or try again in a moment.")
        status, headers, body = refusal(failure, DEFAULT_DIALECT, advice(failure))
        client = Http1Client(self, self._reader.incoming, self.gateway.budget)
        client.send_head(status, headers, body, more=False)
        self._linger()

    # Time limits.

    def _head_seconds(self) -> float:
        return min(self._limits.head or math.inf, self._silence)

    def _read_due(self, now: float) -> float:
        if self._linger_until:
            if now >= self._linger_until:
                self.transport.abort()
            return self._linger_until if now < self._linger_until else math.inf
        if self._serving is not None:
            return self._serving_due(now, self._serving.request)
        if self._closing:
            return math.inf
        if self._reader.is_reading:
            due = self._reader.incoming.began + self._head_seconds()
        else:
            due = self._quiet_since + self._keep_alive_seconds
        if now < due:
            return due
        self.transport.close()
        return math.inf

    def _serving_due(self, now: float, request: IncomingRequest) -> float:
        """Look at a body that is waited for, and at a caller that may be gone though its connection isn't closed."""
        if request.reader is not None:
            due = self._limits.body_due(request.began, self._quiet_since, request.size, self._silence)
            if now < due:
                return due
            request.fail(self._limits.body_late(request.began, self._quiet_since, request.size, self._silence))
        elif self._probe_seconds:
            if peer.is_gone(self.transport):
                self.transport.abort()
                return math.inf
            self._probe_seconds = min(self._probe_seconds * 2, _LONGEST_PROBE_SECONDS)
            due = _PROBE_PAUSED_SECONDS if self._is_paused else _PROBE_ENDED_SECONDS
            if self._probe_seconds >= due and self._serving is not None:
                self.transport.write(self._serving.no_op())
            return now + self._probe_seconds
        return math.inf
