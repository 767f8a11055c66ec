"""Sharing connections: turns are kept, nothing is forgotten and nothing is kept for ever."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from penstock.core.failure import Failure, Kind
from penstock.core.http import Limits, Origin
from penstock.transport.connection import Connection, Place
from penstock.transport.http1 import Http1Transport
from penstock.transport.pool import Pool, PoolLimits
from scripted import OK, Names, Peer, SilentNames, answer, read_all, request, serving, transport

ONE = PoolLimits(max_connections=1)


def calling(made: Http1Transport, origin: Origin) -> asyncio.Task[bytes]:
    async def call() -> bytes:
        return await read_all(await made.send(request(origin)))

    return asyncio.ensure_future(call())


async def until_waiting(made: Http1Transport, number: int) -> None:
    """Nobody is told who waits in a pool, so this looks once a round of the event loop."""
    while sum(len(berth.waiting) for berth in made._pool._places.values()) < number:  # noqa: ASYNC110
        await asyncio.sleep(0)


class Gate:
    """A script that answers each request with its number, the first one not before ``open`` is set."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.reached = asyncio.Event()
        self.number = 0

    async def __call__(self, peer: Peer) -> None:
        while True:
            await peer.request()
            self.reached.set()
            await self.open.wait()
            self.number += 1
            await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n%d" % self.number)


async def test_who_waits_longest_is_next_even_before_a_newcomer() -> None:
    gate = Gate()
    async with serving(gate) as server, transport(pool=ONE) as made:
        calls = [calling(made, server.origin) for _ in range(4)]
        await until_waiting(made, 3)
        await gate.reached.wait()
        assert made.connection_counts() == (1, 0, 3)

        async def newcomer() -> bytes:
            await calls[0]
            return await read_all(await made.send(request(server.origin)))

        last = asyncio.ensure_future(newcomer())
        gate.open.set()
        assert await asyncio.gather(*calls, last) == [b"1", b"2", b"3", b"4", b"5"]
        assert made.connection_counts() == (0, 1, 0)
        assert server.connections == 1


async def cancelled(call: asyncio.Task[bytes]) -> bool:
    await asyncio.wait([call])
    return call.cancelled()


async def test_who_stops_waiting_is_passed_over() -> None:
    gate = Gate()
    async with serving(gate) as server, transport(pool=ONE) as made:
        first, leaver, third = (calling(made, server.origin) for _ in range(3))
        await until_waiting(made, 2)
        leaver.cancel()
        gate.open.set()
        assert [await first, await third] == [b"1", b"2"]
        assert await cancelled(leaver)


async def test_a_connection_handed_to_one_who_just_left_goes_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate()
    calls: list[asyncio.Task[bytes]] = []
    keep = Pool.keep

    def keep_and_leave(pool: Pool, place: Place, connection: Connection) -> None:
        keep(pool, place, connection)
        calls[1].cancel()

    monkeypatch.setattr(Pool, "keep", keep_and_leave)
    async with serving(gate) as server, transport(pool=ONE) as made:
        calls += [calling(made, server.origin) for _ in range(3)]
        await until_waiting(made, 2)
        gate.open.set()
        assert [await calls[0], await calls[2]] == [b"1", b"2"]
        assert await cancelled(calls[1])
        assert server.connections == 1


async def test_room_handed_to_one_who_just_left_goes_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    hang_up = asyncio.Event()
    calls: list[asyncio.Task[bytes]] = []
    lost = Pool.lost

    def lose_and_leave(pool: Pool, place: Place, connection: Connection) -> None:
        lost(pool, place, connection)
        calls[1].cancel()

    async def script(peer: Peer) -> None:
        await peer.request()
        await hang_up.wait()

    monkeypatch.setattr(Pool, "lost", lose_and_leave)
    async with serving(script, answer) as server, transport(pool=ONE) as made:
        calls += [calling(made, server.origin) for _ in range(3)]
        await until_waiting(made, 2)
        hang_up.set()
        assert await calls[2] == b"ok"
        assert await cancelled(calls[1])
        with pytest.raises(AssertionError, match="CONNECTION_CLOSED"):
            await calls[0]


async def test_the_room_of_a_connection_that_broke_goes_to_who_waits() -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK.replace(b"content-length", b"connection: close\r\ncontent-length"))

    async with serving(script) as server, transport(pool=ONE) as made:
        assert await asyncio.gather(*(calling(made, server.origin) for _ in range(4))) == [b"ok"] * 4
        assert server.connections == 4


async def test_a_handed_connection_that_ends_before_it_is_used_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    keep = Pool.keep

    def keep_and_break(pool: Pool, place: Place, connection: Connection) -> None:
        keep(pool, place, connection)
        connection.abort()

    monkeypatch.setattr(Pool, "keep", keep_and_break)
    async with serving(answer) as server, transport(pool=ONE) as made:
        assert await asyncio.gather(*(calling(made, server.origin) for _ in range(3))) == [b"ok"] * 3
        assert server.connections == 3


async def test_closing_sends_everyone_home() -> None:
    gate = Gate()
    async with serving(gate) as server, transport(pool=ONE) as made:
        calls = [asyncio.ensure_future(made.send(request(server.origin))) for _ in range(3)]
        await gate.reached.wait()
        await until_waiting(made, 2)
        await made.close()
        gate.open.set()
        failures = await asyncio.gather(*calls)
        assert all(isinstance(failure, Failure) and failure.kind is Kind.SHUTTING_DOWN for failure in failures)
        assert [failure.sent for failure in failures if isinstance(failure, Failure)] == [True, False, False]
        assert not made._pool._places


async def test_a_connection_that_is_made_after_closing_is_closed() -> None:
    names = SilentNames("127.0.0.1")
    async with serving(answer) as server, transport(resolver=names) as made:
        origin = Origin("http", "models.example.com", server.origin.port, trusted=True)
        call = asyncio.ensure_future(made.send(request(origin)))
        await names.reached.wait()
        await made.close()
        names.release.set()
        failure = await call
        assert isinstance(failure, Failure)
        assert (failure.kind, failure.sent) == (Kind.SHUTTING_DOWN, False)
        await asyncio.wait_for(server.ended.wait(), 300)
        assert not made._pool._places


async def test_places_that_could_not_be_reached_are_forgotten() -> None:
    async with transport(resolver=Names(), pool=PoolLimits(max_connections=2)) as made:
        for number in range(20):
            failure = await made.send(
                request(Origin("http", f"h{number}.example.com", 80), limits=Limits(60, 60, 60, 0))
            )
            assert isinstance(failure, Failure)
        assert not made._pool._places


async def test_idle_connections_have_one_limit_over_all_origins_and_the_oldest_goes_first() -> None:
    async with AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(serving(answer)) for _ in range(4)]
        made = await stack.enter_async_context(transport(pool=PoolLimits(max_idle=2)))
        for server in servers:
            assert await read_all(await made.send(request(server.origin))) == b"ok"
        for server in servers[:2]:
            await asyncio.wait_for(server.ended.wait(), 300)
        assert len(made._pool._idle) == 2
        for server in servers[2:]:
            assert await read_all(await made.send(request(server.origin))) == b"ok"
        assert [server.connections for server in servers] == [1, 1, 1, 1]


async def test_a_connection_that_is_used_again_is_no_longer_the_oldest() -> None:
    async with (
        serving(answer) as first,
        serving(answer) as second,
        serving(answer) as third,
        transport(pool=PoolLimits(max_idle=2)) as made,
    ):
        for server in (first, second, first, third):
            assert await read_all(await made.send(request(server.origin))) == b"ok"
        await asyncio.wait_for(second.ended.wait(), 300)
        assert await read_all(await made.send(request(first.origin))) == b"ok"
        assert first.connections == 1


async def test_the_older_half_of_the_idle_connections_can_be_dropped() -> None:
    async with AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(serving(answer)) for _ in range(3)]
        made = await stack.enter_async_context(transport())
        for server in servers:
            assert await read_all(await made.send(request(server.origin))) == b"ok"
        assert [len(made._pool.drop_idle()) for _ in range(3)] == [2, 1, 0]
        for server in servers:
            await asyncio.wait_for(server.ended.wait(), 300)
