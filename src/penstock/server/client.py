"""The connection to the caller for one request: by asgi.py for any ASGI server, by http/http1.py for our own."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Any, Protocol, cast

from penstock.core.failure import Failure
from penstock.core.http import Headers
from penstock.server.bodies.arriving_body import ArrivingBody


class Client(Protocol):
    """The caller's connection for one request, used by one task."""

    @property
    def address(self) -> str | None:
        """The caller's IP address; None for a Unix socket."""
        ...

    @property
    def raw_path(self) -> str:
        """The path of the request as it came, percent-encoded; empty if the server doesn't tell."""
        ...

    @property
    def gone(self) -> bool:
        """Whether the caller hung up while it was being watched."""
        ...

    async def read_body(self, fields: Mapping[bytes, bytes], limit: int, silence: float) -> bytes | Failure:
        """The request's body without its content coding, at most ``limit`` bytes, with at most ``silence`` seconds
        between its pieces. Nothing of it is read before this call, and it is held in memory until ``send_head``."""
        ...

    def whole_body(self, fields: Mapping[bytes, bytes], limit: int) -> bytes | None:
        """As ``read_body``, at once: a body that has come with its head. None where ``read_body`` has to say."""
        ...

    def read_pieces(self, limit: int, silence: float) -> ArrivingBody | Failure | None:
        """The request's body of at most ``limit`` bytes, to be read while it arrives. None where a server hands bodies
        over as a whole only."""
        ...

    def watch(self) -> None:
        """From now on the caller's disconnect cancels the current task; ``gone`` is set before the cancellation."""
        ...

    def unwatch(self) -> None:
        """From now on the caller's disconnect cancels nothing: the response is complete."""
        ...

    def send_head(self, status: int, headers: Headers, body: bytes, *, more: bool) -> Awaitable[None] | None:
        """Send the response head and the first bytes of the body in one write. ``more``: more of the body follows.
        Returns what to await before that, if there is anything."""
        ...

    async def send(self, body: bytes) -> None:
        """Send more of the body. Waits while the caller reads slower than we write."""
        ...

    async def end(self, body: bytes) -> None:
        """Send the last of the body (possibly nothing)."""
        ...


def without_body(client: Client) -> Client:
    """The client of a HEAD request: it is answered as GET is, and gets the head alone (RFC 9110, 9.3.2)."""
    return cast("Client", WithoutBody(client))


class WithoutBody:
    """The end of a caller that wants no body: whoever has one that still arrives need not wait for it."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def no_op(self) -> bytes:
        return b""

    def write(self, _body: bytes) -> None:
        """Nothing is sent, and nothing is waited for."""

    async def send(self, _body: bytes) -> None:
        """Nothing is sent."""

    async def end(self, _body: bytes) -> None:
        await self._client.end(b"")


async def send_whole(client: Client, status: int, headers: Headers, body: bytes) -> None:
    """Send a whole response."""
    waiting = client.send_head(status, headers, body, more=False)
    if waiting is not None:
        await waiting
