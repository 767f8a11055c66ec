"""POST requests that the gateway itself sends to an address of the operator's: an OTLP receiver, a webhook.

The address is trusted as a provider's own is: the operator wrote it. Link-local and metadata addresses are refused all
the same, when the socket is dialled. Redirects are not followed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from penstock import __version__
from penstock.core.failure import Failure
from penstock.core.http import Limits, Posted, Url, header_line
from penstock.transport.base import Request, Transport

_KEPT: Final = 16 << 10
"""Bytes of an answer that are kept."""
_LARGEST: Final = 1 << 20
"""Bytes of an answer that are read; then the connection is closed."""


class Poster:
    """POST requests to one URL. ``headers`` go with each; ``timeout`` is the longest time for one, in seconds.

    The constructor raises ValueError for a URL or a header that can't be sent.
    """

    def __init__(self, transport: Transport, url: str, headers: Mapping[str, str], timeout: float) -> None:
        parsed = Url.parse(url, trusted=True)
        if parsed.origin.scheme not in {"http", "https"}:
            raise ValueError("a URL must begin with http:// or https://")
        self._transport = transport
        self._origin = parsed.origin
        path = parsed.path or "/"
        self._target = (f"{path}?{parsed.query}" if parsed.query else path).encode("ascii")
        self._headers = _block({"user-agent": f"penstock/{__version__}", **headers})
        self._limits = Limits(connect=timeout, first_byte=timeout, idle=timeout, total=timeout)

    async def post(self, body: bytes, headers: Mapping[str, str]) -> Posted:
        """Send one body. ``headers`` go beside those of the constructor."""
        block = self._headers + _block(headers)
        request = Request(self._origin, b"POST", self._target, block, body, self._limits)
        reply = await self._transport.send(request)
        if isinstance(reply, Failure):
            return Posted(0, problem=reply.message)
        kept, size = b"", 0
        try:
            while (data := await reply.read()) and size <= _LARGEST:
                size += len(data)
                kept += data[: _KEPT - len(kept)]
            if reply.failure is not None:
                return Posted(0, problem=reply.failure.message)
            return Posted(reply.status, reply.headers, kept)
        finally:
            reply.close()


class ClosingTransport:
    """A part of the gateway that closes a transport, after the parts that were started later."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def start(self) -> None:
        """Connections are made when they are needed."""

    async def stop(self) -> None:
        await self._transport.close()


def _block(headers: Mapping[str, str]) -> bytes:
    return b"".join([header_line(name, value) for name, value in headers.items()])
