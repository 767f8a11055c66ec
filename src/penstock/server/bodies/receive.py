"""Reads a request's body within its limits, and notices under ASGI that the caller disconnects."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from penstock.core.failure import Failure, Kind
from penstock.server.bodies.buffering import BodyBudget, BodyBuffer, BodyHold
from penstock.server.bodies.unpack import unpack
from penstock.server.limits import CallerLimits, too_large

Receive = Callable[[], Awaitable[dict[str, Any]]]
"""ASGI's receive: the next message from the caller."""

_DEFAULT_LIMITS: Final = CallerLimits()


async def read_body(
    receive: Receive,
    fields: Mapping[bytes, bytes],
    limit: int,
    silence: float,
    limits: CallerLimits = _DEFAULT_LIMITS,
    hold: BodyHold | None = None,
) -> bytes | Failure:
    """The whole body of at most ``limit`` bytes. ``silence`` is the longest wait for the next piece, in seconds.

    ``hold`` is what the request may take of the gateway's memory.
    """
    hold = hold or BodyHold(BodyBudget(0))
    length = fields.get(b"content-length", b"")
    declared = int(length) if length.isdigit() and len(length) < _LONGEST_NUMBER else 0
    failure = too_large(limit) if declared > limit else hold.hold(declared)
    if failure is not None:
        return failure
    body = BodyBuffer()
    timer = _BodyTimer(limits, body, silence)
    try:
        failure = await _read_pieces(receive, body, limit, hold, timer)
    except asyncio.CancelledError:
        if timer.late is None:
            raise
        return timer.late
    finally:
        timer.end()
    if failure is not None:
        return failure
    return await unpack(body.take(), fields.get(b"content-encoding", b"").lower(), limit, hold)


_LONGEST_NUMBER: Final = 19
"""Digits of a length that is a number of bytes. The server has checked that it is one."""


async def _read_pieces(
    receive: Receive, body: BodyBuffer, limit: int, hold: BodyHold, timer: _BodyTimer
) -> Failure | None:
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return Failure(Kind.CLIENT_DISCONNECTED, "The caller left while it was sending its request.")
        body.add(message.get("body", b""))
        failure = too_large(limit) if body.size > limit else hold.hold_step(body.size)
        if failure is not None or not message.get("more_body", False):
            return failure
        timer.renew()


class _BodyTimer:
    """Cancels the current task when its body is too late. It looks anew when it fires, so that a piece costs little."""

    __slots__ = ("_began", "_body", "_last", "_limits", "_loop", "_silence", "_task", "_timer", "late")

    def __init__(self, limits: CallerLimits, body: BodyBuffer, silence: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._limits = limits
        self._body = body
        self._silence = silence
        self._began = self._last = self._loop.time()
        self._timer = self._loop.call_at(self._due(), self._look)
        self.late: Failure | None = None

    def renew(self) -> None:
        """Bytes came."""
        self._last = self._loop.time()

    def end(self) -> None:
        self._timer.cancel()
        if self.late is not None and self._task is not None:
            self._task.uncancel()

    def _due(self) -> float:
        return self._limits.body_due(self._began, self._last, self._body.size, self._silence)

    def _look(self) -> None:
        due = self._due()
        if self._loop.time() < due:
            self._timer = self._loop.call_at(due, self._look)
        elif self._task is not None:
            self.late = self._limits.body_late(self._began, self._last, self._body.size, self._silence)
            self._task.cancel()


class DisconnectWatch:
    """Cancels the task that answers a request when the caller disconnects, and sets ``gone``."""

    __slots__ = ("_answering", "_watch", "gone")

    def __init__(self, receive: Receive) -> None:
        loop = asyncio.get_running_loop()
        self.gone = False
        self._answering = asyncio.current_task()
        self._watch = loop.create_task(self._wait(receive))

    async def _wait(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        if self._answering is not None:
            self.gone = True
            self._answering.cancel()

    def forget(self) -> None:
        """The answer is complete: from now on a disconnect cancels nothing."""
        self._answering = None
