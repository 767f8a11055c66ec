"""Batches on their way to an OTLP receiver: compressed, sent, tried again as OTLP says, given up and counted.

Source: https://opentelemetry.io/docs/specs/otlp/#otlphttp-response.
"""

from __future__ import annotations

import asyncio
import datetime
import gzip
import logging
import random
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Final, Literal, Protocol

from penstock.core.http import Posted
from penstock.observe.telemetry.otlp import read_rejected
from penstock.routing.retry import retry_after

_LOG: Final = logging.getLogger("penstock")
_RETRYABLE: Final = frozenset({429, 502, 503, 504})
_TOO_LARGE: Final = 413
_FIRST_PAUSE: Final = 1.0
_LEAST: Final = 0.1
"""The part of a pause that is made even where the receiver asks for a shorter one: it may ask for none for ever."""
_LONGEST_PAUSE: Final = 30.0
_REMINDER: Final = 60.0
"""Seconds between two messages about a receiver that takes nothing."""
_LEVEL: Final = 5
"""Of gzip: half the time of the default, and almost as small."""

Loss = Literal["unreachable", "refused", "rejected", "unsent"]
"""Why items are lost: no answer came in all the time for attempts; the receiver refused the batch, or some of its
items; the gateway stopped first."""
LOSSES: Final[tuple[Loss, ...]] = ("unreachable", "refused", "rejected", "unsent")


class Sender(Protocol):
    """Sends one body to the receiver."""

    def post(self, body: bytes, headers: dict[str, str]) -> Awaitable[Posted]: ...


class Exporter:
    """Sends the batches of one signal. ``retry_seconds`` is how long one batch is tried.

    ``lost`` counts items by why they were lost. ``is_failing``: the last attempt failed. A receiver that asks for a
    pause has it, also of the batches that come after the one that was given up: those that can't wait so long are lost
    unsent.
    """

    def __init__(
        self,
        signal: str,
        sender: Sender,
        retry_seconds: float,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.signal = signal
        self.lost: dict[Loss, int] = dict.fromkeys(LOSSES, 0)
        self.is_failing = False
        self._sender = sender
        self._retry_seconds = retry_seconds
        self._sleep = sleep
        self._silent_until = 0.0
        self._closed_until = 0.0
        """Until when the receiver wants nothing, in monotonic seconds."""
        self._asked = ""
        """The answer in which it said so."""

    async def send(self, message: bytes, items: int, until: float | None = None, *, is_divisible: bool = False) -> bool:
        """Send one batch of so many items. ``until`` is when attempts end, in monotonic seconds; None: as the settings
        say. False: the receiver finds the batch too large, and none of it is lost yet, as it can be sent in parts
        (``is_divisible``)."""
        end = monotonic() + self._retry_seconds if until is None else until
        body = await asyncio.to_thread(gzip.compress, message, _LEVEL)
        headers = {"content-type": "application/x-protobuf", "content-encoding": "gzip"}
        pause = _FIRST_PAUSE
        rest = self._closed_until - monotonic()
        if rest > 0 and not await self._waited(rest, end):
            self._lose("unreachable", items, self._asked)
            return True
        while True:
            posted = await self._sender.post(body, headers)
            self.is_failing = not posted.is_taken
            if posted.is_taken:
                self._note_rejected(posted.body, items)
                return True
            if posted.status == _TOO_LARGE and is_divisible:
                return False
            if posted.status and posted.status not in _RETRYABLE:
                self._lose("refused", items, f"it answers with status {posted.status}")
                return True
            asked = retry_after(posted.headers, datetime.datetime.now(datetime.UTC)) if posted.status else None
            # Jitter keeps many gateways from coming back at the same moment.
            wait = pause * random.uniform(0.5, 1.0) if asked is None else max(asked, pause * _LEAST)  # noqa: S311
            problem = posted.problem or f"it answers with status {posted.status}"
            if asked is not None:
                self._closed_until, self._asked = monotonic() + wait, f"{problem} and asks for {asked:g} seconds"
            if not await self._waited(wait, end):
                self._lose("unreachable", items, problem)
                return True
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _waited(self, seconds: float, end: float) -> bool:
        """Wait, unless it would take until the end of all attempts or longer. Returns whether it has waited."""
        if monotonic() + seconds >= end:
            return False
        await self._sleep(seconds)
        return True

    def _note_rejected(self, answer: bytes, items: int) -> None:
        rejected = read_rejected(answer)
        if rejected.count:
            self._lose("rejected", min(rejected.count, items), rejected.reason or "it gives no reason")

    def _lose(self, why: Loss, items: int, reason: str) -> None:
        self.lost[why] += items
        now = monotonic()
        if now >= self._silent_until:
            self._silent_until = now + _REMINDER
            _LOG.warning("the OTLP receiver did not take %d of the %s: %s", items, self.signal, reason)
