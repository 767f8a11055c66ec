"""A connection that takes turns with others, and keeps its time limits with one timer."""

from __future__ import annotations

import asyncio
import math

from penstock.transport.turns import TakesTurns


class TimedConnection(TakesTurns):
    """The base of a server's connection: when it reads, how long its caller may take no byte, when it looks at limits.

    One timer looks at all limits. It is set earlier when a limit comes nearer, and looks anew when it fires, so that an
    ordinary request costs no timer. ``write_seconds`` is how long the caller may take no byte of what is written to it
    (0: for ever); ``writable`` is set while it takes them more slowly than we write.
    """

    __slots__ = (
        "_is_lost", "_timer", "_timer_at", "_unsent", "_unsent_since", "_write_seconds", "writable",
    )  # fmt: skip
    burst = 1 << 20

    def __init__(self, loop: asyncio.AbstractEventLoop, write_seconds: float) -> None:
        super().__init__(loop)
        self.writable: asyncio.Future[None] | None = None
        self._write_seconds = write_seconds
        self._is_lost = False
        self._unsent = 0
        self._unsent_since = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = math.inf

    def _read_due(self, now: float) -> float:
        """Look at the limits of what the caller sends, and end what is over. When to look again."""
        raise NotImplementedError

    def _stop(self) -> None:
        """The connection is closed. The timer refers back to it, and a writer may wait for it."""
        self._is_lost = True
        self._stop_timer()
        self.resume_writing()

    # Callbacks of the event loop.

    def pause_writing(self) -> None:
        self.writable = self.loop.create_future()
        self._watch_writing()

    def resume_writing(self) -> None:
        if self.writable is not None and not self.writable.done():
            self.writable.set_result(None)
        self.writable = None

    # Time limits.

    def _look_by(self, when: float) -> None:
        """See to it that the timer fires by then."""
        if when < self._timer_at:
            self._stop_timer()
            self._timer, self._timer_at = self.loop.call_at(when, self._look), when

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer, self._timer_at = None, math.inf

    def _watch_writing(self) -> None:
        if self._write_seconds:
            self._unsent, self._unsent_since = self.transport.get_write_buffer_size(), self.loop.time()
            self._look_by(self._unsent_since + self._write_seconds / 3)

    def _look(self) -> None:
        """Look at every limit: what is over is ended, for the rest the timer is set again."""
        self._timer, self._timer_at = None, math.inf
        now = self.loop.time()
        due = min(self._write_due(now), self._read_due(now))
        if not self._is_lost and due < math.inf:
            self._look_by(due)

    def _write_due(self, now: float) -> float:
        """A caller that takes no byte of its answer for too long is cut off."""
        unsent = self.transport.get_write_buffer_size()
        if not unsent or not self._write_seconds:
            self._unsent = 0
            return math.inf
        if unsent != self._unsent:
            self._unsent, self._unsent_since = unsent, now
        elif now >= self._unsent_since + self._write_seconds:
            self.transport.abort()
            return math.inf
        return min(now + self._write_seconds / 3, self._unsent_since + self._write_seconds)
