"""The slice of a shared limit that a worker has leased, and spends without asking the store. Pure arithmetic.

A slice answers the fast path as a counter does: all of the limit that isn't leased here counts as settled elsewhere.
Amounts of one bucket are alike: which lease they were taken from doesn't matter, as long as all that is spent is
charged by some lease.
"""

from __future__ import annotations

from collections.abc import MutableSequence
from typing import Final

import msgspec

from penstock.limits.counters import ReservationId
from penstock.limits.limit import Amounts, Limit
from penstock.limits.windows import SECOND, RateWindow

LIFE: Final = SECOND
"""Microseconds for which a slice may be spent after the store was asked for it."""
PART: Final = 8
"""A slice is at most what is left of the limit, divided by this."""
BUSY: Final = 8
"""Requests between two looks that make a slice worth its calls of the store."""
_AHEAD: Final = 2
"""A slice is for so many times what was taken between the last two looks."""
_MOST_EXPECTED: Final = 64
"""How many times as much as was wanted so far may be expected of the time until the next look."""
_LEASE: Final = "-lease-"
_LEAST_RATE: Final = 1000
"""A rate of a smaller value has no slices: they would be of a few requests."""


class Slice:
    """What a worker may take of one bucket. ``settled`` is all that can't be taken here: what isn't leased, and what is
    spent of the lease: ``base`` is the first part of it. ``reserved`` is held by requests that are under way. Nothing
    can be taken until ``begin``. ``record`` outlives the process: who takes or settles writes what is spent there, and
    then what is held, so that no less is noted at any moment. ``counts_at_once``: what is taken is spent, and the end
    of a request changes nothing."""

    __slots__ = (
        "_asked",
        "_asked_at",
        "_looked_at",
        "_noted",
        "_used_elsewhere",
        "_usual",
        "base",
        "cap",
        "counts_at_once",
        "holds",
        "record",
        "reserved",
        "settled",
    )

    def __init__(self, limit: Limit, record: MutableSequence[int] | memoryview[int]) -> None:
        self.cap = limit.cap
        self.settled = self.base = limit.cap
        self.reserved = 0
        self.holds = 0
        self.record = record
        self._used_elsewhere = 0
        self.counts_at_once = limit.kind == "requests" and limit.is_rate
        self._asked = self._noted = 0
        """Requests that asked the store since the last look, and what they wanted."""
        self._asked_at = self._looked_at = -LIFE
        """When the first of them asked, and when the last look was."""
        self._usual = 1
        """What a request wants."""

    @property
    def spent(self) -> int:
        """What was spent of the lease."""
        return self.settled - self.base

    @property
    def room(self) -> int:
        """What can be taken."""
        return max(0, self.cap - self.settled - self.reserved)

    @property
    def used(self) -> int:
        """How full the limit is, as far as this worker knows."""
        return self._used_elsewhere + self.spent + self.reserved

    @property
    def is_short(self) -> bool:
        """Whether so many requests had to ask the store since the last look that a slice is worth its calls."""
        return self._asked >= BUSY

    def begin(self, amount: int, used_elsewhere: int) -> bool:
        """A lease of an amount takes the place of the lease before, and holds what requests under way hold. False if it
        is too small for these: then nothing changes."""
        if self.reserved > amount:
            return False
        self.base = self.settled = self.cap - amount
        self._used_elsewhere = used_elsewhere
        return True

    def stop(self) -> None:
        """Nothing more can be taken; what is spent of the lease stays known."""
        room = self.room
        self.settled += room
        self.base += room

    def fits(self, amount: int, cap: int, now: int) -> bool:  # noqa: ARG002 (all counters are asked alike)
        return self.settled + self.reserved + amount <= cap

    def take(self, amount: int, now: int) -> None:  # noqa: ARG002
        if self.counts_at_once:
            self.settled += amount
        else:
            self.reserved += amount

    def settle(self, mark: object, reserved: int, actual: int) -> None:  # noqa: ARG002
        if self.counts_at_once:
            self.settled += actual - reserved
        else:
            self.reserved -= reserved
            self.settled += actual

    def note(self, amount: int, now: int) -> None:
        """A request asks the store for an amount."""
        if not self._asked:
            self._asked_at = now
        self._asked += 1
        self._noted += amount

    def give_back(self, amount: int) -> None:
        """A request holds an amount elsewhere from now on. A request that is counted already stays so here, too."""
        if not self.counts_at_once:
            self.reserved -= amount

    def demand(self, now: int, span: int) -> int:
        """What requests are expected to want in a time of ``span``, after what they wanted since the last look: in a
        burst more than so far. 0 if too little for a slice to be worth its calls of the store."""
        if self._asked:
            self._usual = max(1, self._noted // self._asked)
        wanted = self._noted + self.spent + self.reserved
        if wanted < BUSY * self._usual:
            wanted = 0
        expected = max(
            _expected(wanted, now - self._looked_at, span), _expected(self._noted, now - self._asked_at, span)
        )
        self._asked = self._noted = 0
        self._looked_at = now
        return expected if wanted else 0

    def piece(self, demand: int, left: int) -> int:
        """How much the next lease should have beside what requests under way hold, where so much is left of the limit:
        nothing near the end of the limit."""
        piece = min(_AHEAD * demand, left // PART)
        return piece if piece >= BUSY * self._usual else 0


def _expected(wanted: int, passed: int, span: int) -> int:
    """What will be wanted in a time, if so much was in the time that has passed: no less than that."""
    return wanted * span // max(min(passed, span), span // _MOST_EXPECTED)


def has_slices(limit: Limit) -> bool:
    """Whether workers may lease slices of a limit. Never of a strict one, nor of a rate whose parts are shorter than a
    slice's life: its capacity would come back late."""
    if limit.strict or limit.is_grouped or limit.kind == "concurrency":
        return False
    window = limit.window
    return not isinstance(window, RateWindow) or (window.sliding and window.step >= LIFE and limit.cap >= _LEAST_RATE)


def leased(limit: Limit) -> Limit:
    """The limit as the store is asked for a slice: amounts stay in the window as much longer as they may come later."""
    window = limit.window
    if not isinstance(window, RateWindow):
        return limit
    return msgspec.structs.replace(limit, window=msgspec.structs.replace(window, length=window.length + LIFE))


def lease_id(worker: str, number: int) -> ReservationId:
    """The reservation by which a worker leases a slice."""
    return f"{worker}{_LEASE}{number:x}", 1


def is_lease(reservation: ReservationId) -> bool:
    return _LEASE in reservation[0]


def spent_of(limit: Limit, amount: int) -> Amounts:
    """The amounts that charge a limit so much."""
    if limit.kind == "cost":
        return Amounts(amount, 0, 0)
    if limit.kind == "requests":
        return Amounts(0, 0, 0, amount, is_exact=True)
    return Amounts(0, 0, amount) if limit.direction == "output" else Amounts(0, amount, 0)
