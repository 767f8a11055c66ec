"""Listens on a socket and serves its connections by the gateway's own protocol (``http1.py``)."""

from __future__ import annotations

import asyncio
import functools
import importlib.util
import logging
import socket
import ssl
import sys
import time
from collections.abc import Callable
from typing import Final

from penstock.server.http.http1 import ServerConnection
from penstock.server.http.server_state import Served, ServerState

_LOG: Final = logging.getLogger("penstock")
STARTUP_FAILED: Final = 3
"""The exit code of a process that can't start: another would fail in the same way."""
KEEP_ALIVE_SECONDS: Final = 75.0
"""Load balancers keep idle connections for about a minute. The gateway must not close first, or it could close while a
request is on its way."""
_BACKLOG: Final = 2048
_TICK: Final = 0.1
"""Seconds within which a server notices that it is to stop: a signal's handler can set a flag, and wake nobody."""
_TICKS_A_SECOND: Final = round(1 / _TICK)


class HttpServer:
    """``app`` starts and stops with it. ``tls`` is the context to serve HTTPS with, None for HTTP;
    ``keep_alive_seconds`` for how long a connection may be idle."""

    def __init__(
        self, app: Served, *, tls: ssl.SSLContext | None = None, keep_alive_seconds: float = KEEP_ALIVE_SECONDS
    ) -> None:
        self.state = ServerState(app, keep_alive_seconds)
        self.should_exit = False
        self.listener: asyncio.Server | None = None
        """None until callers are let in."""
        self._connect: Callable[[], asyncio.Protocol] = functools.partial(ServerConnection, self.state)
        if tls is not None:
            from penstock.server.http.handshake import Handshake  # most serve HTTP, behind a proxy

            self._connect = functools.partial(Handshake, tls, self.state)

    def run(self, sock: socket.socket) -> None:
        """Serve in an event loop of its own: uvloop's, where there is one."""
        with asyncio.Runner(loop_factory=_new_loop()) as runner:
            runner.run(self.serve(sock))

    async def serve(self, sock: socket.socket) -> None:
        """Serve until ``should_exit``. Raises SystemExit where the application can't start."""
        await self.start(sock)
        ticks = 0
        while not self.should_exit:
            if ticks % _TICKS_A_SECOND == 0:
                self.on_second()
            ticks += 1
            await asyncio.sleep(_TICK)
        await self.shutdown()

    async def start(self, sock: socket.socket) -> None:
        """Start the application, then let callers in."""
        try:
            self.state.app.start()
        except Exception:
            _LOG.exception("the gateway can't start")
            sys.exit(STARTUP_FAILED)
        loop = asyncio.get_running_loop()
        self.listener = await loop.create_server(self._connect, sock=sock, backlog=_BACKLOG)

    def on_second(self) -> None:
        """Called at the start and every second."""
        self.state.set_time(time.time())

    async def shutdown(self) -> None:
        """Let nobody in, and stop the application."""
        self.stop_listening()
        await self.state.app.stop()

    def stop_listening(self) -> None:
        if self.listener is not None:
            self.listener.close()


def _new_loop() -> Callable[[], asyncio.AbstractEventLoop]:
    if importlib.util.find_spec("uvloop") is None:
        return asyncio.new_event_loop
    import uvloop  # there is none for Windows

    return uvloop.new_event_loop
