"""Parts of the process, which start and stop with it, and the background tasks that they run.

Every task that outlives a request is run by a ``Background``: the access log's drain, the watch over penstock.toml. If
one dies, the log says so, and it starts again.

What such tasks compute is computed on the event loop, in slices of some 100 microseconds (``in_slices``). A thread of
its own would hold requests up for longer: where it shares a core with the event loop, it keeps the core for a whole
slice of the kernel's, which is 3 milliseconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from asyncio import sleep
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Final, Protocol, TypeVar

_LOG: Final = logging.getLogger("penstock")
Item = TypeVar("Item")
_SLICE: Final = 32
"""Things that are worked on in one slice."""
_SHARE: Final = 32
"""Of a backlog, one part in so many is worked on in one slice: it ends also where each turn of the event loop adds many
things to it."""
_STOP_SECONDS: Final = 2.0
_LONGEST_PAUSE: Final = 60.0
"""Seconds. A task that lived longer than this before it died starts again after the first pause."""


async def in_slices(waiting: deque[Item], work: Callable[[Item], object]) -> None:
    """Work on all that waits, one thing after the other. Each is taken out of ``waiting`` before it is worked on;
    requests have their turn after every few."""
    while waiting:
        for _ in range(max(min(_SLICE, len(waiting)), len(waiting) // _SHARE)):
            work(waiting.popleft())
        if waiting:
            await sleep(0)


class Part(Protocol):
    """A part of the process that starts and stops with the gateway. It may have ``stop_seconds``: how long its stop may
    take, 2 seconds without it."""

    def start(self) -> None: ...

    async def stop(self) -> None: ...


async def stop_in_time(part: Part) -> None:
    """Stop a part. One that fails, or does not end in time, keeps no other from stopping."""
    try:
        await asyncio.wait_for(part.stop(), getattr(part, "stop_seconds", _STOP_SECONDS))
    except Exception:
        _LOG.exception("%s did not stop in order", type(part).__name__)


class Background:
    """Runs ``run``, which never returns by itself, and starts it again when it fails or returns.

    The first restart waits ``pause`` seconds; each further one waits twice as long, a minute at most.
    """

    def __init__(self, name: str, run: Callable[[], Coroutine[Any, Any, None]], pause: float = 1.0) -> None:
        self.name = name
        self._run = run
        self._pause = pause
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start the task in the running event loop."""
        self._task = asyncio.get_running_loop().create_task(self._keep_running(), name=self.name)

    async def stop(self) -> None:
        """Cancel the task and wait for its end. Harmless when the task was never started."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _keep_running(self) -> None:
        loop = asyncio.get_running_loop()
        pause = self._pause
        while True:
            started = loop.time()
            problem = await self._run_once()
            if loop.time() - started > _LONGEST_PAUSE:
                pause = self._pause
            _LOG.error(
                "the background task '%s' died; it starts again in %g s", self.name, pause, exc_info=problem or None
            )
            await sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _run_once(self) -> BaseException | None:
        """Run to the end of the task; what ended it, None if it returned. Raises CancelledError when stopped."""
        try:
            await self._run()
        except asyncio.CancelledError as error:
            # A future that the task awaited may have been cancelled: then nobody asked the task itself to stop.
            current = asyncio.current_task()
            if current is None or current.cancelling():
                raise
            return error
        except Exception as error:
            return error
        return None
