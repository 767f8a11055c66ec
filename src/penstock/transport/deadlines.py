"""The time limits of one upstream call as plain arithmetic: which limit is due next, and what it says when it is."""

from __future__ import annotations

import math

from penstock.core.failure import Failure, Kind
from penstock.core.http import Limits

_SETTINGS = {
    Kind.FIRST_BYTE_TIMEOUT: ("no response within", "first_byte_timeout, or request_timeout of the request"),
    Kind.IDLE_TIMEOUT: ("no byte of the response for", "idle_timeout"),
    Kind.TOTAL_TIMEOUT: ("the response was not complete within", "total_timeout"),
}


class Deadlines:
    """``started`` and every other time are of one monotonic clock, in seconds."""

    __slots__ = ("_first_byte", "_idle", "_total", "limits")

    def __init__(self, limits: Limits, started: float) -> None:
        self.limits = limits
        self._first_byte = started + limits.first_byte if limits.first_byte else math.inf
        self._total = started + limits.total if limits.total else math.inf
        self._idle = limits.idle or math.inf

    def begin(self, now: float) -> None:
        """The provider's time for the first byte of its response begins anew: more of the request was sent."""
        self._first_byte = now + self.limits.first_byte if self.limits.first_byte else math.inf

    def earliest(self, now: float) -> float:
        """A time before which no limit can be due, whatever happens; infinite when there is none."""
        return min(self._first_byte, self._total, now + self._idle)

    def next(self, *, head_complete: bool, last_byte: float) -> tuple[float, Kind]:
        """The limit that is due first as things stand, and when."""
        silence = (
            (last_byte + self._idle, Kind.IDLE_TIMEOUT)
            if head_complete
            else (self._first_byte, Kind.FIRST_BYTE_TIMEOUT)
        )
        return min(silence, (self._total, Kind.TOTAL_TIMEOUT), key=lambda due: due[0])

    def failure(self, kind: Kind, host: str, *, sent: bool = True) -> Failure:
        """What to tell when that limit has passed."""
        seconds = {
            Kind.FIRST_BYTE_TIMEOUT: self.limits.first_byte,
            Kind.IDLE_TIMEOUT: self.limits.idle,
            Kind.TOTAL_TIMEOUT: self.limits.total,
        }[kind]
        what, setting = _SETTINGS[kind]
        return Failure(
            kind, f"The provider at {host} was too slow: {what} {seconds:g} s (setting {setting}).", sent=sent
        )
