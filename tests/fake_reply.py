"""A reply without a socket."""

from __future__ import annotations

from penstock.core.failure import Failure
from penstock.core.http import Headers


class FakeReply:
    def __init__(self, status: int, body: bytes) -> None:
        self.status = status
        self.headers: Headers = []
        self.failure: Failure | None = None
        self.closed = False
        self._body = body

    async def read(self) -> bytes:
        body, self._body = self._body, b""
        return body

    def close(self) -> None:
        self.closed = True
