"""A flush to the database that is carried out once it has begun, whoever waits for it: else nobody knew what was
written."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


class Flush:
    """Runs ``write``, one at a time, which returns whether all is written. A waiter that is cancelled, with the
    gateway's stop say, leaves it running; the next flush begins at its end."""

    def __init__(self, write: Callable[[], Coroutine[Any, Any, bool]]) -> None:
        self._write = write
        self._running: set[asyncio.Task[bool]] = set()
        self._one_at_a_time = asyncio.Lock()

    async def run(self) -> bool:
        task = asyncio.get_running_loop().create_task(self._in_turn())
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    async def _in_turn(self) -> bool:
        async with self._one_at_a_time:
            return await self._write()
