"""CONNECT as the proxy reads it; what proxies answer is in test_connect.py, behind the transport."""

from __future__ import annotations

import asyncio
import socket

import pytest

from penstock.core.failure import Failure, Kind
from penstock.transport.proxies import Proxy
from penstock.transport.tunnel import tunnel

PROXY = Proxy("proxy.example", 3128)


@pytest.mark.parametrize(
    ("host", "authority"), [("a.example", b"a.example:443"), ("2001:db8::1", b"[2001:db8::1]:443")]
)
async def test_the_target_is_in_authority_form(host: str, authority: bytes) -> None:
    near, far = socket.socketpair()
    with near, far:
        near.setblocking(False)
        far.setblocking(False)
        opening = asyncio.ensure_future(tunnel(near, host, 443, PROXY))
        loop = asyncio.get_running_loop()
        assert await loop.sock_recv(far, 4096) == b"CONNECT %b HTTP/1.1\r\nHost: %b\r\n\r\n" % (authority, authority)
        await loop.sock_sendall(far, b"HTTP/1.1 200 OK\r\n\r\n")
        assert await opening is None


async def test_a_proxy_that_hangs_up() -> None:
    near, far = socket.socketpair()
    with near:
        near.setblocking(False)
        opening = asyncio.ensure_future(tunnel(near, "a.example", 443, PROXY))
        far.close()
        failure = await opening
    assert isinstance(failure, Failure)
    assert failure.kind is Kind.PROXY_FAILED
    assert "proxy.example:3128" in failure.message
