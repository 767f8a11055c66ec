"""What ends a session that has begun, and who may begin none: clocks, keys, budgets, web pages, queries."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.connection import Connection
from websockets.sync.server import ServerConnection

from gateway_keys import entry, key
from realtime import RealtimeHost, running_host
from running import RunningGateway, catalogue_file
from sessions import FILE, opened, recorded, refused, serving


@pytest.fixture(scope="module")
def host() -> Iterator[RealtimeHost]:
    with running_host() as host:
        yield host


def reread(gateway: RunningGateway, folder: Path, text: str) -> None:
    """Another penstock.toml, in force now."""
    (folder / "penstock.toml").write_text(text)
    reading = catalogue_file(gateway.app)._reread(folder / "penstock.toml")
    asyncio.run_coroutine_threadsafe(reading, gateway.loop).result(60)


def shown(name: str) -> dict[str, Any]:
    return {"additional_headers": {"authorization": f"Bearer {key(name)}"}}


def end_of(session: Connection) -> tuple[str, int | None]:
    """The code of the error that a session ends with, and the close code."""
    told = ""
    with contextlib.suppress(ConnectionClosed):
        while True:
            event = json.loads(session.recv(timeout=60))
            told = event["error"]["code"] if event["type"] == "error" else told
    return told, session.close_code


def test_a_key_that_is_revoked_ends_its_sessions(host: RealtimeHost, tmp_path: Path) -> None:
    base = FILE.format(url=host.url)
    for gateway in serving(tmp_path, base + entry("one") + entry("two")):
        with opened(gateway, **shown("one")) as session, opened(gateway, **shown("two")) as other:
            session.recv(timeout=60)
            other.recv(timeout=60)
            reread(gateway, tmp_path, base + entry("two"))
            assert end_of(session) == ("invalid_gateway_key", 1008)
            other.send("still here")
            assert other.recv(timeout=60) == "still here"


def test_a_virtual_key_that_is_gone_ends_a_session(host: RealtimeHost, tmp_path: Path) -> None:
    base = f'[virtual_keys.up]\nprovider = "openai"\ncredential = "env:SECRET"\nbase_url = "{host.url}/v1"\n'
    for gateway in serving(tmp_path, base + entry("one")):
        with opened(gateway, **shown("one")) as session:
            session.recv(timeout=60)
            reread(gateway, tmp_path, base.replace("[virtual_keys.up]", "[virtual_keys.gone]") + entry("one"))
            told, code = end_of(session)
            assert (told, code) == ("unknown_virtual_key", 1008)


def test_a_session_ends_when_its_tokens_are_used_up(host: RealtimeHost, tmp_path: Path) -> None:
    """Its own, too, which are charged when it ends: 30 tokens for each response."""
    limited = "rate_limits = [{ type = 'tokens', unit = 'rph', value = 50 }]"
    for gateway in serving(tmp_path, FILE.format(url=host.url) + entry("one", limited)):
        with opened(gateway, **shown("one")) as session:
            session.recv(timeout=60)
            session.send('{"type":"response.create"}')
            session.send('{"type":"response.create"}')
            assert end_of(session) == ("rate_limit_exceeded", 1008)
        assert recorded(gateway).failure == "rate_limit_exceeded"
        assert refused(gateway, **shown("one"))[0] == 429


def flood(connection: ServerConnection) -> None:
    """Send without an end, as long as somebody takes it."""
    while True:
        connection.send(b"x" * 100_000)


def unread(gateway: RunningGateway) -> socket.socket:
    """A caller that opens a session and reads nothing any more."""
    caller = socket.create_connection(("127.0.0.1", int(gateway.url.rpartition(":")[2])))
    caller.sendall(
        b"GET /v1/realtime?model=@up/m HTTP/1.1\r\nhost: 127.0.0.1\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
        b"sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    return caller


@pytest.mark.parametrize(
    ("settings", "failure"),
    [
        ({"SESSION_SECONDS": "0.5", "PING_SECONDS": "0"}, "total_timeout"),
        ({"SESSION_SECONDS": "600", "PING_SECONDS": "0.3"}, "client_disconnected"),
    ],
)
def test_a_caller_that_reads_nothing_does_not_stop_the_clock(
    settings: dict[str, str], failure: str, host: RealtimeHost, tmp_path: Path
) -> None:
    host.play, before = flood, host.play
    try:
        limits = {f"PENSTOCK_REALTIME_{name}": value for name, value in settings.items()}
        for gateway in serving(tmp_path, FILE.format(url=host.url), **limits):
            with unread(gateway) as caller:
                assert recorded(gateway).failure == failure
                caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    finally:
        host.play = before


def test_a_semicolon_smuggles_no_parameter(host: RealtimeHost, tmp_path: Path) -> None:
    for gateway in serving(tmp_path, FILE.format(url=host.url)):
        before = len(host.requests)
        for query in ("model=@up/m&a=1;model=other", "model=@up/m;model=other"):
            status, body = refused(gateway, query)
            assert (status, body["error"]["param"]) == (400, "query")
        assert len(host.requests) == before
        with opened(gateway, "model=@up/m&MODEL=other&a=%3B") as session:
            session.recv(timeout=60)
        assert host.last.path == "/v1/realtime?model=m&a=%3B"


def test_web_pages(host: RealtimeHost, tmp_path: Path) -> None:
    """A browser asks nobody before it opens a WebSocket: what CORS would refuse is refused at the upgrade."""
    protocols: Any = ["realtime", f"openai-insecure-api-key.{key('one')}"]
    text = FILE.format(url=host.url) + entry("one")
    for gateway in serving(tmp_path, text, PENSTOCK_SERVER_CORS_ORIGINS="https://mine.example"):
        status, body = refused(gateway, subprotocols=protocols, origin="https://evil.example")
        assert (status, body["error"]["param"]) == (403, "origin")
        for origin in ("https://mine.example", gateway.url, None):
            with opened(gateway, subprotocols=protocols, origin=origin) as session:
                session.recv(timeout=60)


def test_a_flood_of_pings_leaves_others_their_turn(host: RealtimeHost, tmp_path: Path) -> None:
    for gateway in serving(tmp_path, FILE.format(url=host.url)):
        with opened(gateway) as session, opened(gateway) as other:
            session.recv(timeout=60)
            other.recv(timeout=60)
            ping = b"\x89\x80\x00\x00\x00\x00"
            flooding = threading.Thread(target=session.socket.sendall, args=(ping * 100_000,), daemon=True)
            flooding.start()
            for number in range(20):
                other.send(f"hello {number}")
                assert other.recv(timeout=60) == f"hello {number}"
            flooding.join(300)
            assert not flooding.is_alive()
