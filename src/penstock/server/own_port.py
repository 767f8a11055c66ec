"""A port of its own for an ASGI application beside the gateway: the admin API or the metrics, where the settings ask
for one.

Every worker listens on it. The application answers there alone, and the gateway's surfaces are not there.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Final

import uvicorn

from penstock.server.asgi import App

_LOG: Final = logging.getLogger("penstock")
_BACKLOG: Final = 128
_MOST_AT_ONCE: Final = 64
"""Requests under way at the same time; more are answered with 503."""
_GRACE_SECONDS: Final = 1


class OwnPort:
    """A part of the gateway. ``port`` is the one that it listens on, once it has started. ``tls`` gives the context to
    serve HTTPS with, None for HTTP; ``name`` is the application's for people. ``start`` raises OSError."""

    def __init__(
        self,
        app: App,
        address: tuple[str, int],
        tls: Callable[[], ssl.SSLContext] | None = None,
        name: str = "the admin API",
    ) -> None:
        self._app = app
        self._name = name
        self._address = address
        self._tls = tls
        self.port = address[1]
        self._server: _Server | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        config = uvicorn.Config(
            self._app,
            http="httptools",
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=_MOST_AT_ONCE,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
        config.load()
        if self._tls is not None:
            config.ssl = self._tls()
        sock = listening(self._address)
        self.port = sock.getsockname()[1]
        self._server = _Server(config)
        self._task = asyncio.create_task(self._server.serve(sockets=[sock]), name=f"the port of {self._name}")
        _LOG.info("%s: listening on %s, port %s", self._name, *sock.getsockname()[:2])

    async def stop(self) -> None:
        if self._server is not None and self._task is not None:
            self._server.should_exit = True
            await self._task


def listening(address: tuple[str, int]) -> socket.socket:
    """A listening socket that every worker can open. Raises OSError, also for a host that is not known."""
    host, port = address
    family, kind, *_, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    sock = socket.socket(family, kind)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "SO_REUSEPORT"):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind(place)
        sock.listen(_BACKLOG)
    except OSError:
        sock.close()
        raise
    sock.setblocking(False)
    return sock


class _Server(uvicorn.Server):
    """A server that leaves the signals to the gateway's."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
