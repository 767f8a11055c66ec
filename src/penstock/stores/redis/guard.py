"""Calls of a Redis that may be down, slow or full: bounded in time, and given up for a while after failures.

The log says once a minute, at most, that Redis can't be used.
"""

from __future__ import annotations

import asyncio
import logging
from time import monotonic
from typing import Any, Final

from penstock.stores.call_breaker import CallBreaker
from penstock.stores.redis.connection import RedisConnection, Script
from penstock.stores.stored_counters import StoreDown

_LOG: Final = logging.getLogger("penstock")
_LOOK_AGAIN: Final = 5.0
"""Seconds for which the last look at the server's memory holds."""
_TELL_AGAIN: Final = 60.0
"""Seconds within which a second loss is not logged."""
_FULLEST: Final = 0.75
"""The part of the server's ``maxmemory`` up to which answers are kept: the rest is for counters."""


class RedisGuard:
    """Runs scripts on one connection. ``timeout`` is in seconds; ``purpose`` says in the log what goes without Redis.

    ``is_lost`` is whether the last call failed.
    """

    def __init__(self, connection: RedisConnection, timeout: float, purpose: str) -> None:
        self.is_lost = False
        self._connection = connection
        self._timeout = timeout
        self._purpose = purpose
        self._breaker = CallBreaker()
        self._told: float | None = None
        self._looked: float | None = None
        self._has_room = True
        self._is_full = False

    async def run(self, script: Script, key: str, *arguments: str | bytes, within: float = 0.0) -> Any:
        """The answer of a script, ``within`` so many seconds. Raises StoreDown, at once while the breaker is open."""
        if not self._breaker.admits(monotonic()):
            raise StoreDown(f"{self._connection.name} can't be used")
        try:
            async with asyncio.timeout(within or self._timeout):
                answer = await self._connection.run(script, key, *arguments)
        except (StoreDown, TimeoutError) as error:
            self._breaker.failed(monotonic())
            problem = str(error) or f"{self._connection.name} didn't answer in time"
            self._tell(problem)
            raise StoreDown(problem) from error
        self._breaker.succeeded()
        self.is_lost = False
        return answer

    async def has_room(self) -> bool:
        """Whether the server has memory to spare for answers. It is asked every 5 seconds at most."""
        now = monotonic()
        if self._looked is not None and now - self._looked < _LOOK_AGAIN:
            return self._has_room
        is_first, self._looked = self._looked is None, now
        try:
            async with asyncio.timeout(self._timeout):
                memory = await self._connection.command("INFO", "memory")
        except (StoreDown, TimeoutError):
            return self._has_room
        most, used = int(memory.get("maxmemory", 0)), int(memory.get("used_memory", 0))
        self._has_room = not most or used < most * _FULLEST
        name = self._connection.name
        if is_first and not most:
            _LOG.warning("%s has no maxmemory: kept answers can fill its memory; set maxmemory", name)
        if not self._has_room and not self._is_full:
            _LOG.warning("%s is nearly full: no more answers are kept there until it isn't", name)
        self._is_full = not self._has_room
        return self._has_room

    async def close(self) -> None:
        await self._connection.close()

    def _tell(self, problem: str) -> None:
        now = monotonic()
        if not self.is_lost and (self._told is None or now - self._told >= _TELL_AGAIN):
            _LOG.error("%s; %s without it", problem, self._purpose)
            self._told = now
        self.is_lost = True
