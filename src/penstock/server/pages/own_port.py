"""A port of its own for an ASGI application beside the gateway: the admin API or the metrics, where the settings ask
for one.

Every worker listens on it. The application answers there alone, and the gateway's surfaces are not there. Callers are
served by the protocol of the gateway's port (server/http/http1.py), within the same limits (limits.py), each port with
its own count of connections and of bytes in bodies.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final

from penstock.core.failure import Failure
from penstock.core.forwarded import NOBODY, TrustedProxies
from penstock.core.http import Headers
from penstock.observe.record import Records
from penstock.pipeline.account import Account
from penstock.pipeline.head_memo import HeadMemo
from penstock.server.accounted import accounted
from penstock.server.asgi import App
from penstock.server.bodies.buffering import BodyBudget
from penstock.server.client import Client
from penstock.server.http.connection_count import ConnectionCount
from penstock.server.limits import RequestLimits
from penstock.server.pages.mounted import serve_mounted
from penstock.server.request_context import RequestContext
from penstock.server.stopping import GracefulServer
from penstock.server.surfaces import DEFAULT_DIALECT

_LOG: Final = logging.getLogger("penstock")
_BACKLOG: Final = 128
_GRACE_SECONDS: Final = 1
_IDLE_SECONDS: Final = 5.0
"""How long a connection may be idle."""


class PortApp:
    """What the protocol serves on the port: ``app``, whatever the path. Its requests are records of ``records``, where
    there are some. ``trusted_proxies`` are those of the gateway's port."""

    def __init__(
        self, app: App, limits: RequestLimits, records: Records | None, trusted_proxies: TrustedProxies
    ) -> None:
        self._app = app
        self._records = records or Records()
        self._trusted_proxies = trusted_proxies
        self.limits = limits
        self.budget = BodyBudget(limits.caller.buffered_bytes)
        self.connections = ConnectionCount(limits.caller.connections, limits.caller.connections_per_address)

    def start(self) -> None:
        """The application starts and stops with the gateway."""

    async def stop(self) -> None:
        """As ``start``."""

    def serve(
        self,
        method: str,
        path: str,
        headers: Headers,
        client: Client,
        query: str = "",
        fields: Mapping[bytes, bytes] | None = None,
        memo: HeadMemo | None = None,  # noqa: ARG002
    ) -> Coroutine[Any, Any, None]:
        """Answer one request, as ``Gateway.serve`` does. Nothing is remembered of a head here."""
        context, limits = self._context(method, path, headers, client, fields), self.limits
        target = (method, path, query)
        return accounted(context, serve_mounted(self._app, context, target, limits.body_bytes, limits.body_silence))

    async def refuse(self, method: str, path: str, headers: Headers, client: Client, failure: Failure) -> None:
        """Answer a request that the protocol refuses."""
        context = self._context(method, path, headers, client, None)
        await accounted(context, context.refuse(failure))

    def _context(
        self, method: str, path: str, headers: Headers, client: Client, fields: Mapping[bytes, bytes] | None
    ) -> RequestContext:
        context = RequestContext(Account(self._records, method, path), DEFAULT_DIALECT, headers, client, fields)
        if self._trusted_proxies:
            context.account.address = self._trusted_proxies.source(client.address, headers)
        return context


class OwnPort:
    """A part of the gateway. ``port`` is the one that it listens on, once it has started. ``tls`` gives the context to
    serve HTTPS with, None for HTTP; ``name`` is the application's for people. ``start`` raises OSError."""

    def __init__(
        self,
        app: App,
        address: tuple[str, int],
        limits: RequestLimits,
        tls: Callable[[], ssl.SSLContext] | None = None,
        name: str = "the admin API",
        records: Records | None = None,
        trusted_proxies: TrustedProxies = NOBODY,
    ) -> None:
        self._app = PortApp(app, limits, records, trusted_proxies)
        self._name = name
        self._address = address
        self._tls = tls
        self.port = address[1]
        self._server: GracefulServer | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        tls = self._tls() if self._tls is not None else None
        sock = listening(self._address)
        self.port = sock.getsockname()[1]
        self._server = GracefulServer(
            self._app, _GRACE_SECONDS, tls=tls, keep_alive_seconds=_IDLE_SECONDS, is_guest=True
        )
        self._task = asyncio.create_task(self._server.serve(sock), name=f"the port of {self._name}")
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
