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


def earliest(limits: Limits, started: float) -> float:
    """A time before which no limit of a call can be due, whatever happens; infinite when there is none."""
    seconds = limits.first_byte or math.inf
    if 0 < limits.idle < seconds:
        seconds = limits.idle
    if 0 < limits.total < seconds:
        seconds = limits.total
    return started + seconds


class Deadlines:
    """``started`` and every other time are of one monotonic clock, in seconds. ``asked`` is when the latest piece of a
    request that is sent in pieces went out: the provider's time for the first byte of its response begins then."""

    __slots__ = ("_first_byte", "_idle", "_total", "limits")

    def __init__(self, limits: Limits, started: float, asked: float | None = None) -> None:
        self.limits = limits
        begun = started if asked is None else asked
        self._first_byte = begun + limits.first_byte if limits.first_byte else math.inf
        self._total = started + limits.total if limits.total else math.inf
        self._idle = limits.idle or math.inf

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
