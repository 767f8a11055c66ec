"""What a worker lets through by itself while the store of the counters can't be reached.

A budget that isn't strict allows a hundredth of its limit; a rate and concurrency allow the worker's share of their
value. All is counted in memory, and told to the store afterwards. A strict budget allows nothing. The operator may
close what is open, and open what is closed (``OutageRules``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Literal

import msgspec

from penstock.core.money import LARGEST
from penstock.limits.counters import Exceeded, Hold, ReservationId, Reserved
from penstock.limits.limit import NOTHING, Amounts, BucketKey, Limit
from penstock.limits.reservations import Reservations

_PARTS: Final = 100
"""The allowance of a budget is its limit divided by this."""


class OutageRules(msgspec.Struct, frozen=True):
    """What limits do while their store is down: refuse (``closed``), let everything pass (``open``), or allow a part.
    ``rates`` also stand for concurrency."""

    strict_budgets: Literal["closed", "open"] = "closed"
    budgets: Literal["limited", "closed", "open"] = "limited"
    rates: Literal["local", "closed", "open"] = "local"

    def of(self, limit: Limit) -> str:
        """The rule of a limit."""
        if not limit.is_budget:
            return self.rates
        return self.strict_budgets if limit.strict else self.budgets

    @property
    def sentence(self) -> str:
        """What limits do meanwhile, for the log."""
        strict = "refuse" if self.strict_budgets == "closed" else "LET EVERYTHING PASS"
        budgets = {"limited": "allow a hundredth", "closed": "refuse", "open": "let everything pass"}[self.budgets]
        rates = {"local": "are counted by each worker", "closed": "refuse", "open": "let everything pass"}[self.rates]
        return f"strict budgets {strict}, other budgets {budgets}, rates {rates}"


USUAL_RULES: Final = OutageRules()


class Allowance:
    """Reservations of one worker during outages. ``now`` is in microseconds of a clock that never steps back."""

    def __init__(self, rules: OutageRules = USUAL_RULES) -> None:
        self.rules = rules
        self._reservations = Reservations()
        self._open: set[ReservationId] = set()
        self._is_over = False

    def __contains__(self, reservation: ReservationId) -> bool:
        return reservation in self._open

    def reserve(
        self, reservation: ReservationId, holds: Sequence[Hold], workers: int, now: int
    ) -> Reserved | Exceeded | None:
        """Open a reservation, or add to it. ``workers`` is how many share the limits. None: a limit refuses."""
        rules = [self.rules.of(hold.limit) for hold in holds]
        if "closed" in rules:
            return None
        change = self._reservations.extend if reservation in self._open else self._reservations.reserve
        result = change(reservation, [_share(*each, workers) for each in zip(holds, rules, strict=True)], now)
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


def _share(hold: Hold, rule: str, workers: int) -> Hold:
    limit = hold.limit
    if rule == "open":
        amount = LARGEST
    else:
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
