"""The server's own HTTP/1.1: what callers may send in which pieces, and what they get when it is no HTTP."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import calling
from penstock.server.http.http1 import ServerConnection
from penstock.settings import load
from raw_caller import BODY, HEAD, REQUEST, Caller, said
from running import RunningGateway, running_gateway
from upstream import CHUNK, DONE, FINISH, Upstream, events, reply, send, wait_for_hang_up

HOSTS = {"PENSTOCK_ALLOWED_HOSTS": "x,a"}
"""The names of the gateway in these requests."""


@pytest.fixture(scope="module")
def server() -> Iterator[RunningGateway]:
    """A gateway on its own protocol."""
    environment = {"PENSTOCK_ACCESS_LOG": "false", "PENSTOCK_MAX_BODY_BYTES": "100000", **HOSTS}
    with running_gateway(load({}, environment, Path("/nonexistent"))) as running:
        yield running


@pytest.fixture(scope="module")
def hasty() -> Iterator[RunningGateway]:
    """A gateway on its own protocol that loses patience quickly."""
    environment = {"PENSTOCK_ACCESS_LOG": "false", "PENSTOCK_BODY_TIMEOUT": "0.3", **HOSTS}
    with running_gateway(load({}, environment, Path("/nonexistent")), keep_alive=1) as running:
        yield running


@pytest.mark.parametrize("step", [1, 7, 100])
def test_a_request_in_pieces(step: int, server: RunningGateway) -> None:
    with Caller(server) as caller:
        caller.send(*(REQUEST[i : i + step] for i in range(0, len(REQUEST), step)))
        assert said(caller.responses(1)[0]) == "hi there"


def test_a_chunked_request(server: RunningGateway) -> None:
    chunks = b"".join(b"%x\r\n%b\r\n" % (1, BODY[i : i + 1]) for i in range(len(BODY))) + b"0\r\n\r\n"
    with Caller(server) as caller:
        caller.send(HEAD + b"transfer-encoding: chunked\r\n\r\n", chunks)
        assert said(caller.responses(1)[0]) == "hi there"


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/health",
        "/metrics",
        "/v1/models",
        "/v1/models/echo",
        "/@echo/v1/models",
        "/@echo/health",
        "/api/tags",
        "/v1beta/models",
        "/console",
        "/v1/configs",
        "/v1/files/f/content",
        "/none",
    ],
)
def test_head_is_answered_as_get_without_a_body(path: str, server: RunningGateway, upstream: Upstream) -> None:
    """RFC 9110, 9.3.2."""
    fields = f"host: localhost\r\nx-portkey-provider: openai\r\nx-portkey-custom-host: {upstream.url}/v1\r\n"
    rest = f" {path} HTTP/1.1\r\n{fields}authorization: Bearer k\r\n\r\n".encode()
    with Caller(server) as caller:
        caller.send(b"GET" + rest)
        get, before = caller.responses(1)[0], len(caller.raw)
        caller.send(b"HEAD" + rest + b"GET /ready HTTP/1.1\r\nhost: localhost\r\n\r\n")
        while not caller.raw.endswith(b'{"status":"ready"}'):
            data = caller.socket.recv(65536)
            assert data
            caller.raw += data
    head, _, ready = caller.raw[before:].partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    assert lines[0].split(b" ")[1] == b"%d" % get[0]
    told = {line.partition(b":")[0].decode() for line in lines[1:]}
    if path.startswith("/v1/files"):
        # What passes goes to the host as HEAD, which tells the length; its GET is passed on piece by piece.
        assert (told - set(get[1]), set(get[1]) - told) == ({"content-length"}, {"transfer-encoding"})
    else:
        assert told == set(get[1])
    assert ready.startswith(b"HTTP/1.1 200 OK\r\n")


def test_head_takes_no_more_of_a_body_than_its_head(server: RunningGateway, upstream: Upstream) -> None:
    """A caller that gets nothing would otherwise have the gateway take in a file of gigabytes at full speed."""
    begun = b"HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\ncontent-length: 9000000000\r\n\r\ncanary"
    upstream.play(send(begun), wait_for_hang_up)
    fields = f"host: localhost\r\nx-portkey-provider: openai\r\nx-portkey-custom-host: {upstream.url}/v1\r\n"
    head = f"HEAD /v1/files/f/content HTTP/1.1\r\n{fields}authorization: Bearer k\r\n\r\n".encode()
    with Caller(server) as caller:
        caller.send(head + b"GET /ready HTTP/1.1\r\nhost: localhost\r\n\r\n")
        while not caller.raw.endswith(b'{"status":"ready"}'):
            data = caller.socket.recv(65536)
            assert data
            caller.raw += data
        upstream.left.get(timeout=60)
    assert caller.raw.count(b"HTTP/1.1 200") == 2
    assert b"canary" not in caller.raw


def test_one_connection_many_requests(server: RunningGateway) -> None:
    with Caller(server) as caller:
        for _ in range(5):
            caller.send(REQUEST)
            assert said(caller.responses(1)[0]) == "hi there"


def test_requests_sent_ahead_are_answered_in_order(server: RunningGateway) -> None:
    texts = [f"number {n}" for n in range(40)]
    bodies = [json.dumps({"model": "echo", "messages": [{"role": "user", "content": text}]}).encode() for text in texts]
    with Caller(server) as caller:
        caller.send(b"".join(HEAD + b"content-length: %d\r\n\r\n" % len(body) + body for body in bodies))
        assert [said(response) for response in caller.responses(40)] == texts


def test_the_head_and_the_first_bytes_leave_together(server: RunningGateway, upstream: Upstream) -> None:
    chunk = calling.FIRST
    upstream.play(events(chunk, b"data: [DONE]\n\n"))
    body = b'{"model":"m","messages":[],"stream":true}'
    head = HEAD.replace(b"echo", b"openai") + b"x-portkey-custom-host: %b/v1\r\n" % upstream.url.encode()
    with Caller(server) as caller:
        caller.send(head + b"content-length: %d\r\n\r\n" % len(body) + body)
        assert chunk in caller.socket.recv(65536)


def test_http_1_0_gets_no_chunks(server: RunningGateway) -> None:
    body = BODY.replace(b'"model"', b'"stream": true, "model"')
    with Caller(server) as caller:
        caller.send(HEAD.replace(b"HTTP/1.1", b"HTTP/1.0") + b"content-length: %d\r\n\r\n" % len(body) + body)
        received = b""
        while data := caller.socket.recv(65536):
            received += data
    assert b"transfer-encoding" not in received
    assert b"connection: close" in received
    assert received.endswith(b"data: [DONE]\n\n")


def test_connection_close_is_honoured(server: RunningGateway) -> None:
    with Caller(server) as caller:
        caller.send(HEAD + b"connection: close\r\ncontent-length: %d\r\n\r\n" % len(BODY) + BODY)
        assert caller.responses(1)[0][1]["connection"] == "close"
        assert caller.is_closed()


def test_a_caller_that_asks_first_is_told_to_go_on(server: RunningGateway) -> None:
    with Caller(server) as caller:
        caller.send(HEAD + b"expect: 100-continue\r\ncontent-length: %d\r\n\r\n" % len(BODY))
        assert caller.socket.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        caller.send(BODY)
        assert said(caller.responses(1)[0]) == "hi there"


@pytest.mark.parametrize(
    "garbage",
    [b"\x16\x03\x01\x02\x00", b"GET / HTTP/9.9\r\n\r\n", b"NONSENSE\r\n\r\n", b"GET /\0 HTTP/1.1\r\n\r\n",
     b"GET / HTTP/1.1\r\nx: " + b"y" * 70_000, HEAD + b"transfer-encoding: chunked\r\n\r\nzz\r\n"],
)  # fmt: skip
def test_what_is_no_http_is_refused_and_the_connection_closed(garbage: bytes, server: RunningGateway) -> None:
    with Caller(server) as caller:
        caller.send(garbage)
        status, headers, body = caller.responses(1)[0]
        assert (status, headers["connection"]) == (400, "close")
        assert json.loads(body)["error"]["code"] == "invalid_request"
        assert caller.is_closed()


@pytest.mark.parametrize("declared", [True, False])
def test_too_large_a_body_is_refused_before_it_is_read_whole(declared: bool, server: RunningGateway) -> None:
    with Caller(server) as caller:
        if declared:
            caller.send(HEAD + b"content-length: 100001\r\n\r\n")
        else:
            caller.send(HEAD + b"transfer-encoding: chunked\r\n\r\n", b"186a1\r\n" + b"x" * 100_001 + b"\r\n")
        status, _, body = caller.responses(1)[0]
        assert (status, json.loads(body)["error"]["code"]) == (413, "body_too_large")
        assert caller.is_closed()


@pytest.mark.parametrize("begun", [b"", BODY[:5]])
def test_a_body_that_does_not_go_on(begun: bytes, hasty: RunningGateway) -> None:
    with Caller(hasty) as caller:
        caller.send(HEAD + b"content-length: %d\r\n\r\n" % len(BODY) + begun)
        status, _, body = caller.responses(1)[0]
        assert (status, json.loads(body)["error"]["code"]) == (408, "body_timeout")
        assert caller.is_closed()


def test_a_head_that_does_not_go_on(hasty: RunningGateway) -> None:
    with Caller(hasty) as caller:
        caller.send(HEAD[:30])
        assert caller.is_closed()


@pytest.mark.parametrize(
    "target",
    [
        b"/he%61lth", b"/health?x=1", b"http://anything/health", b"http://anything/health?x=http://b/c",
        b"http://:80/health", b"http://a:99999999/health",
    ],
)  # fmt: skip
def test_spellings_of_a_target(target: bytes, server: RunningGateway) -> None:
    with Caller(server) as caller:
        caller.send(b"GET " + target + b" HTTP/1.1\r\nhost: localhost\r\n\r\n")
        assert caller.responses(1)[0][2].startswith(b'{"status":"ok",')


def test_an_upgrade_is_not_made(server: RunningGateway) -> None:
    with Caller(server) as caller:
        caller.send(b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
        assert caller.responses(1)[0][0] == 200


OFFER = b"connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAEAAEAAAAIAAAAB\r\n"
"""What Java's client says with every request to an http:// address."""
OFFERING = HEAD + OFFER + b"content-length: %d\r\n\r\n" % len(BODY) + BODY


@pytest.mark.parametrize("step", [1, 7, 100, len(OFFERING) - len(BODY), len(OFFERING)])
def test_an_offer_of_http_2_is_declined_and_the_request_served(step: int, server: RunningGateway) -> None:
    with Caller(server) as caller:
        caller.send(*(OFFERING[i : i + step] for i in range(0, len(OFFERING), step)))
        assert said(caller.responses(1)[0]) == "hi there"
        caller.send(OFFERING + REQUEST + OFFERING)
        assert [said(response) for response in caller.responses(3)] == ["hi there"] * 3


def test_an_offer_with_chunks_and_a_question(server: RunningGateway) -> None:
    with Caller(server) as caller:
        caller.send(HEAD + OFFER + b"expect: 100-continue\r\ntransfer-encoding: chunked\r\n\r\n")
        assert caller.socket.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        caller.send(b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY))
        assert said(caller.responses(1)[0]) == "hi there"


def test_an_offer_does_not_get_around_the_bounds(server: RunningGateway) -> None:
    with Caller(server) as caller:
        caller.send(HEAD + OFFER + b"content-length: 100001\r\n\r\n")
        assert caller.responses(1)[0][0] == 413
        assert caller.is_closed()


def test_a_tunnel_is_not_made(server: RunningGateway) -> None:
    with Caller(server) as caller:
        caller.send(b"CONNECT a:443 HTTP/1.1\r\nhost: a\r\n\r\n" + REQUEST)
        assert caller.responses(1)[0][0] == 404
        assert caller.is_closed()


def test_a_slow_reader_is_waited_for(server: RunningGateway, upstream: Upstream) -> None:
    block = calling.CHUNK.replace(b"Hi", b"x" * 60_000)
    upstream.play(events(calling.ROLE, *[block] * 200, calling.DONE))
    body = b'{"model":"m","messages":[],"stream":true}'
    head = HEAD.replace(b"echo", b"openai") + b"x-portkey-custom-host: %b/v1\r\n" % upstream.url.encode()
    with Caller(server) as caller:
        caller.send(head + b"content-length: %d\r\n\r\n" % len(body) + body)
        assert caller.responses(1)[0][2] == calling.ROLE + block * 200 + calling.DONE


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"cache": {"mode": "simple"}},
        {"strategy": {"mode": "fallback"}, "targets": [{"custom_host": "http://127.0.0.1:1/v1"}, {}]},
        {"strategy": {"mode": "fallback", "hedge": {"delay": 60}}, "targets": [{}, {}]},
        {"strategy": {"mode": "loadbalance", "policy": "least_busy"}, "targets": [{}, {}]},
    ],
    ids=["single", "cache", "fallback", "hedge", "balance"],
)
def test_requests_leave_nothing_for_the_garbage_collector(
    more: dict[str, Any], stream: bool, server: RunningGateway, upstream: Upstream
) -> None:
    """Memory of a finished request is free at once: nothing of it is held in a cycle."""
    body = json.dumps({"model": "m", "messages": [], "stream": stream}).encode()
    config = {"provider": "openai", "api_key": "k", "custom_host": f"{upstream.url}/v1", **more}
    head = HEAD.replace(b"x-portkey-provider: echo", b"x-portkey-config: " + json.dumps(config).encode())

    def ask(times: int) -> None:
        with Caller(server) as caller:
            for _ in range(times):
                upstream.play(events(CHUNK, FINISH, DONE) if stream else reply())
                caller.send(head + b"content-length: %d\r\n\r\n" % len(body) + body)
                caller.responses(1)

    ask(5)
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        ask(20)
        gc.collect()
        left = {f"{type(item).__module__}.{type(item).__name__}" for item in gc.garbage}
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    assert not {name for name in left if name.startswith("penstock.")}


@pytest.mark.parametrize("is_whole", [True, False])
def test_a_stream_needs_no_timer_and_its_connection_one_when_it_is_over(
    is_whole: bool, hasty: RunningGateway, upstream: Upstream
) -> None:
    upstream.play(events(calling.ROLE, calling.CHUNK, calling.DONE, end=is_whole))
    body = b'{"model":"m","messages":[],"stream":true}'
    head = HEAD.replace(b"echo", b"openai") + b"x-portkey-custom-host: %b/v1\r\n" % upstream.url.encode()
    with Caller(hasty) as caller:
        caller.send(head + b"content-length: %d\r\n\r\n" % len(body) + body)
        if is_whole:
            caller.responses(1)
            assert caller.is_closed(), "it was idle for a second"
            return
        received = b""
        while not received.endswith(b"\n\n\r\n"):
            received += caller.socket.recv(65536)
        serving = [
            each for each in gc.get_objects() if isinstance(each, ServerConnection) and each._serving is not None
        ]
        assert [each._timer for each in serving] == [None]
