"""What one task awaits until its connection has news: it goes on in the turn of the event loop in which they come."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from typing import Any


class Wakeup:
    """A future for one task at a time, which may be awaited again and again.

    ``asyncio.Future`` wakes its task in the next turn of the event loop, by a handle of its own; for the bytes of a
    response both are pure cost. A task, asyncio's or ``server.request_task``'s, needs no more of a future than this.
    """

    __slots__ = ("_asyncio_future_blocking", "_callback", "_is_cancelled", "_loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._callback: Callable[[Any], object] | None = None
        self._is_cancelled = False

    def wake(self) -> None:
        """Run the waiting task now, if there is any. Only where no task runs: in a callback of the event loop."""
        callback, self._callback = self._callback, None
        if callback is not None:
            callback(self)

    def wake_soon(self) -> None:
        """Run the waiting task in the next turn. May be called by another task."""
        callback, self._callback = self._callback, None
        if callback is not None:
            self._loop.call_soon(callback, self)

    # What a task expects of a future.

    def __await__(self) -> Generator[Any, None, None]:
        self._asyncio_future_blocking = True
        yield self

    def get_loop(self) -> asyncio.AbstractEventLoop:
        return self._loop

    def add_done_callback(self, callback: Callable[[Any], object], *, context: Any = None) -> None:  # noqa: ARG002
        self._callback = callback

    def cancel(self, msg: Any = None) -> bool:  # noqa: ARG002
        """Wake the waiting task with its cancellation."""
        self._is_cancelled = self._callback is not None
        self.wake_soon()
        return self._is_cancelled

    def result(self) -> None:
        if self._is_cancelled:
            self._is_cancelled = False
            raise asyncio.CancelledError
