"""A server whose every connection plays the next script, in the test's own event loop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from penstock.core.address import AddressPolicy
from penstock.core.failure import Failure
from penstock.core.http import Limits, Origin
from penstock.transport.base import Reply, Request
from penstock.transport.http1 import Http1Transport

Script = Callable[["Peer"], Awaitable[None]]
LOOPBACK = AddressPolicy(("127.0.0.1", "localhost", "127.0.0.0/8"))
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


class Names:
    """A resolver that gives every name the same addresses, or knows no name. It remembers what it was asked."""

    def __init__(self, *addresses: str) -> None:
        self.found = addresses
        self.asked: list[str] = []
        self.callers: list[str | None] = []
        self.forgotten: list[str] = []

    async def addresses(self, host: str, caller: str | None) -> Sequence[str]:
        self.asked.append(host)
        self.callers.append(caller)
        if not self.found:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return self.found

    def forget(self, host: str, caller: str | None) -> None:
        self.forgotten.append(host)


class SilentNames(Names):
    """A resolver that answers with ``addresses`` when ``release`` is set. ``reached`` is set by the first question."""

    def __init__(self, *addresses: str) -> None:
        super().__init__(*addresses)
        self.reached = asyncio.Event()
        self.release = asyncio.Event()

    async def addresses(self, host: str, caller: str | None) -> Sequence[str]:
        self.reached.set()
        await self.release.wait()
        return await super().addresses(host, caller)


class Peer:
    """The server's end of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def request(self) -> bytes:
        """Read one request with a content length, or none; its raw bytes."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        _, _, length = head.lower().partition(b"content-length: ")
        return head + await self.reader.readexactly(int(length.split(b"\r\n")[0] or 0))

    async def send(self, *pieces: bytes) -> None:
        """Send pieces one by one, each handed to the kernel before the next."""
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()
            await asyncio.sleep(0)

    async def gone(self) -> None:
        """Wait until the other side has closed or reset the connection."""
        with contextlib.suppress(ConnectionError):
            while await self.reader.read(65536):
                pass

    def close(self) -> None:
        self.writer.close()

    def reset(self) -> None:
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


class Server:
    """``origin`` is where it listens; ``connections`` counts the ones it took; ``ended`` is set when a script ends."""

    def __init__(self, scripts: tuple[Script, ...]) -> None:
        self.origin = Origin("http", "127.0.0.1", 0)
        self.connections = 0
        self.ended = asyncio.Event()
        self._scripts = list(scripts)
        self._running: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._running[task] = writer
        script = self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]
        try:
            await script(Peer(reader, writer))
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.ended.set()
            writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()
            del self._running[task]

    async def stop(self, listening: asyncio.Server) -> None:
        """Break every connection off and wait until its script has noticed."""
        # A connection that is just taken in, which is a matter of a few rounds, would stay open if the server closed.
        for _ in range(5):
            await asyncio.sleep(0)
        listening.close()
        running = dict(self._running)
        for writer in running.values():
            # Early releases of Python 3.11 fail on a TLS transport that has already ended.
            with contextlib.suppress(AttributeError):
                writer.transport.abort()
        await asyncio.gather(*running, return_exceptions=True)


@contextlib.asynccontextmanager
async def serving(*scripts: Script, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    """Serve; the last script is for all further connections."""
    server = Server(scripts)
    listening = await asyncio.start_server(server.handle, "127.0.0.1", 0, ssl=tls)
    port = listening.sockets[0].getsockname()[1]
    server.origin = Origin("https" if tls else "http", "127.0.0.1", port)
    try:
        yield server
    finally:
        await server.stop(listening)


@contextlib.asynccontextmanager
async def transport(**options: object) -> AsyncIterator[Http1Transport]:
    """A transport that may call loopback, and knows no name unless the test brings a resolver."""
    options.setdefault("resolver", Names())
    made = Http1Transport(LOOPBACK, **options)  # type: ignore[arg-type]
    try:
        yield made
    finally:
        await made.close()


def request(origin: Origin, *, body: bytes = b"{}", limits: Limits = Limits(60, 60, 60, 0)) -> Request:  # noqa: B008
    return Request(origin, b"POST", b"/v1/x?y=1", b"authorization: Bearer k\r\n", body, limits)


async def read_all(reply: Reply | Failure) -> bytes:
    """The whole body; the reply must have begun."""
    assert not isinstance(reply, Failure), reply
    pieces = []
    while piece := await reply.read():
        pieces.append(piece)
    return b"".join(pieces)


async def answer(peer: Peer) -> None:
    """Answer every request with ``ok``."""
    while True:
        await peer.request()
        await peer.send(OK)
