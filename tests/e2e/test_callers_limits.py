"""What a caller may take: nothing of its body before it is let in, and bounded time, memory and connections."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from penstock.settings import load
from penstock.stores.catalogue import digest_of
from raw_caller import BODY, HEAD, REQUEST, Caller, code_of, said, with_length
from running import RunningGateway, running_gateway
from upstream import Upstream, chunk, events, held, reply, wait_for_hang_up

CHUNK = chunk({"role": "assistant", "content": "a"})
MORE = chunk({"content": "b"})
LAST = chunk({}, "stop")
DONE = b"data: [DONE]\n\n"
PLAIN = b'{"model":"m","messages":[]}'
STREAM = b'{"model":"m","messages":[],"stream":true}'
BOMB = gzip.compress(b" " * (8 << 20))


@contextmanager
def gateway_with(catalogue: Path | None = None, **settings: object) -> Iterator[RunningGateway]:
    environment = {
        "PENSTOCK_ACCESS_LOG": "false",
        **{f"PENSTOCK_{name.upper()}": str(v) for name, v in settings.items()},
    }
    with running_gateway(load({}, environment, Path("/nonexistent")), catalogue) as running:
        yield running


@pytest.fixture(scope="module")
def server() -> Iterator[RunningGateway]:
    """A gateway on its own protocol, with little patience for anything but reading."""
    with gateway_with(body_timeout=1, write_timeout=0.6) as running:
        yield running


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    catalogue = tmp_path_factory.mktemp("catalogue") / "penstock.toml"
    catalogue.write_text(f'[keys.team]\nhash = "{digest_of("right-and-long-enough-for-a-key")}"\n')
    with gateway_with(catalogue) as running:
        yield running


def asking(upstream: Upstream, body: bytes = PLAIN) -> bytes:
    head = HEAD.replace(b"echo", b"openai") + b"x-portkey-custom-host: %b/v1\r\n" % upstream.url.encode()
    return with_length(head, body)


# Before a caller is let in.


@pytest.mark.parametrize("path", [b"/v1/chat/completions", b"/v1/messages", b"/v1/explain", b"/nowhere", b"/v1/models"])
@pytest.mark.parametrize("extra", [b"", b"content-encoding: gzip\r\n", b"expect: 100-continue\r\n"])
@pytest.mark.parametrize("framing", [b"content-length: 90000000\r\n", b"transfer-encoding: chunked\r\n"])
def test_a_stranger_is_refused_by_the_head_alone(
    path: bytes, extra: bytes, framing: bytes, guarded: RunningGateway
) -> None:
    guarded.recorded()
    with Caller(guarded) as caller:
        caller.send(HEAD.replace(b"/v1/chat/completions", path) + extra + framing + b"\r\n")
        response = caller.responses(1)[0]
        assert response[0] in {401, 404, 405}
        assert response[1]["connection"] == "close"
        assert b"100 Continue" not in caller.raw
        assert caller.is_closed()
    assert guarded.app.budget.held == 0
    if path != b"/v1/explain":
        (record,) = guarded.recorded()
        assert record.status == response[0]


def test_a_strangers_bomb_is_not_unpacked(guarded: RunningGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    unpacked: list[bytes] = []
    monkeypatch.setattr("penstock.server.http.http1_client.unpack", lambda body, *_: unpacked.append(body))
    with Caller(guarded) as caller:
        caller.send(with_length(HEAD + b"content-encoding: gzip\r\n", BOMB))
        assert code_of(caller.responses(1)[0]) == (401, "invalid_gateway_key")
    assert unpacked == []


def test_who_is_let_in_is_asked_for_the_body(guarded: RunningGateway) -> None:
    head = HEAD + b"x-portkey-api-key: right-and-long-enough-for-a-key\r\nexpect: 100-continue\r\n"
    with Caller(guarded) as caller:
        caller.send(head + b"content-length: %d\r\n\r\n" % len(BODY))
        assert caller.socket.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        caller.send(BODY)
        assert said(caller.responses(1)[0]) == "hi there"


def test_a_refused_request_that_is_here_already_keeps_its_connection(guarded: RunningGateway) -> None:
    with Caller(guarded) as caller:
        for _ in range(3):
            caller.send(REQUEST)
            response = caller.responses(1)[0]
            assert (response[0], response[1].get("connection")) == (401, None)


# Time.


def drip(caller: Caller, data: bytes) -> bytes:
    """Send a byte at a time until the gateway ends the connection; what it said."""
    caller.socket.settimeout(0.05)
    for position in range(len(data)):
        try:
            caller.send(data[position : position + 1])
            received = caller.socket.recv(65536)
        except TimeoutError:
            continue
        except OSError:
            return b""
        return received
    raise AssertionError("the gateway took all of it")


def test_a_head_has_a_limit_in_all(server: RunningGateway) -> None:
    with Caller(server) as caller:
        assert drip(caller, HEAD * 10) == b""


@pytest.mark.parametrize("framing", [b"content-length: 5000\r\n\r\n", b"transfer-encoding: chunked\r\n\r\n1388\r\n"])
def test_a_body_must_come_at_a_rate(framing: bytes, server: RunningGateway) -> None:
    with Caller(server) as caller:
        caller.send(HEAD + framing)
        assert drip(caller, b" " * 5000).startswith(b"HTTP/1.1 408 ")


def test_an_extension_of_a_chunk_is_not_a_body(server: RunningGateway) -> None:
    with Caller(server) as caller:
        caller.send(HEAD + b"transfer-encoding: chunked\r\n\r\n1;")
        assert drip(caller, b"a" * 5000).startswith(b"HTTP/1.1 408 ")


def test_a_body_has_a_limit_in_all() -> None:
    with gateway_with(body_deadline=1, body_min_rate=0) as running, Caller(running) as caller:
        caller.send(HEAD + b"content-length: 5000\r\n\r\n")
        assert b"body_deadline" in drip(caller, b" " * 5000)


def test_silence_counts_from_the_first_byte(server: RunningGateway) -> None:
    """And not from when the timer of an idle connection fires, which is set to a minute here."""
    for begun in (b"", BODY[:5]):
        with Caller(server) as caller:
            caller.send(HEAD + b"content-length: %d\r\n\r\n" % len(BODY) + begun)
            assert code_of(caller.responses(1)[0]) == (408, "body_timeout")
            assert caller.is_closed()


def test_who_never_reads_is_cut_off_and_the_provider_is_let_go(server: RunningGateway, upstream: Upstream) -> None:
    block = b'data: {"choices":[{"index":0,"delta":{"content":"' + b"x" * 60_000 + b'"}}]}\n\n'
    upstream.play(events(*[block] * 400, end=False), wait_for_hang_up)
    before = server.tasks()
    with Caller(server, receive_buffer=4096) as caller:
        caller.send(asking(upstream, STREAM))
        upstream.left.get(timeout=60)
        assert not server.tasks() - before
        assert not caller.rest().endswith(b"0\r\n\r\n")


def test_who_never_reads_a_whole_answer_is_cut_off(server: RunningGateway, upstream: Upstream) -> None:
    upstream.play(reply(body=b'{"choices":[{"message":{"content":"%b"}}]}' % (b"x" * (12 << 20))))
    with Caller(server, receive_buffer=4096) as caller:
        caller.send(asking(upstream).replace(b"host: localhost\r\n", b"host: localhost\r\nconnection: close\r\n"))
        upstream.wait_for_request()
        is_gone = threading.Event()

        def look() -> None:
            if server.app.connections.total == 0:
                is_gone.set()
            else:
                server.loop.call_later(0.05, look)

        server.loop.call_soon_threadsafe(look)
        assert is_gone.wait(300)
        assert len(caller.rest()) < 12 << 20


# Memory.


def test_bodies_have_a_budget(upstream: Upstream) -> None:
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "x" * 600_000}]}).encode()
    release, arrived = threading.Event(), threading.Event()
    upstream.play(held(release, arrived), reply())
    with gateway_with(max_buffered_bytes=1 << 20) as running, Caller(running) as first, Caller(running) as second:
        first.send(asking(upstream, body))
        assert arrived.wait(300)
        assert running.app.budget.held == len(body)
        for path, word in ((b"/v1/chat/completions", b"bodies_exhausted"), (b"/v1/messages", b"overloaded_error")):
            with Caller(running) as refused:
                request = asking(upstream, body).replace(b"/v1/chat/completions", path)
                refused.send(request[:1000])
                response = refused.responses(1)[0]
            assert (response[0], response[1]["retry-after"]) == (503, "1")
            assert word in response[2]
        second.send(REQUEST)
        assert said(second.responses(1)[0]) == "hi there"
        release.set()
        assert first.responses(1)[0][0] == 200
        assert running.app.budget.held == 0
        with Caller(running) as larger:
            larger.send(HEAD + b"content-length: %d\r\n\r\n" % (2 << 20))
            assert code_of(larger.responses(1)[0]) == (413, "body_too_large")


def test_a_body_without_a_length_is_held_as_it_comes(server: RunningGateway) -> None:
    with gateway_with(max_buffered_bytes=1 << 20) as running, Caller(running) as caller:
        other = running.app.budget
        other.held = 1 << 19
        caller.send(HEAD + b"transfer-encoding: chunked\r\n\r\n", *[b"10000\r\n" + b" " * 65536 + b"\r\n"] * 10)
        assert code_of(caller.responses(1)[0]) == (503, "bodies_exhausted")
        assert other.held == 1 << 19


def test_small_pieces_take_no_more_memory_than_large_ones(server: RunningGateway) -> None:
    pieces = b"".join(
        b"2\r\n%b\r\n" % BODY[i : i + 2] if i + 2 <= len(BODY) else b"1\r\n%b\r\n" % BODY[i:]
        for i in range(0, len(BODY), 2)
    )
    with Caller(server) as caller:
        caller.send(HEAD + b"transfer-encoding: chunked\r\n\r\n", pieces, b"0\r\n\r\n")
        assert said(caller.responses(1)[0]) == "hi there"


LONG = json.dumps({"model": "echo", "messages": [{"role": "user", "content": "long text " * 100_000}]}).encode()


@pytest.mark.parametrize(
    ("packed", "status"),
    [
        (gzip.compress(BODY), 200),
        (gzip.compress(BODY[:20]) + gzip.compress(BODY[20:]), 200),
        (b"".join(gzip.compress(BODY[i : i + 1]) for i in range(len(BODY))), 400),
        (gzip.compress(LONG), 200),
        (gzip.compress(BODY) + b"rubbish", 400),
        (gzip.compress(BODY) + b"\0", 400),
        (gzip.compress(BODY)[:-1], 400),
        (BODY, 400),
        (BOMB, 413),
    ],
    ids=["one member", "two", "many tiny ones", "large", "rubbish behind", "a zero behind", "cut short", "plain", "bomb"],
)  # fmt: skip
def test_gzip(packed: bytes, status: int, gateway: RunningGateway) -> None:
    with Caller(gateway) as caller:
        caller.send(with_length(HEAD + b"content-encoding: gzip\r\n", packed))
        response = caller.responses(1)[0]
        assert response[0] == status
        assert gateway.app.budget.held == 0


# Connections.


def test_connections_have_a_limit(caplog: pytest.LogCaptureFixture) -> None:
    with gateway_with(max_connections=2) as running, Caller(running) as first, Caller(running) as second:
        for caller in (first, second):
            caller.send(REQUEST)
            assert said(caller.responses(1)[0]) == "hi there"
        for _ in range(3):
            with Caller(running) as third:
                response = third.responses(1)[0]
                assert code_of(response) == (503, "connections_exhausted")
                assert response[1]["retry-after"] == "1"
                assert third.is_closed()
        first.send(REQUEST)
        assert said(first.responses(1)[0]) == "hi there"
    assert [record.message for record in caplog.records if "turned away" in record.message] == [
        "connections are turned away. The gateway has 2 connections, as many as it may (setting max_connections)"
    ]


def test_connections_of_one_address_have_a_limit() -> None:
    with gateway_with(max_connections_per_address=1) as running, Caller(running) as first:
        first.send(REQUEST)
        assert said(first.responses(1)[0]) == "hi there"
        with Caller(running) as second:
            assert b"max_connections_per_address" in second.responses(1)[0][2]


# Leaving, and half leaving.


@pytest.mark.parametrize("behind", [0, 15, 16, 40, 555, 556, 557, 560, 4000])
def test_a_caller_with_requests_ahead_that_leaves_is_noticed(
    behind: int, server: RunningGateway, upstream: Upstream
) -> None:
    upstream.play(wait_for_hang_up)
    with Caller(server) as caller:
        caller.send(asking(upstream) + REQUEST * behind)
        upstream.wait_for_request()
        assert upstream.left.empty()
    upstream.left.get(timeout=60)
    assert len(upstream.received) == 1


@pytest.mark.parametrize("count", [1, 3, 40])
def test_who_ends_its_own_side_only_gets_its_answers(count: int, server: RunningGateway) -> None:
    with Caller(server) as caller:
        caller.send(REQUEST * count)
        caller.socket.shutdown(socket.SHUT_WR)
        assert [said(response) for response in caller.responses(count)] == ["hi there"] * count
        assert caller.is_closed()


@pytest.mark.parametrize("body", [PLAIN, STREAM])
def test_who_ends_its_own_side_only_is_waited_for(body: bytes, server: RunningGateway, upstream: Upstream) -> None:
    release, arrived = threading.Event(), threading.Event()
    answer = reply() if body is PLAIN else events(CHUNK, LAST, DONE)
    upstream.play(held(release, arrived), answer)
    with Caller(server) as caller:
        caller.send(asking(upstream, body))
        caller.socket.shutdown(socket.SHUT_WR)
        assert arrived.wait(300)
        assert caller.socket.recv(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
        release.set()
        assert caller.responses(1)[0][0] == 200
        assert caller.is_closed()


def test_a_stream_goes_on_for_who_ends_its_own_side_only(server: RunningGateway, upstream: Upstream) -> None:
    """Mid-stream, the byte that means nothing is a leading zero of the next chunk's size."""
    release = threading.Event()
    first, *rest = (b"%x\r\n%b\r\n" % (len(data), data) for data in (CHUNK, MORE, LAST, DONE))
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"

    async def begin(_: object, writer: object) -> None:
        writer.write(head + first)  # type: ignore[attr-defined]

    async def go_on(_: object, writer: object) -> None:
        writer.write(b"".join(rest) + b"0\r\n\r\n")  # type: ignore[attr-defined]

    upstream.play(begin, held(release), go_on)
    with Caller(server) as caller:
        caller.send(asking(upstream, STREAM))
        received = b""
        while CHUNK not in received:
            received += caller.socket.recv(65536)
        caller.socket.shutdown(socket.SHUT_WR)
        while not received.endswith(b"\r\n0"):
            received += caller.socket.recv(65536)
        release.set()
        received += caller.rest()
    assert (received.count(CHUNK), received.count(MORE)) == (1, 1)
    assert received.endswith(DONE + b"\r\n0\r\n\r\n")
    assert re.search(rb"\r\n0[1-9a-f][0-9a-f]*\r\ndata", received)


def test_who_ends_its_own_side_first_and_leaves_then_is_noticed(server: RunningGateway, upstream: Upstream) -> None:
    upstream.play(wait_for_hang_up)
    with Caller(server) as caller:
        caller.send(asking(upstream))
        upstream.wait_for_request()
        caller.socket.shutdown(socket.SHUT_WR)
        assert caller.socket.recv(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert upstream.left.empty()
    upstream.left.get(timeout=60)


async def test_a_413_reaches_callers_that_are_still_sending() -> None:
    with gateway_with(max_body_bytes=100_000) as running:
        address = urlsplit(running.url)
        for _ in range(20):
            reader, writer = await asyncio.open_connection(address.hostname, address.port)
            writer.write(with_length(HEAD, b"x" * (4 << 20)))
            await writer.drain()
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 413 ")
            assert b"body_too_large" in await reader.read()
            writer.close()
            await writer.wait_closed()
