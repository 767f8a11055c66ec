"""Calls of checks whose replies nobody waits for (``default.log``): beside their requests, and bounded in number."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final

import msgspec

_MOST: Final = 256
"""Calls of one process that run at the same time: further ones are refused."""
_LAST_SECONDS: Final = 2.0
"""How long they may take to end when the gateway stops."""


class GuardTasks(msgspec.Struct, frozen=True):
    """The calls that run now."""

    tasks: set[asyncio.Task[Any]] = msgspec.field(default_factory=set)

    def start(self, call: Coroutine[Any, Any, Any]) -> bool:
        """Begin a call; False, and no call, where there are too many."""
        if len(self.tasks) >= _MOST:
            call.close()
            return False
        task = asyncio.get_running_loop().create_task(call, name="call of a guard")
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return True

    async def stop(self) -> None:
        """Let the calls end, for two seconds; give up those that don't."""
        if not self.tasks:
            return
        _, late = await asyncio.wait(self.tasks, timeout=_LAST_SECONDS)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=_LAST_SECONDS / 4)
