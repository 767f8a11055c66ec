"""Tells notices by one channel: a bounded queue, one attempt after the other, pauses between attempts, and an end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable
from typing import Final, Literal

import msgspec

from penstock.background import Background
from penstock.core.lru import Lru
from penstock.observe.alerts.channels import Channel
from penstock.observe.alerts.deliveries import Deliveries, DeliveriesLost
from penstock.observe.alerts.notice import Notice

_LOG: Final = logging.getLogger("penstock")
_MOST: Final = 1000
"""Notices that wait in one process."""
_PAUSES: Final = (1.0, 4.0, 15.0, 60.0, 240.0, 600.0)
"""Seconds after each attempt; after the last one a notice is given up."""
_REMEMBERED: Final = 10_000
_LEASE: Final = 1200.0
"""Seconds after which another process may take a notice over: longer than any pause with its attempt."""
_LOOK: Final = 30.0
"""Seconds between two looks for what other processes have left behind."""
_LAST_SECONDS: Final = 1.5
"""Seconds for the notices that wait when the gateway stops."""

Result = Literal["told", "failed", "dropped"]
RESULTS: Final[tuple[Result, ...]] = ("told", "failed", "dropped")
"""What became of notices: told; given up after all attempts; not even tried, because too many waited."""


class _Waiting(msgspec.Struct):
    """A notice that is to be told. ``due`` is when, ``lease`` until when this process alone tells it, None as long as
    nobody has claimed it, both in seconds since 1970."""

    notice: Notice
    due: float
    attempts: int = 0
    lease: float | None = None


class Teller:
    """A part of the gateway. ``deliveries`` are shared with other processes where there is a store; while that is lost,
    this process decides by itself. ``counts`` says what became of notices."""

    def __init__(
        self, channel: Channel, deliveries: Deliveries | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self.counts: dict[Result, int] = dict.fromkeys(RESULTS, 0)
        self.channel = channel
        self._shared = deliveries
        self._claimed: Lru[str, bool] = Lru(_REMEMBERED)
        """The ids of notices that this process has taken up."""
        self._clock = clock
        self._waiting: deque[_Waiting] = deque()
        self._has_news = asyncio.Event()
        self._next_look = 0.0
        self._task = Background(f"alerts by {channel.name}", self._run)

    def notify(self, notice: Notice) -> None:
        """Tell a notice soon. It waits for nothing."""
        if len(self._waiting) >= _MOST:
            self.counts["dropped"] += 1
            return
        self._waiting.append(_Waiting(notice, self._clock()))
        self._has_news.set()

    def start(self) -> None:
        self._task.start()

    async def stop(self) -> None:
        """Try once more what waits. What isn't told then is told by another process, or by the next one, if there is a
        store."""
        await self._task.stop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_SECONDS):
                await self.tell_due()

    async def _run(self) -> None:
        while True:
            self._has_news.clear()
            await self._take_over()
            await self.tell_due()
            now = self._clock()
            until = min([self._next_look, *(each.due for each in self._waiting)])
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._has_news.wait(), max(0.05, until - now))

    async def tell_due(self) -> None:
        """Make an attempt for each notice whose time has come."""
        for waiting in list(self._waiting):
            if waiting.due > self._clock():
                continue
            is_done = await self._attempt(waiting)
            if is_done:
                self._waiting.remove(waiting)

    async def _attempt(self, waiting: _Waiting) -> bool:
        """One attempt. True: there will be no other."""
        notice, name, now = waiting.notice, self.channel.name, self._clock()
        if not await self._is_mine(waiting, now):
            return True
        try:
            problem = await self.channel.tell(notice)
        except Exception as error:  # a defect of one channel must cost neither the others nor the next notice
            _LOG.exception("an alert could not be told by %s", name)
            problem = type(error).__name__
        if not problem:
            self.counts["told"] += 1
            await self._finish(notice, is_told=True)
            return True
        if waiting.attempts >= len(_PAUSES):
            self.counts["failed"] += 1
            _LOG.error("an alert was not told by %s (%s): %s", name, problem, notice.text)
            await self._finish(notice, is_told=False)
            return True
        if not waiting.attempts:
            _LOG.warning("an alert can't be told by %s now (%s)", name, problem)
        waiting.due = self._clock() + _PAUSES[waiting.attempts]
        waiting.attempts += 1
        return False

    async def _is_mine(self, waiting: _Waiting, now: float) -> bool:
        """Claim a notice, or keep its claim for longer. False: another process tells it. While the store is lost the
        notice is this process's own, its lease stays what the store knows, and the next attempt asks again."""
        notice, channel, lease, until = waiting.notice, self.channel.name, waiting.lease, now + _LEASE
        if lease is None and not waiting.attempts:
            # Asked first, so that a notice which this process told while the store was lost isn't told again.
            if self._claimed.get(notice.id):
                return False
            self._claimed.put(notice.id, True)
        if self._shared is None:
            return True
        try:
            if lease is None:
                is_mine = await self._shared.claim(notice, channel, now, until)
            else:
                # False where it waited here so long, behind others whose receiver did not answer, that another process
                # has taken it over.
                is_mine = await self._shared.renew(notice.id, channel, lease, until)
        except DeliveriesLost:
            return True
        waiting.lease = until
        return is_mine

    async def _finish(self, notice: Notice, *, is_told: bool) -> None:
        if self._shared is not None:
            with contextlib.suppress(DeliveriesLost):
                await self._shared.finish(notice.id, self.channel.name, is_told=is_told)

    async def _take_over(self) -> None:
        """Take over what others have claimed and not told."""
        now = self._clock()
        if now < self._next_look:
            return
        self._next_look = now + _LOOK
        if self._shared is None:
            return
        try:
            lease = now + _LEASE
            found = await self._shared.overdue(self.channel.name, now, lease)
        except DeliveriesLost:
            return
        mine = {each.notice.id for each in self._waiting}
        for notice in found:
            if notice.id not in mine and len(self._waiting) < _MOST:
                self._waiting.append(_Waiting(notice, now, lease=lease))
