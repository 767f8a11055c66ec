"""Request bodies in memory: one buffer a body, and one budget for all of them."""

from __future__ import annotations

import asyncio
from io import BytesIO
from typing import Final

from penstock.core.failure import Failure, Kind

_STEP: Final = 64 << 10
"""Bytes by which the hold of a body without a declared length grows."""
_UNPACKED_AT_ONCE: Final = 2
"""Compressed bodies that are unpacked in threads at the same time: the threads serve others, too."""


class BodyBudget:
    """The bytes that request bodies hold at one time, over all connections of this process."""

    __slots__ = ("held", "limit", "unpacking")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0
        self.unpacking = asyncio.Semaphore(_UNPACKED_AT_ONCE)


class BodyHold:
    """What one request holds of the budget: from the reading of its body until the head of its answer is sent.

    Base of the two ``Client`` classes.
    """

    _held = 0

    def __init__(self, budget: BodyBudget) -> None:
        self.budget = budget

    def hold(self, size: int) -> Failure | None:
        """Hold ``size`` bytes in all; the failure if there is no room for them."""
        budget, more = self.budget, size - self._held
        if more > 0:
            if budget.limit and budget.held + more > budget.limit:
                return _no_room(budget.limit)
            budget.held += more
            self._held = size
        return None

    def hold_step(self, size: int) -> Failure | None:
        """As ``hold`` for a body whose length is not known: in steps, so that small pieces cost little."""
        if size <= self._held:
            return None
        failure = self.hold(size + _STEP)
        return None if failure is None else self.hold(size)

    @property
    def held(self) -> int:
        return self._held

    def release(self) -> None:
        """Give back all of it. Harmless when called again."""
        self.budget.held -= self._held
        self._held = 0


class BodyBuffer:
    """A body as it arrives, in one piece of memory however small its pieces are.

    A body that comes in one piece is that piece. ``BytesIO`` grows in place and gives its bytes away without a copy.
    """

    size = 0
    _piece = b""
    _buffer: BytesIO | None = None

    def add(self, piece: bytes) -> None:
        self.size += len(piece)
        if self._buffer is not None:
            self._buffer.write(piece)
        elif not self._piece:
            self._piece = piece
        else:
            self._buffer = BytesIO()
            self._buffer.write(self._piece)
            self._buffer.write(piece)
            self._piece = b""

    def take(self) -> bytes:
        """The whole body. The buffer is empty afterwards."""
        buffer, piece = self._buffer, self._piece
        self._buffer, self._piece = None, b""
        return piece if buffer is None else buffer.getvalue()


def _no_room(limit: int) -> Failure:
    text = (
        f"The gateway holds as many request bodies as it may: {limit} bytes in all (setting max_buffered_bytes). "
        "Send the request again in a moment."
    )
    return Failure(Kind.BODIES_EXHAUSTED, text)
