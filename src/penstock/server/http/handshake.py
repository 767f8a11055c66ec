"""A connection over TLS until its handshake is done: it counts from its beginning, and has so long and no longer.

The event loop's own TLS tells a protocol of a connection after the handshake alone: callers who never end theirs would
be counted by nobody, and each hold a file descriptor for a minute.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Final, cast

from penstock.server.http.http1 import ServerConnection
from penstock.server.http.request_task import RequestTask
from penstock.server.http.server_state import ServerState

_SECONDS: Final = 10.0
"""The longest time for a handshake."""
_LAST_SECONDS: Final = 1.0
"""How long a handshake may take that is under way when the gateway stops."""


class Handshake(asyncio.Protocol):
    """One connection. A ``ServerConnection`` has it after the handshake, and with it what came right behind."""

    def __init__(self, context: ssl.SSLContext, state: ServerState) -> None:
        self._context = context
        self._state = state
        self._counted = state.connections
        self._gateway_connections = state.app.connections
        self._loop = asyncio.get_running_loop()
        self._plain: asyncio.Transport | None = None
        self._address: str | None = None
        self._received: list[bytes] = []
        self._task: RequestTask | None = None
        self._is_lost = False

    # Called when the gateway stops, as of each connection.

    def shutdown(self) -> None:
        """A handshake that ends in time is a connection that comes late (``ServerConnection``)."""
        self._loop.call_later(_LAST_SECONDS, self.refuse_rest)

    def refuse_rest(self) -> None:
        if self._plain is not None and self in self._counted:
            self._plain.abort()

    # Callbacks of the event loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._plain = plain = cast("asyncio.Transport", transport)
        address = plain.get_extra_info("peername")
        self._address = address[0] if isinstance(address, tuple) else None
        self._counted.add(self)
        if self._state.is_stopping:
            self.shutdown()
        self._gateway_connections.admit(self._address)  # one too many is told so after its handshake
        if self._gateway_connections.is_flooded(self._address):
            self._leave()
            plain.abort()
        else:
            # At once: uvloop reads before a task of asyncio's begins, and these bytes are for TLS.
            self._task = RequestTask(self._shake_hands(plain), self._loop, _nothing)
            self._task.run()

    def data_received(self, data: bytes) -> None:
        self._received.append(data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._is_lost = True

    async def _shake_hands(self, plain: asyncio.Transport) -> None:
        try:
            secure = await self._loop.start_tls(
                plain, self, self._context, server_side=True, ssl_handshake_timeout=_SECONDS
            )
        except OSError:  # ssl.SSLError is one, and so is that of a handshake that takes too long
            secure = None
        finally:
            self._leave()
        # A connection that is lost meanwhile may be no error.
        if secure is None or self._is_lost or secure.get_extra_info("cipher") is None:
            plain.abort()
            return
        connection = ServerConnection(self._state)
        secure.set_protocol(connection)
        connection.connection_made(secure)
        for data in self._received:
            connection.data_received(data)

    def _leave(self) -> None:
        self._counted.discard(self)
        self._gateway_connections.leave(self._address)


def _nothing() -> None:
    """Nobody waits for the end of a handshake."""
