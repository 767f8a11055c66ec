"""The admin API for whoever serves it: which paths are its own, and an ASGI application, built when it is needed.

This module imports neither Starlette nor the resources: a gateway that nobody administers needs neither.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

from penstock.admin.console import ConsoleFiles
from penstock.admin.prefixes import is_admin_path
from penstock.settings.console import Console
from penstock.stores.catalogue import key_digest

if TYPE_CHECKING:
    from penstock.control.plane import ControlPlane

_App = Callable[[Any, Any, Any], Awaitable[None]]


class AdminApi:
    """An ASGI application over the control plane, which ``open_plane`` opens at the first call: a database that nobody
    administers may be unopened until then. ``open_plane`` raises DatabaseError. ``admin_key`` tells the text of
    PENSTOCK_ADMIN_KEY at the first call: its digest is kept, the text is not. ``console`` is None where the console is
    off; the other two are those of ``SessionRoutes``."""

    def __init__(
        self,
        open_plane: Callable[[], Awaitable[ControlPlane]],
        admin_key: Callable[[], str] = str,
        console: Console | None = None,
        *,
        is_secure: bool = False,
        has_gateway: bool = True,
    ) -> None:
        self._open_plane = open_plane
        self._console = console if console is not None and console.enabled else None
        self._is_secure = is_secure
        self._has_gateway = has_gateway
        self._files: ConsoleFiles | None = None
        self._admin_key = admin_key
        self._app: _App | None = None

    def serves(self, path: str) -> bool:
        """Whether a path, percent-decoded, belongs to the admin API or the console."""
        return is_admin_path(path) or (self._console is not None and ConsoleFiles.serves(path))

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "http" and self._console is not None and ConsoleFiles.serves(scope["path"]):
            if self._files is None:
                self._files = await asyncio.to_thread(ConsoleFiles)
            await self._files(scope, receive, send)
        elif scope["type"] == "http":
            if self._app is None:
                # Imports take a part of a second: requests are served meanwhile.
                self._app = await asyncio.to_thread(self._build)
            await self._app(scope, receive, send)

    def _build(self) -> _App:
        from penstock.admin.app import AdminApp
        from penstock.admin.routes import ROUTES

        key = self._admin_key()
        digest = key_digest(key) if key else None
        if self._console is None:
            return AdminApp(self._open_plane, ROUTES, digest)
        from penstock.admin.sessions import SessionRoutes

        sessions = SessionRoutes(self._console, is_secure=self._is_secure, has_gateway=self._has_gateway)
        return AdminApp(self._open_plane, (*ROUTES, *sessions.routes), digest)


async def _live(receive: Any, send: Any) -> None:
    """The lifespan protocol, for a server that serves the admin API alone."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
