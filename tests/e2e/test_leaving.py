"""Callers that leave: the upstream connection is closed at once, streamed or not, and nothing stays behind."""

import json
import socket
import time
from typing import Any
from urllib.parse import urlsplit

import pytest

from running import RunningGateway
from upstream import Upstream, chunk, events, wait_for_hang_up

CHUNK = chunk({"role": "assistant", "content": "a"})


def start(gateway: RunningGateway, upstream: Upstream, **members: Any) -> socket.socket:
    """Send a request and give the open connection back."""
    body = json.dumps({"model": "m", "messages": [], **members}).encode()
    address = urlsplit(gateway.url)
    connection = socket.create_connection((address.hostname, address.port), timeout=60)
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nx-portkey-provider: openai\r\n"
        f"x-portkey-custom-host: {upstream.url}/v1\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    connection.sendall(head.encode() + body)
    return connection


@pytest.mark.parametrize("stream", [False, True])
def test_leaving_before_the_answer_closes_the_upstream_connection(
    stream: bool, gateway: RunningGateway, upstream: Upstream
) -> None:
    upstream.play(wait_for_hang_up)
    with start(gateway, upstream, stream=stream):
        upstream.wait_for_request()
        assert upstream.left.empty()
    upstream.left.get(timeout=60)


def test_leaving_in_mid_stream_closes_the_upstream_connection(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(events(CHUNK, end=False), wait_for_hang_up)
    with start(gateway, upstream, stream=True) as connection:
        while CHUNK not in (received := connection.recv(65536)):
            assert received
        assert upstream.left.empty()
    upstream.left.get(timeout=60)


def test_leaving_in_mid_request_reaches_nobody(gateway: RunningGateway, upstream: Upstream) -> None:
    address = urlsplit(gateway.url)
    with socket.create_connection((address.hostname, address.port), timeout=60) as connection:
        connection.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{")
    assert upstream.received == []


def test_nothing_stays_behind(gateway: RunningGateway, upstream: Upstream) -> None:
    before = gateway.tasks()
    for stream in (True, False) * 10:
        upstream.play(events(CHUNK, end=False) if stream else wait_for_hang_up, wait_for_hang_up)
        count = len(upstream.received)
        with start(gateway, upstream, stream=stream):
            upstream.wait_for_request(count + 1)
        upstream.left.get(timeout=60)
    deadline = time.monotonic() + 60
    while gateway.tasks() - before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not gateway.tasks() - before
