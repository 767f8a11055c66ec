"""What a worker lets through by itself while the store of the counters can't be reached.

A budget that isn't strict allows a hundredth of its limit; a rate and concurrency allow the worker's share of their
value. All is counted in memory, and told to the store afterwards. A strict budget allows nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from penstock.limits.counters import Exceeded, Hold, ReservationId, Reserved
from penstock.limits.limit import NOTHING, Amounts, BucketKey, Limit
from penstock.limits.reservations import Reservations

_PARTS: Final = 100
"""The allowance of a budget is its limit divided by this."""


class Allowance:
    """Reservations of one worker during outages. ``now`` is in microseconds of a clock that never steps back."""

    def __init__(self) -> None:
        self._reservations = Reservations()
        self._open: set[ReservationId] = set()
        self._is_over = False

    def __contains__(self, reservation: ReservationId) -> bool:
        return reservation in self._open

    def reserve(
        self, reservation: ReservationId, holds: Sequence[Hold], workers: int, now: int
    ) -> Reserved | Exceeded | None:
        """Open a reservation, or add to it. ``workers`` is how many share the limits. None: a budget refuses."""
        if any(hold.limit.is_budget and hold.limit.strict for hold in holds):
            return None
        change = self._reservations.extend if reservation in self._open else self._reservations.reserve
        result = change(reservation, [_share(hold, workers) for hold in holds], now)
        if isinstance(result, Exceeded):
            return None if result.hold.limit.is_budget else _as_asked(result, holds)
        self._open.add(reservation)
        return result

    def shrink(self, reservation: ReservationId, keys: Sequence[BucketKey]) -> None:
        self._reservations.shrink(reservation, keys)

    def settle(self, reservation: ReservationId, actual: Amounts = NOTHING) -> None:
        """Close a reservation, if it is open here."""
        if reservation in self._open:
            self._open.discard(reservation)
            self._reservations.settle(reservation, actual, ())
            self._begin_anew()

    def end_outage(self) -> None:
        """The store counts again: the next outage begins with whole allowances."""
        self._is_over = True
        self._begin_anew()

    def begin_outage(self) -> None:
        self._is_over = False

    def _begin_anew(self) -> None:
        if self._is_over and not self._open:
            self._reservations = Reservations()


def _share(hold: Hold, workers: int) -> Hold:
    limit = hold.limit
    amount = limit.cap // _PARTS if limit.is_budget else max(1, limit.cap // max(1, workers))
    return Hold(hold.key, msgspec.structs.replace(limit, amount=amount, extra=0), hold.amount, hold.value_key)


def _as_asked(exceeded: Exceeded, holds: Iterable[Hold]) -> Exceeded:
    """A refusal under the limit's own definition, and not the share's."""
    limits: dict[str, Limit] = {hold.limit.id: hold.limit for hold in holds}
    replace = msgspec.structs.replace
    hold = exceeded.hold
    standings = tuple(replace(each, limit=limits[each.limit.id]) for each in exceeded.standings)
    return replace(
        exceeded,
        hold=Hold(hold.key, limits[hold.limit.id], hold.amount, hold.value_key),
        standings=standings,
    )
