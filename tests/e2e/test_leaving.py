"""Callers that leave: the upstream connection is closed at once, streamed or not, and nothing stays behind."""

import json
import socket
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from penstock.settings import Settings
from penstock.settings.store import Store
from raw_caller import Caller
from running import RunningGateway, running_gateway
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


ADMIN = "an-admin-key-of-the-environment"


@pytest.mark.parametrize("key", [ADMIN, "a-key-that-nobody-has"])
@pytest.mark.parametrize("head", ["POST /v1/configs", "GET /v1/configs", "GET /penstock/me", "POST /v1/explain"])
def test_leaving_where_nothing_is_cancelled_is_no_defect(
    head: str, key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A stranger could otherwise write a traceback to the log with each of its requests."""
    monkeypatch.setenv("PENSTOCK_ADMIN_KEY", ADMIN)
    with running_gateway(Settings(store=Store(data_dir=str(tmp_path)))) as gateway:
        for length in (0, 5):
            with Caller(gateway) as caller:
                caller.send(
                    f"{head} HTTP/1.1\r\nhost: localhost\r\nx-portkey-api-key: {key}\r\n"
                    f"content-type: application/json\r\ncontent-length: {length}\r\n\r\n".encode()
                )
        records = gateway.recorded()
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
    assert not [record for record in records if record.status == 500]


def test_nothing_stays_behind(gateway: RunningGateway, upstream: Upstream) -> None:
    before = gateway.tasks()
    for stream in (True, False) * 10:
        upstream.play(events(CHUNK, end=False) if stream else wait_for_hang_up, wait_for_hang_up)
        count = len(upstream.received)
        with start(gateway, upstream, stream=stream):
            upstream.wait_for_request(count + 1)
        upstream.left.get(timeout=60)
    deadline = time.monotonic() + 300
    while gateway.tasks() - before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not gateway.tasks() - before
