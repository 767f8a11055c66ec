"""The counters of rates and of concurrency. All times are microseconds of one clock, which is passed in.
``holds`` is the number of open reservations that hold something in the counter.

A sliding window admits at most its value in any stretch of its length, wherever the stretch begins. It is a ring of
sub-buckets: amounts of one sub-bucket are counted together, and leave together when the last of them leaves. So the
window never admits too much, and capacity comes back at most one sub-bucket late. A clock that steps back makes amounts
stay longer, never shorter.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from penstock.limits.limit import Limit
from penstock.limits.windows import RateWindow


class Part(NamedTuple):
    """An amount in a window as a store keeps it: the sub-bucket's number, and the moment at which the amount leaves."""

    number: int
    amount: int
    ends: int


class SubBucket(msgspec.Struct, gc=False):
    """A part of a sliding window: the amounts of one stretch of ``step`` microseconds, and when the last came."""

    number: int
    amount: int
    last: int
    is_inside: bool = True


class SlidingWindow:
    """Amounts of the last ``length`` microseconds: an amount at t counts as long as now - t < length."""

    __slots__ = ("_length", "_ring", "_step", "holds", "used")

    def __init__(self, window: RateWindow) -> None:
        self._length = window.length
        self._step = window.step
        self._ring: deque[SubBucket] = deque()
        self.used = 0
        self.holds = 0

    def restore(self, parts: Iterable[Part]) -> None:
        """Take over the amounts that a store has kept, in the order of their numbers."""
        self._ring = deque(SubBucket(part.number, part.amount, part.ends - self._length) for part in parts)
        self.used = sum(part.amount for part in self._ring)

    def parts(self) -> list[Part]:
        """The amounts for a store to keep."""
        return [Part(part.number, part.amount, part.last + self._length) for part in self._ring]

    def mark(self, number: int) -> SubBucket | None:
        """The mark of an amount that was counted in a sub-bucket; None if the sub-bucket has left the window."""
        return next((part for part in self._ring if part.number == number), None)

    def fits(self, amount: int, cap: int, now: int) -> bool:
        ring = self._ring
        out = now - self._length
        while ring and ring[0].last <= out:
            gone = ring.popleft()
            gone.is_inside = False
            self.used -= gone.amount
        return self.used + amount <= cap

    def take(self, amount: int, now: int) -> SubBucket:
        """Count an amount, after ``fits`` allowed it. The sub-bucket is the mark that ``settle`` wants."""
        ring = self._ring
        number = now // self._step
        self.used += amount
        if not ring or number > ring[-1].number:
            ring.append(newest := SubBucket(number, amount, now))
            return newest
        newest = ring[-1]
        newest.amount += amount
        if now > newest.last:
            newest.last = now
        return newest

    def settle(self, mark: object, reserved: int, actual: int) -> None:
        """Correct an amount where it was counted; one that has left the window is not corrected. More than was reserved
        may push the window above its value: it then admits nothing until enough has left."""
        if isinstance(mark, SubBucket) and mark.is_inside:
            mark.amount += actual - reserved
            self.used += actual - reserved

    def wait(self, amount: int, cap: int, now: int) -> int | None:
        """Microseconds until an amount fits if nothing else comes: above 0, at most the window's length. None if the
        amount never fits."""
        if amount > cap:
            return None
        excess = self.used + amount - cap
        for part in self._ring:
            excess -= part.amount
            if excess <= 0:
                return max(1, min(part.last + self._length - now, self._length))
        return 1

    def resets_in(self, now: int) -> int:
        """Microseconds until the window is empty if nothing else comes."""
        rest = self._ring[-1].last + self._length - now if self._ring else 0
        return rest if rest > 0 else 0

    def is_idle(self, now: int) -> bool:
        return self.fits(0, 0, now) and not self._ring and not self.holds


class FixedWindow:
    """Amounts since the last multiple of ``length``. Across its boundary it admits up to twice its value."""

    __slots__ = ("_length", "_number", "holds", "used")

    def __init__(self, window: RateWindow) -> None:
        self._length = window.length
        self._number = 0
        self.used = 0
        self.holds = 0

    def restore(self, parts: Iterable[Part]) -> None:
        """Take over the amount of the newest window that a store has kept."""
        for part in parts:
            self._number, self.used = part.number, part.amount

    def parts(self) -> list[Part]:
        """The amount for a store to keep."""
        return [Part(self._number, self.used, (self._number + 1) * self._length)]

    def mark(self, number: int) -> int:
        """The mark of an amount that was counted in a window."""
        return number

    def fits(self, amount: int, cap: int, now: int) -> bool:
        number = now // self._length
        if number > self._number:
            self._number = number
            self.used = 0
        return self.used + amount <= cap

    def take(self, amount: int, now: int) -> int:  # noqa: ARG002 (``fits`` has turned the window over)
        """Count an amount, after ``fits`` allowed it. The window's number is the mark that ``settle`` wants."""
        self.used += amount
        return self._number

    def settle(self, mark: object, reserved: int, actual: int) -> None:
        if mark == self._number:
            self.used += actual - reserved

    def wait(self, amount: int, cap: int, now: int) -> int | None:
        return None if amount > cap else max(1, min(self.resets_in(now), self._length))

    def resets_in(self, now: int) -> int:
        return (self._number + 1) * self._length - now

    def is_idle(self, now: int) -> bool:
        return self.fits(0, 0, now) and not self.used and not self.holds


class Gauge:
    """Requests that are under way."""

    __slots__ = ("holds", "used")

    def __init__(self) -> None:
        self.used = 0
        self.holds = 0

    def fits(self, amount: int, cap: int, now: int) -> bool:  # noqa: ARG002 (all counters are asked alike)
        return self.used + amount <= cap

    def take(self, amount: int, now: int) -> None:  # noqa: ARG002
        self.used += amount

    def settle(self, mark: object, reserved: int, actual: int) -> None:  # noqa: ARG002
        self.used -= reserved

    def wait(self, amount: int, cap: int, now: int) -> int | None:  # noqa: ARG002
        """None: nobody knows when a request ends."""
        return None

    def is_idle(self, now: int) -> bool:  # noqa: ARG002
        return not self.holds


RateCounter = SlidingWindow | FixedWindow | Gauge


def rate_counter(limit: Limit) -> RateCounter:
    """The counter of a rate, or of concurrency for a limit without a window."""
    if not isinstance(limit.window, RateWindow):
        return Gauge()
    return SlidingWindow(limit.window) if limit.window.sliding else FixedWindow(limit.window)
