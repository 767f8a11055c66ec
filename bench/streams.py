"""Streamed answers: a load generator that counts events, and clients that merely hold a stream open."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import cast

import httptools
import uvloop

from bench.failure import MeasurementError
from bench.route import Route

_EVENT = b"data:"
_HOST = "127.0.0.1"
_PATIENCE = 30.0


@dataclass(frozen=True)
class Summary:
    """What one window of streaming load saw."""

    events: int
    streams: int
    seconds: float
    cpu_seconds: float
    """What the system under test used in the same window."""


class EventCounter:
    """Counts events in a body, however its bytes are split."""

    def __init__(self) -> None:
        self.events = 0
        self._tail = b""

    def feed(self, data: bytes) -> None:
        joined = self._tail + data
        self.events += joined.count(_EVENT)
        self._tail = joined[1 - len(_EVENT) :]


def load(
    route: Route, body: bytes, *, connections: int, warm_up: float, seconds: float, cpu: Callable[[], float]
) -> Summary:
    """Keep that many streams open, each followed by the next, and count what arrives within the window."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_load(route, body, connections, warm_up, seconds, cpu))


async def _load(
    route: Route, body: bytes, connections: int, warm_up: float, seconds: float, cpu: Callable[[], float]
) -> Summary:
    loop = asyncio.get_running_loop()
    request = route.request(body)
    clients: list[_Client] = []
    for _ in range(connections):
        _, client = await loop.create_connection(lambda: _Client(request), _HOST, route.port)
        clients.append(client)
    await asyncio.sleep(warm_up)
    first, cpu_first, time_first = _total(clients), cpu(), time.perf_counter()
    await asyncio.sleep(seconds)
    last, cpu_last, time_last = _total(clients), cpu(), time.perf_counter()
    for client in clients:
        client.close()
    await asyncio.sleep(0)
    if faults := [client.fault for client in clients if client.fault]:
        raise MeasurementError(f"{len(faults)} of {connections} connections failed, one with: {faults[0]}")
    if first[0] == last[0]:
        raise MeasurementError(f"no event arrived in {seconds:g} s")
    return Summary(last[0] - first[0], last[1] - first[1], time_last - time_first, cpu_last - cpu_first)


def _total(clients: list[_Client]) -> tuple[int, int]:
    return sum(client.counter.events for client in clients), sum(client.streams for client in clients)


class _Client(asyncio.Protocol):
    """One kept-alive connection that asks for a stream again as soon as the last one is complete."""

    def __init__(self, request: bytes) -> None:
        self.counter = EventCounter()
        self.streams = 0
        self.fault: str | None = None
        self._request = request
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, data: bytes) -> None:
        self.counter.feed(data)

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if status != 200:
            self.fault = f"status {status}"
        elif self._transport is not None:
            self.streams += 1
            self._transport.write(self._request)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._transport is not None:
            self.fault = self.fault or f"the connection was closed ({exc})"

    def close(self) -> None:
        """Leave; what happens to the connection from now on is no fault."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()


@contextmanager
def held(route: Route, body: bytes, count: int) -> Iterator[None]:
    """Keep ``count`` streams open whose first event has arrived.

    They begin one after the other: what is measured is an open stream, not the crowd at the door (a process that
    served 1,000 requests in the same instant keeps about twice as much).
    """
    request = route.request(body)
    with ExitStack() as stack:
        for _ in range(count):
            client = stack.enter_context(socket.create_connection((_HOST, route.port), _PATIENCE))
            client.sendall(request)
            _read_until_event(client)
        yield


def read_slowly(route: Route, body: bytes, *, bytes_per_second: int, seconds: float, watch: Callable[[], None]) -> None:
    """Take a stream at a crawl and call ``watch`` after every sip."""
    sips_per_second = 4
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(_PATIENCE)
        client.connect((_HOST, route.port))
        client.sendall(route.request(body))
        _read_until_event(client)
        for _ in range(round(seconds * sips_per_second)):
            time.sleep(1 / sips_per_second)
            if not client.recv(bytes_per_second // sips_per_second):
                raise MeasurementError("the stream ended although most of it was still unread")
            watch()


def _read_until_event(client: socket.socket) -> None:
    received = b""
    while _EVENT not in received:
        piece = client.recv(2048)
        if not piece:
            raise MeasurementError(
                f"the stream ended before its first event: {received[:300].decode(errors='replace')}"
            )
        received += piece
    if b" 200 " not in received.partition(b"\r\n")[0]:
        raise MeasurementError(f"no stream but: {received[:300].decode(errors='replace')}")
