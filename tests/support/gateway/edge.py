"""The edge without a socket: a caller's end of a connection that keeps what it is sent."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping

from penstock.core.failure import Failure
from penstock.core.http import Headers


class FakeClient:
    """A caller (``server.client.Client``) who sends ``body``, or fails to, and takes everything in."""

    def __init__(self, body: bytes | Failure = b"", address: str | None = "127.0.0.1") -> None:
        self.address = address
        self.raw_path = ""
        self.gone = False
        self.watched = False
        self.body = body
        self.was_read = False
        self.heads: list[tuple[int, dict[bytes, bytes]]] = []
        self.received = b""
        self.is_complete = False

    @property
    def status(self) -> int:
        """The status of the only response."""
        ((status, _),) = self.heads
        return status

    @property
    def fields(self) -> dict[bytes, bytes]:
        """The header fields of the only response."""
        ((_, fields),) = self.heads
        return fields

    async def read_body(self, fields: Mapping[bytes, bytes], limit: int, silence: float) -> bytes | Failure:
        self.was_read = True
        return self.body

    def whole_body(self, fields: Mapping[bytes, bytes], limit: int) -> None:
        """``read_body`` tells it."""

    def read_pieces(self, limit: int, silence: float) -> None:
        """Bodies come whole here."""

    def watch(self) -> None:
        self.watched = True

    def unwatch(self) -> None:
        self.watched = False

    async def send_head(self, status: int, headers: Headers, body: bytes, *, more: bool) -> None:
        self.heads.append((status, dict(headers)))
        self.received += body
        self.is_complete = not more

    async def send(self, body: bytes) -> None:
        self.received += body

    async def end(self, body: bytes) -> None:
        self.received += body
        self.is_complete = True


async def waited(waiting: Awaitable[None] | None) -> None:
    """Wait for what a sender has to wait for, if there is anything."""
    if waiting is not None:
        await waiting
