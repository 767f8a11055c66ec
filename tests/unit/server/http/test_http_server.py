"""Listening: the application's start and stop, and the time on connections that stay."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from penstock.app.root import build
from penstock.server.gateway import Gateway
from penstock.server.http.http_server import STARTUP_FAILED, HttpServer
from penstock.settings import load

HEALTH = b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n"


def gateway() -> Gateway:
    return build(load({}, {"PENSTOCK_ACCESS_LOG": "false"}, Path("/nonexistent")), None)


@contextlib.asynccontextmanager
async def serving(server: HttpServer) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to a server; it stops at the end."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        address = sock.getsockname()
        task = asyncio.create_task(server.serve(sock))
        reader, writer = await asyncio.open_connection(*address)
        try:
            yield reader, writer
        finally:
            writer.close()
            server.should_exit = True
            await task


async def date(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    writer.write(HEALTH)
    head = await reader.readuntil(b"\r\n\r\n")
    fields = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
    await reader.readexactly(int(fields[b"content-length"]))
    return fields[b"date"]


async def test_each_answer_on_a_connection_tells_the_time_that_it_was_made_at(monkeypatch: pytest.MonkeyPatch) -> None:
    server = HttpServer(gateway())
    monkeypatch.setattr(server, "on_second", lambda: None)
    async with serving(server) as (reader, writer):
        server.state.set_time(0)
        first = await date(reader, writer)
        server.state.set_time(60)
        assert (first, await date(reader, writer)) == (
            b"Thu, 01 Jan 1970 00:00:00 GMT",
            b"Thu, 01 Jan 1970 00:01:00 GMT",
        )


async def test_the_time_is_told_anew_while_it_serves() -> None:
    server = HttpServer(gateway())
    server.state.date = b"date: old"
    async with serving(server) as (reader, writer):
        assert (await date(reader, writer)).endswith(b" GMT")


async def test_a_gateway_that_can_not_start_ends_the_process(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Gateway):
        def start(self) -> None:
            raise OSError("no port left")

    app = gateway()
    app.__class__ = Broken
    with socket.create_server(("127.0.0.1", 0)) as sock, pytest.raises(SystemExit) as ended:
        await HttpServer(app).serve(sock)
    assert ended.value.code == STARTUP_FAILED
    assert "no port left" in caplog.text


async def test_the_application_stops_with_the_server() -> None:
    app = gateway()
    async with serving(HttpServer(app)) as (reader, writer):
        assert await date(reader, writer)
        assert not app.pages.draining
    assert app.pages.draining
