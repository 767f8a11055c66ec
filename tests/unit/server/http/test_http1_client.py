"""The bytes of responses; tests/e2e/test_http.py is over whole connections."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest

from edge import waited
from penstock.core.failure import Failure, Kind
from penstock.pipeline.relay import Broken
from penstock.server.bodies.buffering import BodyBudget
from penstock.server.http.http1_client import CONTINUE, Http1Client
from penstock.server.http.incoming import IncomingRequest


class Connection:
    """A connection that keeps what it is written; ``arrive`` is what comes while a body is waited for."""

    def __init__(self, *arrive: bytes | Failure) -> None:
        self.address: str | None = "10.0.0.1"
        self.transport: Any = self
        self.writable: asyncio.Future[None] | None = None
        self.state: Any = SimpleNamespace(date=b"date: now")
        self.loop: Any = None
        self.is_draining = self.is_drained = self.is_closed = False
        self.written = b""
        self.client: Http1Client
        self._arrive = arrive

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def answer_begins(self) -> None: ...

    def is_closing(self) -> bool:
        return self.is_closed

    def write(self, data: bytes) -> None:
        self.written += data

    async def arrival(self, request: IncomingRequest, silence: float, waited: float = 0.0) -> None:
        for piece in self._arrive:
            if isinstance(piece, Failure):
                request.fail(piece)
                return
            request.add(piece)
            if request.size > request.granted:
                self.client.grow()
        request.complete = request.failure is None


def client_on(connection: Connection, *, complete: bool = True, version: str = "1.1", budget: int = 0) -> Http1Client:
    request = IncomingRequest(0)
    request.keep_alive, request.complete, request.version = True, complete, version
    connection.client = Http1Client(connection, request, BodyBudget(budget))
    return connection.client


async def test_a_whole_response() -> None:
    connection = Connection()
    client = client_on(connection)
    await waited(client.send_head(200, [(b"a", b"b")], b"xyz", more=False))
    assert connection.written == b"HTTP/1.1 200 OK\r\na: b\r\ndate: now\r\ncontent-length: 3\r\n\r\nxyz"
    assert (client.complete, client.keep_alive, client.no_op()) == (True, True, b"")


async def test_a_response_in_chunks_and_bytes_that_mean_nothing() -> None:
    connection = Connection()
    client = client_on(connection)
    assert client.no_op() == CONTINUE
    await waited(client.send_head(299, [], b"x", more=True))
    await client.send(b"")
    connection.write(client.no_op())
    await client.send(b"y" * 16)
    connection.write(client.no_op())
    await client.end(b"z")
    head, _, body = connection.written.partition(b"\r\n\r\n")
    assert head == b"HTTP/1.1 299 Status\r\ndate: now\r\ntransfer-encoding: chunked"
    assert body == b"1\r\nx\r\n010\r\n" + b"y" * 16 + b"\r\n01\r\nz\r\n0\r\n\r\n"


@pytest.mark.parametrize(("complete", "drained"), [(False, False), (True, True)])
async def test_the_last_response_of_a_connection(complete: bool, drained: bool) -> None:
    connection = Connection()
    connection.is_draining = connection.is_drained = drained
    client = client_on(connection, complete=complete)
    await waited(client.send_head(401, [], b"", more=False))
    assert b"\r\nconnection: close\r\n" in connection.written
    assert not client.keep_alive


async def test_http_1_0() -> None:
    connection = Connection()
    client = client_on(connection, version="1.0")
    assert client.no_op() == b""
    await waited(client.send_head(200, [], b"x", more=True))
    await client.end(b"y")
    assert connection.written.endswith(b"connection: close\r\n\r\nxy")
    connection = Connection()
    await waited(client_on(connection, version="1.0").send_head(200, [], b"x", more=False))
    assert b"\r\nconnection: keep-alive\r\n" in connection.written


async def test_a_body_is_held_until_the_head_is_sent() -> None:
    connection = Connection(b"a" * 10, b"b" * 100_000)
    client = client_on(connection, complete=False, budget=1 << 20)
    client.request.declared = -1
    assert await client.read_body({}, 200_000, 60) == b"a" * 10 + b"b" * 100_000
    assert client.budget.held >= 100_010
    await waited(client.send_head(200, [], b"", more=False))
    assert client.budget.held == 0


@pytest.mark.parametrize(
    ("complete", "fields", "limit", "budget", "body"),
    [
        (True, {}, 5, 0, b"hello"),
        (True, {}, 5, 5, b"hello"),
        (True, {}, 4, 0, None),
        (True, {}, 5, 4, None),
        (True, {b"content-encoding": b"gzip"}, 5, 0, None),
        (False, {}, 5, 0, None),
    ],
)
async def test_a_body_that_came_with_its_head_is_read_at_once_if_nothing_speaks_against_it(
    complete: bool, fields: dict[bytes, bytes], limit: int, budget: int, body: bytes | None
) -> None:
    client = client_on(Connection(), complete=complete, budget=budget)
    client.request.add(b"hello")
    assert client.whole_body(fields, limit) == body
    assert client.budget.held == (0 if body is None else 5)
    assert client.request.take() == (b"hello" if body is None else b"")


@pytest.mark.parametrize(
    ("declared", "arriving", "limit", "kind"),
    [
        (101, (), 100, Kind.BODY_TOO_LARGE),
        (-1, (b"a" * 50, b"a" * 51), 100, Kind.BODY_TOO_LARGE),
        (5000, (), 100_000, Kind.BODIES_EXHAUSTED),
        (-1, (b"a" * 3000, b"a" * 3000), 100_000, Kind.BODIES_EXHAUSTED),
        (50, (Failure(Kind.CLIENT_DISCONNECTED, "It left."),), 100, Kind.CLIENT_DISCONNECTED),
    ],
)
async def test_a_body_that_is_refused(
    declared: int, arriving: tuple[bytes | Failure, ...], limit: int, kind: Kind
) -> None:
    connection = Connection(*arriving)
    client = client_on(connection, complete=False, budget=5001)
    client.budget.held = 1000
    client.request.declared = declared
    failure = await client.read_body({}, limit, 60)
    assert isinstance(failure, Failure)
    assert failure.kind is kind
    assert client.request.take() == b""


@pytest.mark.parametrize(("watched", "unwatched"), [(True, False), (True, True), (False, False)])
async def test_who_leaves_cancels_a_task_that_is_watched_only(watched: bool, unwatched: bool) -> None:
    client = client_on(Connection())
    task = asyncio.create_task(asyncio.Event().wait())
    client.task = task  # type: ignore[assignment]
    if watched:
        client.watch()
    if unwatched:
        client.unwatch()
    client.leave()
    assert client.gone == (watched and not unwatched)
    assert bool(task.cancelling()) == client.gone
    task.cancel()


@pytest.mark.parametrize("step", ["the head", "a piece", "the end"])
async def test_nothing_is_written_to_a_caller_that_left(step: str) -> None:
    connection = Connection()
    client = client_on(connection)
    if step != "the head":
        await waited(client.send_head(200, [], b"", more=True))
    connection.is_closed, written = True, connection.written
    steps: dict[str, Callable[[], Awaitable[None] | None]] = {
        "the head": lambda: client.send_head(200, [], b"", more=True),
        "a piece": lambda: client.send(b"x"),
        "the end": lambda: client.end(b""),
    }
    with pytest.raises(Broken):
        await waited(steps[step]())
    assert client.gone
    assert connection.written == written
    assert not client.complete
