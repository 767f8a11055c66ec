"""The caller's end of a request: what a HEAD request gets."""

from __future__ import annotations

from typing import Any

from penstock.core.http import Headers
from penstock.server.client import without_body


class Sent:
    """Keeps what is sent."""

    address = "127.0.0.1"

    def __init__(self) -> None:
        self.sent: list[Any] = []

    def send_head(self, status: int, headers: Headers, body: bytes, *, more: bool) -> None:
        self.sent.append((status, headers, body, more))

    def write(self, body: bytes) -> None:
        self.sent.append(body)

    async def send(self, body: bytes) -> None:
        self.sent.append(body)

    async def end(self, body: bytes) -> None:
        self.sent.append(body)


async def test_a_head_request_gets_the_head_alone() -> None:
    sent = Sent()
    client: Any = without_body(sent)  # type: ignore[arg-type]
    assert client.address == "127.0.0.1"
    client.send_head(200, [], b"{}", more=True)
    assert client.write(b"more") is None
    await client.send(b"more")
    await client.end(b"last")
    assert client.no_op() == b""
    assert sent.sent == [(200, [], b"{}", True), b""]
