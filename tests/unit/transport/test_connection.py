"""One connection, one exchange: what happens when two events fall into the same moment."""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
from collections.abc import Callable
from unittest import mock

import pytest

from penstock.core.failure import Failure, Kind
from penstock.core.http import Origin
from penstock.transport.base import Reply
from penstock.transport.connect import Connector
from penstock.transport.connection import Connection, ParserLimits, Place
from penstock.transport.http1 import Http1Transport
from penstock.transport.pool import Pool, PoolLimits
from penstock.transport.proxies import Proxy
from scripted import OK, Peer, answer, read_all, request, serving, transport

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"


async def test_cancelling_a_call_that_is_complete_leaves_its_connection_to_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keep = Pool.keep
    calls: list[asyncio.Task[Reply | Failure]] = []

    def keep_and_cancel(pool: Pool, place: Place, connection: Connection) -> None:
        keep(pool, place, connection)
        if len(calls) == 1:
            calls[0].cancel()
            calls.append(asyncio.ensure_future(made.send(request(server.origin))))

    monkeypatch.setattr(Pool, "keep", keep_and_cancel)
    async with serving(answer) as server, transport() as made:
        calls.append(asyncio.ensure_future(made.send(request(server.origin))))
        with pytest.raises(asyncio.CancelledError):
            await calls[0]
        assert await read_all(await calls[1]) == b"ok"
        assert server.connections == 1


async def test_of_several_that_wait_until_a_connection_is_gone_one_is_cancelled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keep = Pool.keep
    kept: list[Connection] = []

    def keep_and_note(pool: Pool, place: Place, connection: Connection) -> None:
        keep(pool, place, connection)
        kept.append(connection)

    monkeypatch.setattr(Pool, "keep", keep_and_note)
    async with serving(answer) as server, transport() as made:
        assert await read_all(await made.send(request(server.origin))) == b"ok"
        first, second = [asyncio.ensure_future(kept[0].gone()) for _ in range(2)]
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.sleep(0)
        kept[0].abort()
        await second
        assert not made._pool._places, "the pool was told that it is gone"


@pytest.mark.parametrize("greeting", [b"", b"HTTP/1.1 408 Request Timeout\r\n\r\n"])
async def test_a_connection_that_ends_before_it_was_used(greeting: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    connect = Connector.connect

    async def connect_late(
        connector: Connector, origin: Origin, proxy: Proxy | None, protocol: Callable[[], Connection], caller: str
    ) -> Connection | Failure:
        connection = await connect(connector, origin, proxy, protocol, caller)
        assert isinstance(connection, Connection)
        await connection.gone()
        return connection

    async def script(peer: Peer) -> None:
        await peer.send(greeting)

    monkeypatch.setattr(Connector, "connect", connect_late)
    async with serving(script) as server, transport() as made:
        failure = await made.send(request(server.origin))
        assert isinstance(failure, Failure)
        assert (failure.kind, failure.sent) == (Kind.CONNECTION_CLOSED, False)
        assert not made._pool._places


async def test_a_provider_that_leaves_while_it_is_sent_a_large_request() -> None:
    over = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        peer.writer.write_eof()
        await over.wait()

    async with serving(script) as server, transport() as made:
        failure = await made.send(request(server.origin, body=b"x" * 30_000_000))
        assert isinstance(failure, Failure)
        assert (failure.kind, failure.sent) == (Kind.CONNECTION_CLOSED, True)
        over.set()


@pytest.mark.parametrize("framing", [b"content-length: 10\r\n", b"connection: close\r\n"])
async def test_shutting_down_breaks_off_what_is_under_way(framing: bytes) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(HEAD + framing + b"\r\nhel")
        await peer.gone()

    async with serving(script) as server, transport() as made:
        reply = await made.send(request(server.origin))
        await made.close()
        assert not made._pool._places
        assert not isinstance(reply, Failure)
        assert await read_all(reply) == b"hel"
        assert reply.failure is not None
        assert reply.failure.kind is Kind.SHUTTING_DOWN
        refused = await made.send(request(server.origin))
        assert isinstance(refused, Failure)
        assert (refused.kind, refused.sent) == (Kind.SHUTTING_DOWN, False)


async def test_a_provider_that_talks_on_an_idle_connection_loses_it() -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)
        await peer.send(b"H")
        await peer.gone()

    async with serving(script) as server, transport() as made:
        assert await read_all(await made.send(request(server.origin))) == b"ok"
        await asyncio.wait_for(server.ended.wait(), 300)


async def idle(made: Http1Transport, origin: Origin) -> Connection:
    """The idle connection that a request leaves behind."""
    assert await read_all(await made.send(request(origin))) == b"ok"
    (connection,) = made._pool._idle
    return connection


@pytest.mark.parametrize(("age", "looks"), [(0.0, 0), (0.05, 0), (1.0, 1)])
async def test_the_socket_of_a_connection_is_looked_at_only_after_a_pause(
    age: float, looks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[Connection] = []

    def look(connection: Connection) -> bool:
        looked.append(connection)
        return False

    async with serving(answer) as server, transport() as made:
        connection = await idle(made, server.origin)
        monkeypatch.setattr("penstock.transport.connection.monotonic", lambda: connection.idle_since + age)
        monkeypatch.setattr(Connection, "has_unread", look)
        assert connection.is_usable()
    assert len(looked) == looks


async def test_what_the_event_loop_has_not_seen_of_an_idle_connection_is_seen_after_a_pause() -> None:
    peers: list[Peer] = []

    async def script(peer: Peer) -> None:
        peers.append(peer)
        await peer.request()
        await peer.send(OK)
        await peer.gone()

    async with serving(script) as server, transport() as made:
        connection = await idle(made, server.origin)
        assert connection.is_usable()
        # Closed in this round of the event loop, which blocks from here on: nothing is awaited.
        with socket.socket(fileno=os.dup(peers[0].writer.get_extra_info("socket").fileno())) as raw:
            raw.shutdown(socket.SHUT_WR)
        connection.idle_since -= 1
        assert not connection.is_usable()


class OnePiece:
    """An upload of one piece. ``asked`` counts how often it was."""

    rest = 3

    def __init__(self) -> None:
        self.asked = 0

    async def read(self) -> bytes:
        self.asked += 1
        return b"abc" if self.asked == 1 else b""


async def test_an_upload_goes_on_a_new_connection_where_an_idle_one_was_closed_before_it() -> None:
    """RFC 9112, 8: nobody acts on a request without the end of its body, and nothing of that was sent."""
    peers: list[Peer] = []
    bodies: list[bytes] = []

    async def script(peer: Peer) -> None:
        peers.append(peer)
        while True:
            bodies.append((await peer.request()).partition(b"\r\n\r\n")[2])
            await peer.send(OK)

    async with serving(script) as server, transport() as made:
        for number in range(2):
            await idle(made, server.origin)
            upload, sent = OnePiece(), request(server.origin, body=b"head")
            sent.upload = upload
            if number == 0:
                # Closed in this round of the event loop, in which the connection is taken without a look at it.
                with socket.socket(fileno=os.dup(peers[0].writer.get_extra_info("socket").fileno())) as raw:
                    raw.shutdown(socket.SHUT_WR)
            reply = await made.send(sent)
            assert await read_all(reply) == b"ok"
            assert (bodies[-1], upload.asked, server.connections) == (b"headabc", 2, 2)


async def test_a_large_body_is_written_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """No call is given more than a piece, which TLS would encrypt at once, and no turn more than a few."""
    sizes: list[int] = []
    write_on, turns = Connection._write_on, []

    def noted(connection: Connection) -> None:
        turns.append(len(sizes))
        transport = connection.transport
        connection.transport = Noting(transport)  # type: ignore[assignment]
        write_on(connection)
        connection.transport = transport

    class Noting:
        def __init__(self, transport: asyncio.Transport) -> None:
            self._transport = transport
            self.is_closing = transport.is_closing

        def write(self, data: memoryview) -> None:
            sizes.append(len(data))
            self._transport.write(data)

    monkeypatch.setattr(Connection, "_write_on", noted)
    body = os.urandom(3 << 20) + b"end"
    received: list[bytes] = []

    async def script(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        received.append(await peer.reader.readexactly(len(body)))
        await peer.send(HEAD + b"content-length: 2\r\n\r\nok")
        await peer.gone()

    async with serving(script) as server, transport() as made:
        reply = await made.send(request(server.origin, body=body))
        assert await read_all(reply) == b"ok"
    assert received == [body]
    assert max(sizes) == 256 << 10
    assert sum(sizes) == len(body)
    assert max(after - before for before, after in itertools.pairwise([*turns, len(sizes)])) <= 4


async def test_a_provider_that_sends_faster_than_its_bytes_are_worked_on_leaves_others_their_turn() -> None:
    """libuv reads a socket up to 32 times in one turn: a caller who has left would not be noticed meanwhile."""
    connection = Connection((Origin("https", "provider.test", 443), None), ParserLimits(), Pool(PoolLimits()))
    transport, exchange = mock.Mock(), mock.Mock()
    transport.is_closing.return_value = False
    connection.connection_made(transport)
    connection._exchange = exchange
    for turn in range(1, 4):
        connection.data_received(bytes(250_000))  # as much as uvloop takes from a socket at once
        assert transport.pause_reading.call_count == turn
        await asyncio.sleep(0)
        assert transport.resume_reading.call_count == turn
    connection.data_received(bytes(60_000))
    assert transport.pause_reading.call_count == 3
    assert exchange.received.call_count == 4
