"""A reply whose bytes are also looked at as they pass."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from penstock.pipeline.replies.wrapped_reply import WrappedReply
from penstock.transport.base import Reply, Take, pass_on


class TappedReply(WrappedReply):
    """A reply that passes unchanged. ``tap`` gets its bytes, and ``b""`` when it has ended in good order."""

    def __init__(self, inner: Reply, tap: Callable[[bytes], None]) -> None:
        super().__init__(inner)
        self._tap = tap

    async def read(self) -> bytes:
        data = await self._inner.read()
        if data or self._inner.failure is None:
            self._tap(data)
        return data

    async def pass_on(self, take: Take) -> None:
        """Hand the reply to ``take`` (``transport.base.pass_on``)."""
        tap = self._tap

        def tap_and_take(data: bytes) -> Awaitable[None] | None:
            tap(data)
            return take(data)

        await pass_on(self._inner, tap_and_take)
        if self._inner.failure is None:
            tap(b"")
