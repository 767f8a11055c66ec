"""What a worker learns of targets, told to the other workers through a stream in Redis: advice, never waited for.

A worker that starts, or that was cut off, reads what the stream still holds. The time of each message is the server's.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Final

import msgspec

from penstock.background import Background
from penstock.routing.advice import Advice
from penstock.stores.redis.connection import RedisConnection
from penstock.stores.sql.ids import random_id
from penstock.stores.stored_counters import StoreDown

_LOG: Final = logging.getLogger("penstock")
_WAITING: Final = 1000
"""Messages that wait to be sent; more drop the oldest."""
_BATCH: Final = 100
_LENGTH: Final = 2000
"""Batches that the stream holds, about."""
_BLOCK: Final = 5000
"""Milliseconds that the server waits for news."""
_TIMEOUT: Final = 10.0
_PAUSE: Final = 1.0


class _Batch(msgspec.Struct, frozen=True, array_like=True):
    """What a worker tells, with the age of each in seconds."""

    worker: str
    told: list[tuple[Advice, float]]


class SharedAdvice:
    """A part of the gateway. ``advise`` gets what other workers tell, with its age in seconds as it is now."""

    def __init__(
        self, connection: RedisConnection, advise: Callable[[Advice, float], None], organisation: str = "default"
    ) -> None:
        self.is_lost = False
        self._connection = connection
        self._advise = advise
        self._key = f"penstock:{{{organisation}}}:advice"
        self._worker = random_id()
        self._waiting: deque[tuple[Advice, float]] = deque(maxlen=_WAITING)
        self._has_news = asyncio.Event()
        self._last = "0"
        self._tasks = [
            Background("advice to other workers", self._send), Background("advice of other workers", self._receive)
        ]  # fmt: skip

    def tell(self, advice: Advice, now: float) -> None:
        """Tell the others, later. ``now`` is the moment on the process's monotonic clock."""
        self._waiting.append((advice, now))
        self._has_news.set()

    def start(self) -> None:
        for task in self._tasks:
            task.start()

    async def stop(self) -> None:
        for task in self._tasks:
            await task.stop()
        await self._connection.close()

    async def _send(self) -> None:
        while True:
            await self._has_news.wait()
            first = [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]
            if not self._waiting:
                self._has_news.clear()
            now = monotonic()
            message = msgspec.msgpack.encode(_Batch(self._worker, [(advice, now - at) for advice, at in first]))
            try:
                async with asyncio.timeout(_TIMEOUT):
                    await self._connection.command("XADD", self._key, "MAXLEN", "~", _LENGTH, "*", "m", message)
            except (StoreDown, TimeoutError) as error:
                # Advice is old by the time that Redis is back: it isn't sent again.
                await self._lost(error)

    async def _receive(self) -> None:
        while True:
            try:
                async with asyncio.timeout(_TIMEOUT):
                    found = await self._connection.command(
                        "XREAD", "COUNT", _BATCH, "BLOCK", _BLOCK, "STREAMS", self._key, self._last
                    )
                    seconds, micros = await self._connection.command("TIME")
            except (StoreDown, TimeoutError) as error:
                await self._lost(error)
                continue
            self.is_lost = False
            for _, messages in found or ():
                for number, fields in messages:
                    self._last = number.decode()
                    sent = int(number.partition(b"-")[0]) / 1000
                    self._take(fields[b"m"], max(0.0, int(seconds) + int(micros) / 1e6 - sent))

    def _take(self, message: bytes, age: float) -> None:
        try:
            batch = msgspec.msgpack.decode(message, type=_Batch)
        except msgspec.DecodeError:  # another release has sent it
            return
        if batch.worker != self._worker:
            for advice, before in batch.told:
                # A cooldown that is over says nothing of the target any more.
                if before + age < advice.lasts:
                    self._advise(advice, before + age)

    async def _lost(self, error: Exception) -> None:
        if not self.is_lost:
            _LOG.error(
                "%s; circuits, latencies and sticky choices are each worker's own without it",
                str(error) or "Redis didn't answer in time",
            )
        self.is_lost = True
        await asyncio.sleep(_PAUSE)
