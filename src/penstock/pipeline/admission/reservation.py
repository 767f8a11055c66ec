"""What one request holds of its limits, from its admission to its end, and what each of its attempts took.

A request reserves once; its attempts are made one after the other within this reservation, which grows for a target
that is dearer than the estimate. An attempt that was billed and led on to another is settled by itself. Two attempts
side by side (hedging) have a reservation each. ``close`` settles or gives back whatever is still open.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, Protocol

import msgspec

from penstock.core.failure import Failure, Kind
from penstock.core.outcome import Outcome
from penstock.core.usage import Usage
from penstock.limits.admission import Admitted, Estimate
from penstock.limits.answer_text import AnswerText
from penstock.limits.applied import Applied
from penstock.limits.limit import Amounts
from penstock.limits.pricing import Charge
from penstock.limits.refusal import BESIDE_A_PROVIDERS, LimitRefusal, rate_headers
from penstock.observe.record import Billed
from penstock.pipeline.account import AttemptAccount
from penstock.pipeline.admission.limit_failure import limit_failure
from penstock.pipeline.call import Answer
from penstock.pipeline.replies.tapped_reply import TappedReply
from penstock.routing.plan import Target

_NOTHING: Final = Amounts(0, 0, 0)
_BYTES_PER_TOKEN: Final = 3
"""Bytes of text that count as one token of an answer whose provider told no usage."""
ENDED: Final = Failure(Kind.CLIENT_DISCONNECTED, "The request has ended, and makes no further attempt.", sent=True)

_SWITCHING: Final = 101
"""The status of an answer that opens a session, which tells its usage itself."""


class Meter(Protocol):
    """What the stage of admission knows of all requests (pipeline/admission/admit.py)."""

    def estimate(self, target: Target) -> Estimate:
        """What the request takes at a target."""
        ...

    def limits(self, target: Target) -> tuple[Applied, ...]:
        """The limits of an attempt at a target."""
        ...

    def charge(self, attempt: AttemptAccount, usage: Usage) -> Charge | None:
        """What an attempt cost; None if the price is unknown."""
        ...

    def learn(self, attempt: AttemptAccount, usage: Usage) -> None:
        """Remember what such a request took."""
        ...

    async def beside(self, limits: tuple[Applied, ...], estimate: Estimate, attempt: int) -> Admitted | LimitRefusal:
        """A further reservation of the request, for an attempt beside another."""
        ...

    def finish(self, admitted: Admitted, actual: Amounts | None) -> None:
        """Settle a reservation, or release it if ``actual`` is None: at once, or in a task that nothing cancels."""
        ...


class _Try(msgspec.Struct):
    """One attempt: in which reservation, what it was estimated at, the text of its answer so far. ``is_good``: it
    brought an answer that is no error."""

    account: AttemptAccount
    admitted: Admitted
    estimate: Estimate
    text: AnswerText | None = None
    is_good: bool = False
    has_answered: bool = False


class Reservation:
    """The reservation of one request. ``request`` is the request's id in the counters and in the ledger."""

    __slots__ = ("_estimate", "_in_flight", "_is_closed", "_limits", "_main", "_meter", "_number", "_tries", "request")

    def __init__(
        self, request: str, admitted: Admitted, limits: tuple[Applied, ...], estimate: Estimate, meter: Meter
    ) -> None:
        self.request = request
        self._estimate: Estimate | None = estimate
        self._main = admitted
        self._limits = limits
        self._meter = meter
        self._number = 1
        self._tries: list[_Try] = []
        """The attempts whose part is not settled yet: the last one, or two side by side."""
        self._in_flight = 0
        self._is_closed = False

    def take_over(
        self, account: AttemptAccount, text: AnswerText | None, outcome: Outcome | None, *, is_in_flight: bool
    ) -> None:
        """Go on after a fast path, which has begun the first attempt. ``outcome`` is that of its answer, if it has
        one."""
        if self._estimate is not None:
            is_good = outcome is not None and outcome.ok
            self._tries.append(_Try(account, self._main, self._estimate, text, is_good, outcome is not None))
        self._estimate = None
        self._in_flight += is_in_flight

    def headers(self) -> list[tuple[bytes, bytes]]:
        """How the rates stood when the request was let through, beside the headers of a provider."""
        standings = self._main.standings
        return [*rate_headers(standings, BESIDE_A_PROVIDERS)] if standings else []

    def begin_first(self, target: Target, account: AttemptAccount) -> bool:
        """Begin an attempt that takes just what the request has reserved; False if it needs ``begin_attempt``."""
        estimate = self._estimate
        if estimate is None or self._is_closed or self._meter.estimate(target) is not estimate:
            return False
        if self._meter.limits(target):
            return False
        self._estimate = None
        self._in_flight += 1
        self._tries.append(_Try(account, self._main, estimate))
        return True

    async def begin_attempt(self, target: Target, account: AttemptAccount) -> Failure | None:
        """Reserve for any other attempt; the failure with which the attempt ends if it doesn't fit."""
        if self._has_ended():
            return ENDED
        estimate, limits = self._meter.estimate(target), self._meter.limits(target)
        admitted: Admitted | LimitRefusal = self._main
        if self._in_flight:
            self._number += 1
            admitted = await self._meter.beside((*self._limits, *limits), estimate, self._number)
        else:
            refusal = await self._settle_earlier(estimate) if self._tries else None
            refusal = refusal or await self._main.begin_attempt(limits, estimate)
            admitted = refusal or self._main
        if isinstance(admitted, LimitRefusal):
            return limit_failure(admitted)
        if self._has_ended():
            # The request ended while the counters were asked.
            self._meter.finish(admitted, None)
            return ENDED
        self._in_flight += 1
        self._tries.append(_Try(account, admitted, estimate))
        return None

    def answered(self, account: AttemptAccount, answer: Answer | None) -> None:
        """An attempt that has begun has its answer, or None if it was cancelled before."""
        self._in_flight -= 1
        if answer is None:
            return
        for tried in self._tries:
            if tried.account is account:
                break
        else:
            return
        tried.has_answered, tried.is_good = True, answer.outcome.ok
        if answer.has_content and answer.usage is None and answer.status != _SWITCHING:
            tried.text = watch(answer)

    def close(self, attempts: Sequence[AttemptAccount]) -> None:
        """Settle what the request's attempts took, and give back the rest. A second call does nothing."""
        if self._is_closed:
            return
        self._is_closed = True
        for tried in self._tries:
            self._finish(tried.admitted, self._actual(tried, is_last=True))
        if not self._main.is_open:
            return
        # Who repeats a request by its Idempotency-Key makes no attempt, and may be the one who pays for the call.
        repeated = [each for each in attempts if each.call is not None and each.usage is not None and each.is_charged()]
        self._finish(self._main, self._billed(self._main, repeated[-1], repeated[-1].usage) if repeated else None)

    def _has_ended(self) -> bool:
        return self._is_closed

    async def _settle_earlier(self, estimate: Estimate) -> LimitRefusal | None:
        """Settle what earlier attempts took that led on to another, and reserve anew for the request if it must be."""
        tries, self._tries = self._tries, []
        spent: Amounts | None = None
        for tried in tries:
            actual = self._actual(tried)
            if tried.admitted is self._main:
                spent = actual
            else:
                self._finish(tried.admitted, actual)
        if spent is None:
            return None
        await self._main.settle(spent)
        self._number += 1
        return await self._main.renew(estimate, self._number)

    def _finish(self, admitted: Admitted, actual: Amounts | None) -> None:
        if admitted.is_open:
            self._meter.finish(admitted, actual)

    def _actual(self, tried: _Try, *, is_last: bool = False) -> Amounts | None:
        """What an attempt took; None if it took nothing. ``is_last``: its caller got what came of it, an error behind
        content, too."""
        account = tried.account
        if not account.is_charged():
            return None
        usage = account.usage
        if usage is not None and (usage.prompt is not None or usage.completion is not None):
            self._meter.learn(account, usage)
            return self._billed(tried.admitted, account, usage)
        if usage is not None and self._costs(account, usage):
            billed, estimated = self._billed(tried.admitted, account, usage), _estimated_usage(tried)
            return None if billed is None else Amounts(billed.cost, estimated.prompt or 0, estimated.completion or 0)
        if tried.estimate.normal == _NOTHING:
            return _NOTHING  # Reading what is kept, say: it counts as a request.
        # A provider that answers with an error, or isn't reached, bills nothing.
        is_sent = account.origin is not None or account.call is not None
        is_error = tried.has_answered and not (tried.is_good or (is_last and tried.text is not None))
        if is_error or not is_sent:
            return None
        return self._billed(tried.admitted, account, _estimated_usage(tried), is_estimated=True)

    def _costs(self, account: AttemptAccount, usage: Usage) -> bool:
        """Whether units of a usage without tokens have a price: pictures, say. Tokens are estimated then, for limits
        that count tokens; without a price all is."""
        charge = self._meter.charge(account, usage) if usage.units else None
        return charge is not None and charge.nanos > 0

    def _billed(
        self, admitted: Admitted, account: AttemptAccount, usage: Usage | None, *, is_estimated: bool = False
    ) -> Amounts | None:
        """The amounts of a usage, which the attempt's account is told, too. ``admitted`` is charged with it."""
        if usage is None:
            return None
        charge = self._meter.charge(account, usage)
        account.billed = Billed(
            usage,
            None if charge is None else charge.nanos,
            "" if charge is None else charge.price_version,
            "none" if charge is None else charge.price_match,
            is_estimated,
            admitted.charged,
        )
        return Amounts(account.billed.nanos, usage.prompt or 0, usage.completion or 0)


def watch(answer: Answer) -> AnswerText:
    """The text of an answer whose usage isn't known yet, gathered as it passes."""
    text = AnswerText()
    text.add(answer.body)
    if answer.rest is not None:
        answer.rest = TappedReply(answer.rest, text.add)
    return text


def _estimated_usage(tried: _Try) -> Usage:
    """The usage of an attempt whose provider told none: the prompt as estimated, the answer as far as it came."""
    output = 0 if tried.text is None else math.ceil(tried.text.size / _BYTES_PER_TOKEN)
    prompt = tried.estimate.normal.input
    return Usage(prompt, output, prompt + output)
