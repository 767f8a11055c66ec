"""A tunnel through an HTTP proxy, by CONNECT (RFC 9110, 9.3.6)."""

from __future__ import annotations

import asyncio
import re
import socket
from typing import Final

from penstock.core.failure import Failure, Kind
from penstock.transport.dial import reason_of
from penstock.transport.proxies import Proxy

_MAX_ANSWER: Final = 16 << 10
_STATUS: Final = re.compile(rb"HTTP/1\.[01] (\d{3})\b")


async def tunnel(sock: socket.socket, host: str, port: int, proxy: Proxy) -> Failure | None:
    """Ask the proxy for a tunnel to a host name or an address; None when the tunnel is open."""
    loop = asyncio.get_running_loop()
    bracketed = f"[{host}]" if ":" in host else host
    lines = [f"CONNECT {bracketed}:{port} HTTP/1.1", f"Host: {bracketed}:{port}"]
    if proxy.authorization is not None:
        lines.append(f"Proxy-Authorization: {proxy.authorization.reveal()}")
    answer = b""
    try:
        await loop.sock_sendall(sock, "\r\n".join([*lines, "", ""]).encode())
        while b"\r\n\r\n" not in answer and len(answer) < _MAX_ANSWER:
            data = await loop.sock_recv(sock, 4096)
            if not data:
                break
            answer += data
    except OSError as error:
        text = f"The proxy at {proxy.host}:{proxy.port} broke off ({reason_of(error)}): check that it allows CONNECT."
        return Failure(Kind.PROXY_FAILED, text)
    status = _STATUS.match(answer)
    if status is not None and status[1][:1] == b"2" and b"\r\n\r\n" in answer:
        return None
    shown = f"status {status[1].decode()}" if status else "no HTTP answer"
    text = f"The proxy at {proxy.host}:{proxy.port} did not open a way to {host} ({shown}): check its rules."
    return Failure(Kind.PROXY_FAILED, text)
