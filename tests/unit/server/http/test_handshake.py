"""Connections over TLS: they count from their beginning, and what comes right behind a handshake is not lost."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any, Final

import pytest
import trustme

from penstock.app.root import build
from penstock.server.http import connection_count, handshake, http1
from penstock.server.stopping import GracefulServer
from penstock.settings import load

HEALTH: Final = b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n"
LOOPS: Final[list[Callable[[], asyncio.AbstractEventLoop]]] = [asyncio.new_event_loop]
if importlib.util.find_spec("uvloop") is not None:
    import uvloop

    LOOPS.append(uvloop.new_event_loop)

Serving = tuple[int, ssl.SSLContext, GracefulServer, Any]


@pytest.fixture(params=LOOPS, ids=lambda make: make.__module__.partition(".")[0])
def run(request: pytest.FixtureRequest) -> Callable[[Coroutine[Any, Any, None]], None]:
    def run(test: Coroutine[Any, Any, None]) -> None:
        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.run(test)

    return run


@contextlib.asynccontextmanager
async def serving(**settings: str) -> AsyncIterator[Serving]:
    ca, own, callers = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    ca.issue_cert("localhost").configure_cert(own)
    ca.configure_trust(callers)
    environment = {"PENSTOCK_ACCESS_LOG": "false"} | {f"PENSTOCK_{name}": value for name, value in settings.items()}
    app = build(load({}, environment, Path("/nonexistent")), None)
    server = GracefulServer(app, 60, tls=own, is_guest=True)
    sock = socket.create_server(("127.0.0.1", 0))
    task = asyncio.create_task(server.serve(sock))
    while server.listener is None:  # noqa: ASYNC110 (nothing tells it)
        await asyncio.sleep(0)
    try:
        yield sock.getsockname()[1], callers, server, app.connections
    finally:
        server.should_exit = True
        await task


async def answered(port: int, callers: ssl.SSLContext) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=callers, server_hostname="localhost")
    writer.write(HEALTH)
    line = await reader.readline()
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return line


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(300):
        while not condition():  # noqa: ASYNC110 (nothing tells it)
            await asyncio.sleep(0)


def test_a_request_that_comes_with_the_end_of_the_handshake(run: Callable[[Coroutine[Any, Any, None]], None]) -> None:
    async def test() -> None:
        async with serving() as (port, callers, _, connections):
            for _ in range(20):
                incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
                tls = callers.wrap_bio(incoming, outgoing, server_hostname="localhost")
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                while True:
                    try:
                        tls.do_handshake()
                        break
                    except ssl.SSLWantReadError:
                        writer.write(outgoing.read())
                        incoming.write(await reader.read(65536))
                tls.write(HEALTH)
                writer.write(outgoing.read())  # the caller's Finished and its request, in one piece
                while True:
                    incoming.write(await reader.read(65536))
                    with contextlib.suppress(ssl.SSLWantReadError):
                        assert tls.read(12) == b"HTTP/1.1 200"
                        break
                writer.close()
            await until(lambda: connections.total == 0)

    run(test())


def test_who_never_ends_a_handshake_counts_and_has_so_long(
    run: Callable[[Coroutine[Any, Any, None]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handshake, "_SECONDS", 0.2)

    async def test() -> None:
        async with serving() as (port, callers, _, connections):
            silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(5)]
            await until(lambda: connections.total == 5)
            assert await answered(port, callers) == b"HTTP/1.1 200 OK\r\n"
            for reader, writer in silent:
                with contextlib.suppress(ConnectionError):
                    assert await reader.read() == b""
                writer.close()
            await until(lambda: connections.total == 0)

    run(test())


def test_a_flood_of_handshakes_is_not_answered(
    run: Callable[[Coroutine[Any, Any, None]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_count, "_ANSWERED_OVER_LIMIT", 1)

    async def test() -> None:
        async with serving(MAX_CONNECTIONS_PER_ADDRESS="2") as (port, callers, _, connections):
            silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
            await until(lambda: connections.total == 2)
            assert await answered(port, callers) == b"HTTP/1.1 503 Service Unavailable\r\n"
            await until(lambda: connections.total == 2)
            silent.append(await asyncio.open_connection("127.0.0.1", port))
            await until(lambda: connections.total == 3)
            with pytest.raises(OSError):  # noqa: PT011 (reset, or the end of the stream, as the loop has it)
                await answered(port, callers)
            for _, writer in silent:
                writer.close()
            await until(lambda: connections.total == 0)
            assert await answered(port, callers) == b"HTTP/1.1 200 OK\r\n"

    run(test())


def test_what_is_no_tls_is_no_connection_any_more(run: Callable[[Coroutine[Any, Any, None]], None]) -> None:
    async def test() -> None:
        async with serving() as (port, _, server, connections):
            for data in (HEALTH, b"", b"\x16\x03\x01"):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(data)
                if not data.startswith(b"G"):
                    writer.close()
                with contextlib.suppress(ConnectionError):
                    await reader.read()
                writer.close()
            await until(lambda: connections.total == 0 and not server.state.connections)

    run(test())


def test_a_handshake_holds_up_no_stop(run: Callable[[Coroutine[Any, Any, None]], None]) -> None:
    async def test() -> None:
        async with serving() as (port, _, server, connections):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            await until(lambda: connections.total == 1)
            server.should_exit = True
            async with asyncio.timeout(handshake._SECONDS / 2):
                await until(lambda: not server.state.connections)
            writer.close()

    run(test())


def test_who_ends_a_handshake_while_the_gateway_stops_is_answered(
    run: Callable[[Coroutine[Any, Any, None]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its request comes after the handshake, as most clients send it."""
    monkeypatch.setattr(handshake, "_LAST_SECONDS", 60.0)
    monkeypatch.setattr(http1, "_LATE_SECONDS", 60.0)

    async def test() -> None:
        async with serving() as (port, callers, server, connections):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            await until(lambda: connections.total == 1)
            server.should_exit = True
            await until(lambda: server.state.is_stopping)
            await writer.start_tls(callers, server_hostname="localhost")
            await until(lambda: any(isinstance(each, http1.ServerConnection) for each in server.state.connections))
            writer.write(HEALTH)
            assert (await reader.readline()).startswith(b"HTTP/1.1 ")
            writer.close()

    run(test())
