"""One exchange: what its reader gets when the answer, a failure and the end come close together."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from penstock.core.failure import Failure, Kind
from penstock.core.http import Limits
from penstock.transport.base import pass_on
from penstock.transport.exchange import HttpExchange
from scripted import Peer, read_all, request, serving, transport

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"


async def test_an_answer_wins_over_the_reset_that_follows_it() -> None:
    async def script(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.send(b"HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\n\r\nbig")
        peer.reset()

    async with serving(script) as server, transport() as made:
        reply = await made.send(request(server.origin, body=b"x" * 30_000_000))
        assert await read_all(reply) == b"big"


async def test_whoever_reads_is_woken_when_the_reply_is_closed() -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(HEAD + b"content-length: 10\r\n\r\n")
        await peer.gone()

    async with serving(script) as server, transport() as made:
        reply = await made.send(request(server.origin))
        assert not isinstance(reply, Failure)
        reading = asyncio.ensure_future(reply.read())
        await asyncio.sleep(0)
        reply.close()
        assert await asyncio.wait_for(reading, 300) == b""


async def test_what_came_before_a_failure_can_still_be_read() -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(HEAD + b"transfer-encoding: chunked\r\n\r\n3\r\nhel\r\nnonsense")
        await peer.gone()

    async with serving(script) as server, transport() as made:
        reply = await made.send(request(server.origin))
        assert await read_all(reply) == b"hel"
        assert not isinstance(reply, Failure)
        assert reply.failure is not None
        assert reply.failure.kind is Kind.INVALID_RESPONSE


async def test_a_limit_that_passes_is_told_after_what_came() -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(HEAD + b"connection: close\r\n\r\nhel")
        await peer.gone()

    async with serving(script) as server, transport() as made:
        reply = await made.send(request(server.origin, limits=Limits(60, 60, 60, 1)))
        assert not isinstance(reply, Failure)
        await asyncio.wait_for(server.ended.wait(), 300)
        assert await read_all(reply) == b"hel"
        assert reply.failure is not None
        assert reply.failure.kind is Kind.TOTAL_TIMEOUT


async def test_a_body_is_passed_on_as_it_arrives_while_the_receiver_keeps_up() -> None:
    arrived = [asyncio.Event() for _ in range(3)]
    seen: list[bytes] = []
    full: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def script(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.send(HEAD + b"content-length: 3\r\n\r\n")
        for number, piece in enumerate((b"a", b"b", b"c")):
            await peer.send(piece)
            await arrived[number].wait()

    def take(data: bytes) -> asyncio.Future[None] | None:
        seen.append(data)
        arrived[len(seen) - 1].set()
        return full if data == b"b" else None

    async with serving(script) as server, transport() as made:
        reply = await made.send(request(server.origin))
        assert not isinstance(reply, Failure)
        passing = asyncio.ensure_future(pass_on(reply, take))
        await arrived[1].wait()
        full.set_result(None)
        await passing
        assert (seen, reply.failure) == ([b"a", b"b", b"c"], None)


@pytest.mark.parametrize("is_first", [True, False])
async def test_a_defect_in_the_receiver_is_its_own(is_first: bool) -> None:
    taken = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.send(HEAD + b"content-length: 100\r\n\r\n")
        await peer.send(b"first")
        await taken.wait()
        await peer.send(b"second")
        await peer.reader.read()

    def take(data: bytes) -> None:
        taken.set()
        if is_first or data != b"first":
            raise ValueError("a defect")

    async with serving(script) as server, transport() as made:
        reply = await made.send(request(server.origin))
        assert not isinstance(reply, Failure)
        with pytest.raises(ValueError, match="a defect"):
            await pass_on(reply, take)
        reply.close()


async def test_a_caller_who_leaves_while_a_body_is_passed_on_closes_the_connection() -> None:
    gone, taken = asyncio.Event(), asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.send(HEAD + b"content-length: 100\r\n\r\nfirst")
        await peer.reader.read()
        gone.set()

    async with serving(script) as server, transport() as made:
        reply = await made.send(request(server.origin))
        assert not isinstance(reply, Failure)
        passing = asyncio.ensure_future(pass_on(reply, lambda _: taken.set()))
        await taken.wait()
        passing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await passing
        await gone.wait()


async def test_a_body_that_is_passed_on_late_takes_no_headers_of_the_next_exchange() -> None:
    """A whole response gives its connection back before its body is passed on, to a slow caller say."""
    go = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(HEAD + b"content-length: 2\r\n\r\nok")
        await peer.request()
        await peer.send(HEAD + b"x-a")
        await go.wait()
        await peer.send(b": b\r\ncontent-length: 4\r\n\r\nnext")

    async with serving(script) as server, transport() as made:
        first = await made.send(request(server.origin))
        assert isinstance(first, HttpExchange)
        async with asyncio.timeout(300):
            while first.whole() is None:  # noqa: ASYNC110 (nothing tells it)
                await asyncio.sleep(0)
            sending = asyncio.ensure_future(made.send(request(server.origin)))
            await asyncio.sleep(0)
            while not first._reader.headers:  # noqa: ASYNC110 (nothing tells it)
                await asyncio.sleep(0)
        passed: list[bytes] = []
        await pass_on(first, passed.append)
        go.set()
        second = await sending
        assert not isinstance(second, Failure)
        assert second.headers == [(b"content-type", b"application/json"), (b"x-a", b"b"), (b"content-length", b"4")]
        assert (passed, await read_all(second), server.connections) == ([b"ok"], b"next", 1)


async def test_what_arrives_between_two_turns_of_a_stream_is_passed_on_though_nothing_follows() -> None:
    taken, is_all_there = bytearray(), asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.send(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 99999\r\n\r\n" + b"\n" * 20_000
        )
        await peer.reader.read()

    async with serving(script) as server, transport() as made:
        reply = await made.send(request(server.origin))
        assert isinstance(reply, HttpExchange)

        def take(data: bytes) -> None:
            if len(data) == 16 << 10:
                asyncio.get_running_loop().call_soon(reply.received, b"last")
            taken.extend(data)
            if taken.endswith(b"last"):
                is_all_there.set()

        passing = asyncio.ensure_future(pass_on(reply, take))
        await is_all_there.wait()
        passing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await passing
    assert bytes(taken) == b"\n" * 20_000 + b"last"


async def test_a_stream_is_read_no_faster_than_it_is_taken_turn_by_turn() -> None:
    """A turn hands on 16 KB of what was read: the connection is read again when all of that is taken, not before."""
    block = b"data: {}\n\n" * 100_000
    most = 0

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(HEAD.replace(b"application/json", b"text/event-stream") + b"connection: close\r\n\r\n")
        with contextlib.suppress(OSError):
            for _ in range(60):
                await peer.send(block)

    async with serving(script) as server, transport() as made:
        reply = await made.send(request(server.origin))
        assert isinstance(reply, HttpExchange)
        while await reply.read():
            most = max(most, sum(map(len, reply._reader.pieces)) + len(reply._left))
            await asyncio.sleep(0)
        assert reply.failure is None
    assert most < 2_000_000


async def test_a_provider_is_not_idle_while_its_bytes_wait_for_the_caller() -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(HEAD.replace(b"application/json", b"text/event-stream") + b"content-length: 99999\r\n\r\n")
        await peer.gone()

    async with serving(script) as server, transport() as made:
        reply = await made.send(request(server.origin))
        assert isinstance(reply, HttpExchange)
        reply.received(b"\n" * 40_000)
        assert await reply.read() == b"\n" * (16 << 10)
        reply._last_byte = -1e9
        reply.look()
        assert reply.failure is None
        reply.close()


async def test_a_caller_who_leaves_between_two_turns_of_a_stream_closes_the_connection() -> None:
    gone, taken = asyncio.Event(), list[bytes]()

    async def script(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.send(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 99999\r\n\r\n" + b"\n" * 60_000
        )
        await peer.reader.read()
        gone.set()

    async with serving(script) as server, transport() as made:
        reply = await made.send(request(server.origin))
        assert not isinstance(reply, Failure)

        def take(data: bytes) -> None:
            taken.append(data)
            if len(data) == 16 << 10:  # there is more, for the next turn
                passing.cancel()

        passing = asyncio.ensure_future(pass_on(reply, take))
        with pytest.raises(asyncio.CancelledError):
            await passing
        await gone.wait()
        assert sum(map(len, taken)) < 60_000
