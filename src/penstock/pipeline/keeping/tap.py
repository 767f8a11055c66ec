"""Finds the response that the gateway keeps in an answer that passes: it is in the last event of a stream."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from penstock.pipeline.keeping.exchange import Keeping


class LastEvent(Protocol):
    """Finds a response in the last event of a stream that ended well."""

    response: bytes | None

    def feed(self, data: bytes) -> None: ...


class WholeReply:
    """A plain reply that arrives in pieces."""

    response: bytes | None = None

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def feed(self, data: bytes) -> None:
        if data:
            self._parts.append(data)
        else:
            self.response = b"".join(self._parts)


class Tap:
    """Looks at an answer's bytes on their way, and keeps the response when it is there."""

    def __init__(self, last: LastEvent, longest: int, keeping: Keeping, keep: Callable[[Keeping, bytes], None]) -> None:
        self._last = last
        self._left = 64 * longest
        """Bytes of an answer that are looked at: a stream says everything several times."""
        self._keeping = keeping
        self._keep = keep

    def feed(self, data: bytes) -> None:
        if self._left <= 0:
            return
        self._left -= len(data)
        self._last.feed(data)
        response = self._last.response
        if response is not None:
            self._left = 0
            self._keep(self._keeping, response)
