"""The caller's end of one request, as the gateway sees it: asgi.py under any ASGI server, http1.py under our own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from penstock.core.failure import Failure
from penstock.core.http import Headers


class Client(Protocol):
    """Made for one request and used by one task."""

    @property
    def address(self) -> str | None:
        """The caller's IP address; None where it has none (a local socket)."""
        ...

    @property
    def gone(self) -> bool:
        """Whether the caller hung up while it was being watched."""
        ...

    async def read_body(self, fields: Mapping[bytes, bytes], limit: int, silence: float) -> bytes | Failure:
        """The request's body, at most ``limit`` bytes, with at most ``silence`` seconds between its pieces."""
        ...

    def watch(self) -> None:
        """From now on a hang-up cancels the current task, with ``gone`` set before."""
        ...

    def unwatch(self) -> None:
        """A hang-up from now on is the normal end."""
        ...

    async def send_head(self, status: int, headers: Headers, body: bytes, *, more: bool) -> None:
        """Send the response head and the first bytes of the body as one; without ``more`` they are all of it."""
        ...

    async def send(self, body: bytes) -> None:
        """Send more of the body. Waits while the caller reads slower than we write."""
        ...

    async def end(self, body: bytes) -> None:
        """Send the last of the body (possibly nothing)."""
        ...
