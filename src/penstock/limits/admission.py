"""Lets requests through: the limits that apply and an estimate become one reservation, or a refusal.

One ``Admitted`` belongs to one request. It reserves for the request as a whole, then for each attempt, and must be
closed in every way that a request can end: ``settle`` with what was spent, or ``release`` if nothing was. With a store
that waits, shield both from cancellation.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

import msgspec

from penstock.limits.applied import Applied
from penstock.limits.counters import (
    Alert,
    Counters,
    CountersUnavailable,
    Exceeded,
    Hold,
    ImmediateCounters,
    ReservationId,
    Reserved,
    Standing,
    answered,
)
from penstock.limits.limit import Amounts, BucketKey, Limit, amount_of
from penstock.limits.refusal import LimitRefusal, refusal, unavailable, unusable

_ESTIMATED: Final = frozenset({"cost", "tokens"})
"""Kinds of limits whose amounts are known only afterwards."""


class Estimate(msgspec.Struct, frozen=True):
    """What one request may take at one model. ``normal`` is the probable amount; ``strict`` an upper bound, None if
    there is none, and then ``not_bounded`` says why. ``model`` is the model's name for people."""

    normal: Amounts
    strict: Amounts | None = None
    not_bounded: str = ""
    model: str = ""


class Admission:
    """Admits requests by the counters of one store. ``clock`` gives microseconds since 1970 (UTC): it chooses the
    windows of budgets. ``immediate`` are the same counters, if they are immediate."""

    __slots__ = ("_clock", "_counters", "_immediate")

    def __init__(
        self, counters: Counters, clock: Callable[[], int], immediate: ImmediateCounters | None = None
    ) -> None:
        self._counters = counters
        self._clock = clock
        self._immediate = immediate

    def admit(
        self, request: str, limits: Sequence[Applied], estimate: Estimate, attempt: int = 1
    ) -> Coroutine[Any, Any, Admitted | LimitRefusal]:
        """Reserve for a request in all limits at once, or in none. ``request`` is the request's id.

        A hedged attempt reserves for itself, under another number than 1, and doesn't count as another request.
        """
        if attempt != 1:
            estimate = _without_request(estimate)
        return Admitted(self._counters, self._clock, (request, attempt), limits).begin(estimate)

    def admit_at_once(
        self, request: str, limits: Sequence[Applied], estimate: Estimate
    ) -> Admitted | LimitRefusal | None:
        """As ``admit``, without a wait; None if the counters have to be waited for, and nothing is reserved yet."""
        if self._immediate is None:
            return None
        admitted = Admitted(self._counters, self._clock, (request, 1), limits)
        return admitted.begin_at_once(self._immediate, estimate)

    def adopt(self, request: str, limits: Sequence[Applied], holds: list[Hold], standings: Reserved) -> Admitted:
        """A reservation that the counters have taken over from a fast path."""
        return Admitted(self._counters, self._clock, (request, 1), limits).adopt(holds, standings)


class Admitted:
    """The reservation of one request. ``standings`` say how its rates stood when it was let through."""

    __slots__ = (
        "_clock",
        "_counters",
        "_holds",
        "_is_reserved",
        "_limits",
        "_of_request",
        "is_open",
        "reservation",
        "standings",
    )

    def __init__(
        self, counters: Counters, clock: Callable[[], int], reservation: ReservationId, limits: Sequence[Applied]
    ) -> None:
        self.reservation = reservation
        self.standings: tuple[Standing, ...] = ()
        self.is_open = False
        self._is_reserved = False
        self._counters = counters
        self._clock = clock
        self._limits = limits
        self._holds: list[Hold] = []
        self._of_request = 0
        """The number of holds, from the first, that are the request's; the others are the attempt's."""

    @property
    def charged(self) -> tuple[BucketKey, ...]:
        """The buckets of budgets in dollars that are charged."""
        return tuple([hold.key for hold in self._holds if hold.limit.kind == "cost"])

    async def begin(self, estimate: Estimate) -> Admitted | LimitRefusal:
        """Reserve for the request. Called by ``Admission``; the answer is this reservation, or why there is none."""
        now = self._clock()
        holds = _holds(self._limits, estimate, now)
        if isinstance(holds, LimitRefusal):
            return holds
        if holds:
            try:
                result = await self._counters.reserve(self.reservation, holds)
            except CountersUnavailable as down:
                return unavailable(down.retry_after)
            except BaseException:
                # The request was cancelled while the store was asked, and the store may have reserved.
                await self._counters.release(self.reservation)
                raise
            return self._begun(holds, result, now)
        return self._begun(holds, self.standings, now)

    def begin_at_once(self, counters: ImmediateCounters, estimate: Estimate) -> Admitted | LimitRefusal | None:
        """As ``begin``, without a wait; None if the counters have to be waited for."""
        now = self._clock()
        holds = _holds(self._limits, estimate, now)
        if isinstance(holds, LimitRefusal):
            return holds
        result = counters.reserve_at_once(self.reservation, holds) if holds else self.standings
        return None if result is None else self._begun(holds, result, now)

    def _begun(self, holds: list[Hold], result: Reserved | Exceeded, now: int) -> Admitted | LimitRefusal:
        if isinstance(result, Exceeded):
            return refusal(result, now)
        return self.adopt(holds, result)

    def adopt(self, holds: list[Hold], standings: Reserved) -> Admitted:
        """The counters hold this for the request."""
        self.standings = standings
        self._is_reserved = bool(holds)
        self._holds = holds
        self._of_request = len(holds)
        self.is_open = True
        return self

    async def begin_attempt(self, limits: Sequence[Applied], estimate: Estimate) -> LimitRefusal | None:
        """Reserve for an attempt: in limits of its own, and in those of the request what this target costs beyond what
        is held. All or nothing: a refused attempt counts as failed, and another target may be cheaper.

        What an earlier attempt held for itself is given back before.
        """
        await self.fail_attempt()
        now = self._clock()
        more = _holds(limits, estimate, now)
        extensions = _extensions(self._holds, estimate)
        if isinstance(more, LimitRefusal):
            return more
        if isinstance(extensions, LimitRefusal):
            return extensions
        if not more and not extensions:
            return None
        change = self._counters.extend if self._is_reserved else self._counters.reserve
        try:
            result = await change(self.reservation, [*extensions, *more])
        except CountersUnavailable as down:
            return unavailable(down.retry_after)
        if isinstance(result, Exceeded):
            return refusal(result, now)
        self._is_reserved = True
        added = {hold.key: hold.amount for hold in extensions}
        self._holds = [_larger(hold, added.get(hold.key, 0)) for hold in self._holds] + more
        return None

    async def fail_attempt(self) -> None:
        """Give back what the attempt holds for itself, after it failed and was billed nothing. The request's holds stay
        for the next attempt."""
        own = self._holds[self._of_request :]
        if own and self.is_open:
            del self._holds[self._of_request :]
            await self._counters.shrink(self.reservation, [hold.key for hold in own])

    def settle(self, actual: Amounts) -> Coroutine[Any, Any, tuple[Alert, ...]]:
        """Charge what the attempt took. A second call does nothing, nor does one after ``release``. The counters know
        of it from this call on, and not first when the result is awaited."""
        is_held, self.is_open = self.is_open and self._is_reserved, False
        return self._counters.settle(self.reservation, actual, self._holds) if is_held else answered(())

    def close_at_once(self, counters: ImmediateCounters, actual: Amounts | None) -> tuple[Alert, ...]:
        """As ``settle``, or as ``release`` if ``actual`` is None, without a wait."""
        if not self.is_open:
            return ()
        self.is_open = False
        if not self._is_reserved:
            return ()
        if actual is None:
            counters.release_at_once(self.reservation)
            return ()
        return counters.settle_at_once(self.reservation, actual, self._holds)

    def release(self) -> Coroutine[Any, Any, None]:
        """Give everything back: nothing was spent. A second call does nothing, nor does one after ``settle``. The
        counters know of it from this call on."""
        is_held, self.is_open = self.is_open and self._is_reserved, False
        return self._counters.release(self.reservation) if is_held else answered(None)

    async def renew(self, estimate: Estimate, attempt: int) -> LimitRefusal | None:
        """Reserve once more for the request, after an attempt that was billed has been settled. ``attempt`` is a number
        that no reservation of the request had. The request doesn't count as another one."""
        self.reservation = (self.reservation[0], attempt)
        result = await self.begin(_without_request(estimate))
        return result if isinstance(result, LimitRefusal) else None


def _holds(limits: Sequence[Applied], estimate: Estimate, now: int) -> list[Hold] | LimitRefusal:
    """The holds of an estimate, in the order of the limits; or why there can't be any."""
    holds: list[Hold] = []
    for applied in limits:
        limit = applied.limit
        amount = _amount(limit, estimate)
        if amount is None:
            return _unjudged(limit, estimate)
        if amount == 0 and limit.kind == "requests":
            continue
        holds.append(Hold(applied.key_at(now), limit, amount, applied.value_key))
    return holds


def _extensions(holds: Sequence[Hold], estimate: Estimate) -> list[Hold] | LimitRefusal:
    """What an estimate needs in each bucket beyond what is held there. Requests and concurrency need nothing more."""
    extensions: list[Hold] = []
    for hold in holds:
        if hold.limit.kind not in _ESTIMATED:
            continue
        amount = _amount(hold.limit, estimate)
        if amount is None:
            return _unjudged(hold.limit, estimate)
        if amount > hold.amount:
            extensions.append(Hold(hold.key, hold.limit, amount - hold.amount, hold.value_key))
    return extensions


def _larger(hold: Hold, amount: int) -> Hold:
    return Hold(hold.key, hold.limit, hold.amount + amount, hold.value_key) if amount else hold


def _amount(limit: Limit, estimate: Estimate) -> int | None:
    """What the estimate is in the limit's unit; None if it can't be said."""
    amounts = estimate.strict if limit.strict and limit.kind in _ESTIMATED else estimate.normal
    return None if amounts is None else amount_of(limit, amounts)


def _unjudged(limit: Limit, estimate: Estimate) -> LimitRefusal:
    """Why ``_amount`` can't say it."""
    if limit.strict and estimate.strict is None:
        return unusable(estimate.not_bounded, "estimate_not_bounded")
    message = (
        f"The price of the model {estimate.model} is unknown, and a budget in dollars rejects such models: "
        "set the model's price, or unknown_price of the budget to allow or tokens."
    )
    return unusable(message, "unknown_price", "model")


def _without_request(estimate: Estimate) -> Estimate:
    replace = msgspec.structs.replace
    strict = None if estimate.strict is None else replace(estimate.strict, requests=0)
    return replace(estimate, normal=replace(estimate.normal, requests=0), strict=strict)
