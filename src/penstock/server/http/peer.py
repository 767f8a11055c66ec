"""Whether the other end of a connection is gone, as far as the kernel knows.

A caller that closes its connection, and one that only ends its own side (``nc -N``, RFC 9112, 9.6), look the same: the
gateway reads an end of file. They differ once the gateway sends a byte: the end that is gone answers with a reset.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Final

_TCP_INFO: Final[int | None] = getattr(socket, "TCP_INFO", None)
"""Linux only. The first byte of the structure is the state of the connection."""
_CLOSED: Final = 7


def is_gone(transport: asyncio.BaseTransport) -> bool:
    """Whether the other end has answered with a reset."""
    sock = transport.get_extra_info("socket")
    try:
        return _state(sock) == _CLOSED or sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0
    except OSError:
        return True


def _state(sock: socket.socket) -> int:
    if _TCP_INFO is None or sock.family not in {socket.AF_INET, socket.AF_INET6}:
        return 0
    return sock.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, 1)[0]
