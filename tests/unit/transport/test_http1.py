"""The transport on real loopback sockets: one server script a test, every phase in which things go wrong."""

from __future__ import annotations

import asyncio
import contextlib
import zlib

import pytest

from penstock.core.failure import Failure, Kind
from penstock.core.http import Limits
from penstock.transport.base import Reply, pass_on, whole_body
from penstock.transport.connection import ParserLimits
from penstock.transport.http1 import Http1Transport
from penstock.transport.pool import PoolLimits
from scripted import LOOPBACK, OK, Peer, answer, read_all, request, serving, transport

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"


async def failing(made: Http1Transport, *args: object, **options: object) -> Failure:
    result = await made.send(request(*args, **options))  # type: ignore[arg-type]
    assert isinstance(result, Failure), result
    return result


async def begun(made: Http1Transport, *args: object, **options: object) -> Reply:
    result = await made.send(request(*args, **options))  # type: ignore[arg-type]
    assert not isinstance(result, Failure), result
    return result


async def test_a_request_and_its_reply() -> None:
    seen = []

    async def script(peer: Peer) -> None:
        seen.append(await peer.request())
        await peer.send(b"HTTP/1.1 201 Made\r\nX-A: 1\r\ncontent-length: 5\r\n\r\nhe", b"llo")

    async with serving(script) as server, transport() as made:
        reply = await begun(made, server.origin, body=b'{"a":1}')
        assert (reply.status, reply.headers[0]) == (201, (b"x-a", b"1"))
        assert await read_all(reply) == b"hello"
        assert await reply.read() == b""
        assert reply.failure is None
        host = server.origin.authority.encode()
    assert seen == [
        b"POST /v1/x?y=1 HTTP/1.1\r\nhost: "
        + host
        + b"\r\nauthorization: Bearer k\r\ncontent-length: 7\r\n\r\n"
        + b'{"a":1}'
    ]


async def test_a_reply_is_whole_if_it_came_with_its_head() -> None:
    go_on = asyncio.Event()

    async def script(peer: Peer) -> None:
        while await peer.request():
            await peer.send(HEAD + b"content-length: 2\r\n\r\nok")
            await peer.request()
            await peer.send(HEAD + b"content-length: 2\r\n\r\no")
            await go_on.wait()
            await peer.send(b"k")

    async with serving(script) as server, transport() as made:
        whole = await begun(made, server.origin)
        assert whole_body(whole) == b"ok"
        arriving = await begun(made, server.origin)
        assert whole_body(arriving) is None
        go_on.set()
        assert await read_all(arriving) == b"ok"
        assert whole_body(whole) == b"ok"  # the connection's next response has changed nothing
        assert await read_all(whole) == b"ok"
        assert server.connections == 1


async def test_a_get_has_no_body() -> None:
    seen = []

    async def script(peer: Peer) -> None:
        seen.append(await peer.reader.readuntil(b"\r\n\r\n"))
        await peer.send(OK)

    async with serving(script) as server, transport() as made:
        call = request(server.origin, body=b"")
        call.method = b"GET"
        assert await read_all(await made.send(call)) == b"ok"
    assert b"content-length" not in seen[0]


async def test_connections_are_kept_and_used_again() -> None:
    async with serving(answer) as server, transport() as made:
        for _ in range(5):
            assert await read_all(await begun(made, server.origin)) == b"ok"
        assert server.connections == 1
        replies = await asyncio.gather(*(begun(made, server.origin) for _ in range(4)))
        assert [await read_all(reply) for reply in replies] == [b"ok"] * 4
        assert 2 <= server.connections <= 4


async def test_a_stream_arrives_piece_by_piece() -> None:
    go_on = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(HEAD + b"transfer-encoding: chunked\r\n\r\n3\r\none\r\n")
        await go_on.wait()
        await peer.send(b"3\r\ntwo\r\n0\r\n\r\n")

    async with serving(script) as server, transport() as made:
        reply = await begun(made, server.origin)
        assert await reply.read() == b"one"
        go_on.set()
        assert await read_all(reply) == b"two"


@pytest.mark.parametrize("passes_on", [False, True])
async def test_much_of_a_stream_is_handed_on_in_turns(passes_on: bool) -> None:
    """A provider may send nothing but ends of events: others are served between two pieces."""
    sent = bytes(range(256)) * 2048
    pieces: list[bytes] = []
    turns: list[int] = []
    turn = 0

    def take(data: bytes) -> None:
        pieces.append(data)
        turns.append(turn)

    async def others() -> None:
        nonlocal turn
        while True:
            turn += 1
            await asyncio.sleep(0)

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; a=b\r\n\r\n" + sent)

    async with serving(script) as server, transport() as made:
        reply = await begun(made, server.origin)
        other = asyncio.create_task(others())
        if passes_on:
            await pass_on(reply, take)
        else:
            while data := await reply.read():
                take(data)
        other.cancel()
    assert reply.failure is None
    assert b"".join(pieces) == sent
    assert max(map(len, pieces)) <= 16 << 10
    assert len(set(turns)) > len(turns) * 3 // 4


@pytest.mark.parametrize(
    ("pieces", "kind", "reset"),
    [
        ([], Kind.CONNECTION_CLOSED, False),
        ([], Kind.CONNECTION_CLOSED, True),
        ([b"HTTP/1.1 200 OK\r\ncontent-"], Kind.CONNECTION_CLOSED, False),
        ([b"HTTP/1.1 200 OK\r\ncontent-"], Kind.CONNECTION_CLOSED, True),
        ([b"HTTP/1.1 100 Continue\r\n\r\n"], Kind.CONNECTION_CLOSED, False),
        ([b"garbage\r\n\r\n"], Kind.INVALID_RESPONSE, False),
        ([b"HTTP/1.1 200 OK\r\nx: " + b"y" * 70_000], Kind.INVALID_RESPONSE, False),
    ],
)
async def test_breaking_before_the_head_is_a_failure(pieces: list[bytes], kind: Kind, reset: bool) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(*pieces)
        peer.reset() if reset else peer.close()

    async with serving(script) as server, transport() as made:
        failure = await failing(made, server.origin)
        assert (failure.kind, failure.sent) == (kind, True)
        assert "127.0.0.1" in failure.message
        assert "Bearer" not in failure.message


async def test_a_server_that_hangs_up_on_accept() -> None:
    async def script(peer: Peer) -> None:
        peer.reset()

    async with serving(script) as server, transport() as made:
        assert (await failing(made, server.origin)).kind is Kind.CONNECTION_CLOSED


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize(
    "begin",
    [
        HEAD + b"content-length: 10\r\n\r\nhel",
        HEAD + b"transfer-encoding: chunked\r\n\r\n3\r\nhel\r\n",
        HEAD + b"transfer-encoding: chunked\r\n\r\n9\r\nhel",
    ],
)
async def test_breaking_in_the_body_is_told_after_what_came(begin: bytes, reset: bool) -> None:
    seen = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(begin)
        await seen.wait()
        peer.reset() if reset else peer.close()

    async with serving(script) as server, transport() as made:
        reply = await begun(made, server.origin)
        assert await reply.read() == b"hel"
        seen.set()
        assert await reply.read() == b""
        assert reply.failure is not None
        assert (reply.failure.kind, reply.failure.sent) == (Kind.TRUNCATED, True)


async def test_a_body_that_ends_with_the_connection() -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.0 200 OK\r\n\r\nhello")
        peer.close()

    async with serving(script) as server, transport() as made:
        reply = await begun(made, server.origin)
        assert await read_all(reply) == b"hello"
        assert reply.failure is None


@pytest.mark.parametrize(
    "first",
    [
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
        OK + b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil",
        OK + b"\0garbage",
    ],
)
async def test_connections_that_must_not_be_used_again(first: bytes) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(first)
        await peer.gone()

    async with serving(script, answer) as server, transport() as made:
        assert await read_all(await begun(made, server.origin)) == b"ok"
        assert await read_all(await begun(made, server.origin)) == b"ok"
        assert server.connections == 2


@pytest.mark.parametrize("how", ["close", "reset", "bytes"])
async def test_a_connection_that_ended_while_idle_is_replaced(how: str) -> None:
    done = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)
        if how == "bytes":
            await peer.send(b"HTTP/1.1 408 Request Timeout\r\n\r\n")
        else:
            peer.close() if how == "close" else peer.reset()
            with contextlib.suppress(ConnectionError):
                await peer.writer.wait_closed()
        done.set()

    async with serving(script, answer) as server, transport() as made:
        assert await read_all(await begun(made, server.origin)) == b"ok"
        await done.wait()
        assert await read_all(await begun(made, server.origin)) == b"ok"
        assert server.connections == 2


async def test_an_answer_that_comes_before_the_request_was_sent_whole() -> None:
    async def script(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.send(b"HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\n\r\nbig")
        await peer.gone()

    async with serving(script, answer) as server, transport() as made:
        reply = await begun(made, server.origin, body=b"x" * 30_000_000)
        assert reply.status == 413
        assert await read_all(reply) == b"big"
        assert await read_all(await begun(made, server.origin)) == b"ok"
        assert server.connections == 2


async def test_a_large_request_arrives_whole() -> None:
    body = bytes(range(256)) * 40_000
    seen = []

    async def script(peer: Peer) -> None:
        seen.append((await peer.request()).partition(b"\r\n\r\n")[2])
        await peer.send(OK)

    async with serving(script) as server, transport() as made:
        assert await read_all(await begun(made, server.origin, body=body)) == b"ok"
    assert seen == [body]


@pytest.mark.parametrize(
    ("limits", "begin", "kind"),
    [
        (Limits(60, 0.05, 60, 0), b"", Kind.FIRST_BYTE_TIMEOUT),
        (Limits(60, 0.05, 60, 0), b"HTTP/1.1 200 OK\r\n", Kind.FIRST_BYTE_TIMEOUT),
        (Limits(60, 60, 60, 0.05), b"", Kind.TOTAL_TIMEOUT),
    ],
)
async def test_a_head_that_comes_too_late(limits: Limits, begin: bytes, kind: Kind) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)
        await peer.request()
        await peer.send(begin)
        await peer.gone()

    async with serving(script) as server, transport() as made:
        # On a connection that is ready the time goes to waiting alone, however slow the machine is at connecting.
        assert await read_all(await begun(made, server.origin)) == b"ok"
        failure = await failing(made, server.origin, limits=limits)
        assert (failure.kind, failure.sent) == (kind, True)
        await asyncio.wait_for(server.ended.wait(), 300)


@pytest.mark.parametrize(
    ("limits", "kind"), [(Limits(60, 60, 0.05, 0), Kind.IDLE_TIMEOUT), (Limits(60, 60, 60, 1), Kind.TOTAL_TIMEOUT)]
)
async def test_a_body_that_stalls(limits: Limits, kind: Kind) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(HEAD + b"content-length: 10\r\n\r\nhel")
        await peer.gone()

    async with serving(script) as server, transport() as made:
        reply = await begun(made, server.origin, limits=limits)
        assert await read_all(reply) == b"hel"
        assert reply.failure is not None
        assert reply.failure.kind is kind
        await asyncio.wait_for(server.ended.wait(), 300)


async def test_bytes_that_nobody_fetched_are_no_silence() -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(HEAD + b"content-length: 5\r\n\r\nhel")
        await asyncio.sleep(0.15)
        await peer.send(b"lo")

    async with serving(script) as server, transport() as made:
        reply = await begun(made, server.origin, limits=Limits(60, 60, 0.05, 0))
        await asyncio.wait_for(server.ended.wait(), 300)
        assert await read_all(reply) == b"hello"


async def test_a_slow_reader_holds_the_provider_back() -> None:
    size, sent = 20_000_000, 0
    stuck = asyncio.Event()

    async def script(peer: Peer) -> None:
        nonlocal sent
        await peer.request()
        await peer.send(HEAD + b"content-length: %d\r\n\r\n" % size)
        while sent < size:
            peer.writer.write(b"x" * 100_000)
            sent += 100_000
            try:
                await asyncio.wait_for(peer.writer.drain(), 0.3)
            except TimeoutError:
                stuck.set()
                await peer.writer.drain()
        await answer(peer)

    async with serving(script) as server, transport(bounds=ParserLimits(unread=100_000)) as made:
        reply = await begun(made, server.origin)
        await asyncio.wait_for(stuck.wait(), 300)
        assert sent < size
        assert len(await read_all(reply)) == size
        assert reply.failure is None
        # The connection was paused and is good again.
        assert await read_all(await begun(made, server.origin)) == b"ok"
        assert server.connections == 1


@pytest.mark.parametrize("phase", ["head", "body"])
async def test_cancelling_closes_the_connection_at_once(phase: str) -> None:
    received = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        if phase == "body":
            await peer.send(HEAD + b"content-length: 10\r\n\r\n")
        received.set()
        await peer.gone()

    async with serving(script) as server, transport() as made:

        async def call() -> None:
            await read_all(await begun(made, server.origin))

        task = asyncio.ensure_future(call())
        await received.wait()
        for _ in range(3):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(server.ended.wait(), 300)


async def test_closing_an_unfinished_reply_closes_the_connection() -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(HEAD + b"content-length: 10\r\n\r\nhel")
        await peer.gone()

    async with serving(script) as server, transport() as made:
        reply = await begun(made, server.origin)
        reply.close()
        reply.close()
        assert await reply.read() == b""
        await asyncio.wait_for(server.ended.wait(), 300)


def packed(plain: bytes, encoding: str) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31 if encoding == "gzip" else 15)
    return packer.compress(plain) + packer.flush()


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
@pytest.mark.parametrize("step", [1, 7, 10_000])
async def test_compressed_replies_are_unpacked(encoding: str, step: int) -> None:
    plain = b"hello " * 50
    data = packed(plain, encoding)

    async def script(peer: Peer) -> None:
        await peer.request()
        head = f"content-encoding: {encoding}\r\ncontent-length: {len(data)}\r\nx-a: 1\r\n\r\n"
        await peer.send(HEAD + head.encode(), *(data[i : i + step] for i in range(0, len(data), step)))

    async with serving(script) as server, transport() as made:
        reply = await begun(made, server.origin)
        assert reply.headers == [(b"content-type", b"application/json"), (b"x-a", b"1")]
        assert await read_all(reply) == plain
        assert reply.failure is None


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (packed(b"hello", "gzip")[:-5], Kind.TRUNCATED),
        (b"not gzip at all", Kind.INVALID_RESPONSE),
    ],
)
async def test_damaged_compression(data: bytes, kind: Kind) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(HEAD + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(data) + data)

    async with serving(script) as server, transport() as made:
        reply = await begun(made, server.origin)
        await read_all(reply)
        assert reply.failure is not None
        assert reply.failure.kind is kind


async def test_a_bomb_is_unpacked_in_bounded_pieces() -> None:
    data = packed(b"\0" * 50_000_000, "gzip")

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(HEAD + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(data) + data)

    async with serving(script) as server, transport() as made:
        reply = await begun(made, server.origin)
        largest = total = 0
        while piece := await reply.read():
            largest, total = max(largest, len(piece)), total + len(piece)
        assert total == 50_000_000
        assert largest <= 256 << 10


async def test_encodings_that_are_not_ours_pass_untouched() -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(HEAD + b"content-encoding: br\r\ncontent-length: 3\r\n\r\n\x01\x02\x03")

    async with serving(script) as server, transport() as made:
        reply = await begun(made, server.origin)
        assert (b"content-encoding", b"br") in reply.headers
        assert await read_all(reply) == b"\x01\x02\x03"


async def test_connections_of_an_origin_are_limited_and_taken_in_turn() -> None:
    async with serving(answer) as server, transport(pool=PoolLimits(max_connections=2)) as made:
        replies = await asyncio.gather(*(made.send(request(server.origin)) for _ in range(10)))
        assert [await read_all(reply) for reply in replies] == [b"ok"] * 10
        assert server.connections <= 2


async def test_waiting_for_a_connection_has_an_end() -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(HEAD + b"content-length: 10\r\n\r\n")
        await peer.gone()

    async with serving(script) as server, transport(pool=PoolLimits(max_connections=1)) as made:
        held = await begun(made, server.origin)
        failure = await failing(made, server.origin, limits=Limits(0.05, 60, 60, 0))
        assert (failure.kind, failure.sent) == (Kind.POOL_EXHAUSTED, False)
        held.close()
        await server.ended.wait()
        assert (await begun(made, server.origin)).status == 200


@pytest.mark.parametrize(
    ("pool", "head"),
    [
        (PoolLimits(idle_seconds=0), b"HTTP/1.1 200 OK\r\n"),
        (PoolLimits(max_idle=0), b"HTTP/1.1 200 OK\r\n"),
        (PoolLimits(), b"HTTP/1.1 200 OK\r\nkeep-alive: timeout=1\r\n"),
    ],
)
async def test_connections_that_are_not_kept(pool: PoolLimits, head: bytes) -> None:
    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.send(head + b"content-length: 2\r\n\r\nok")

    async with serving(script) as server, transport(pool=pool) as made:
        for _ in range(2):
            assert await read_all(await begun(made, server.origin)) == b"ok"
        assert server.connections == 2


async def test_idle_connections_are_swept() -> None:
    async with serving(answer) as server, transport(pool=PoolLimits(idle_seconds=0.05)) as made:
        assert await read_all(await begun(made, server.origin)) == b"ok"
        await asyncio.wait_for(server.ended.wait(), 300)


async def test_closing_leaves_nothing_behind() -> None:
    before = asyncio.all_tasks()
    async with serving(answer) as server:
        made = Http1Transport(LOOPBACK)
        replies = await asyncio.gather(*(begun(made, server.origin) for _ in range(5)))
        assert [await read_all(reply) for reply in replies] == [b"ok"] * 5
        await made.close()
        assert not made._pool._places
    assert asyncio.all_tasks() == before


async def stale(peer: Peer) -> None:
    """Answer one request, and hang up when the next one comes."""
    await peer.request()
    await peer.send(OK)
    await peer.request()


async def test_a_fresh_connection_is_made_where_one_is_asked_for() -> None:
    async with serving(answer) as server, transport() as made:
        assert await read_all(await begun(made, server.origin)) == b"ok"
        call = request(server.origin)
        call.fresh = True
        assert await read_all(await made.send(call)) == b"ok"
        assert server.connections == 2


async def test_a_stale_connection_takes_the_others_of_its_origin_along() -> None:
    async with serving(stale, stale, answer) as server, transport() as made:
        replies = await asyncio.gather(*(begun(made, server.origin) for _ in range(2)))
        assert [await read_all(reply) for reply in replies] == [b"ok", b"ok"]
        assert (await failing(made, server.origin)).kind is Kind.CONNECTION_CLOSED
        assert not made._pool._idle
        assert await read_all(await begun(made, server.origin)) == b"ok"
        assert server.connections == 3


@pytest.mark.parametrize("status", [b"099", b"000", b"600", b"999"])
async def test_a_status_that_http_does_not_know_is_no_answer(status: bytes) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 " + status + b" What\r\ncontent-length: 2\r\n\r\nok")

    async with serving(script) as server, transport() as made:
        failure = await failing(made, server.origin)
        assert (failure.kind, failure.status) == (Kind.INVALID_RESPONSE, 502)
