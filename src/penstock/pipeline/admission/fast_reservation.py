"""A request far from its limits: admitted by a fast path (limits/fast_path.py), settled when its account is closed.

A ``FastTarget`` is made once for the requests of one owner with one plan and one model. Whatever isn't plain goes on by
the general way (reservation.py), which takes over what is held: a second attempt, an answer without a usage, a price
that depends on more than tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from penstock.core.body import Body, BodyError
from penstock.core.failure import Failure
from penstock.core.money import nanos_reserved, nanos_settled
from penstock.core.operation import Operation
from penstock.core.outcome import Outcome
from penstock.core.usage import Usage
from penstock.limits.admission import Admission, Estimate
from penstock.limits.answer_text import AnswerText
from penstock.limits.estimate import FIRST_BYTES_PER_TOKEN, LEAST_OUTPUT, RequestSize
from penstock.limits.fast_path import FastHold, FastPath
from penstock.limits.in_force import RequestLimits
from penstock.limits.limit import Amounts
from penstock.limits.pricing import SteadyPrice
from penstock.limits.request_size import PlainSize, plain_size
from penstock.observe.record import Billed
from penstock.pipeline.account import AttemptAccount
from penstock.pipeline.admission.request_meter import RequestMeter
from penstock.pipeline.admission.reservation import ENDED, Reservation, watch
from penstock.pipeline.call import Answer
from penstock.pipeline.records.cost import mode_of
from penstock.prices.charge import is_plain
from penstock.prices.rates import STANDARD
from penstock.routing.plan import Target

if TYPE_CHECKING:
    from penstock.pipeline.admission.admit import Admitter
    from penstock.pipeline.compiled_plan import CompiledPlan

_REMEMBERED: Final = 8
"""Requests for which what was learnt of earlier ones is remembered."""


class FastTarget:
    """What requests of one owner have in common that go by one plan to its only target, for one model. ``compiled`` is
    the plan, ``limits`` are the owner's. ``model`` is the model's name at the target."""

    __slots__ = (
        "_admission",
        "_has_output",
        "_limits",
        "_operation",
        "_price_in",
        "_price_of_request",
        "_price_out",
        "_ratio",
        "_tenant",
        "_uses",
        "_usual_output",
        "admitter",
        "compiled",
        "model",
        "path",
        "price",
        "rest",
        "target",
    )

    def __init__(
        self,
        admitter: Admitter,
        admission: Admission,
        compiled: CompiledPlan,
        target: Target,
        limits: RequestLimits,
        path: FastPath,
        price: SteadyPrice,
        operation: Operation,
        tenant: str,
        model: str,
    ) -> None:
        self.compiled = compiled
        self.target = target
        self.path = path
        self.price = price
        self.model = model
        self.admitter = admitter
        self._admission = admission
        self._limits = limits
        self._operation = operation
        self._tenant = tenant
        self._has_output = operation is Operation.CHAT
        prices = price.prices
        self._price_in, self._price_out, self._price_of_request = prices.input, prices.output, prices.request
        self._ratio, self._usual_output = FIRST_BYTES_PER_TOKEN, LEAST_OUTPUT
        self._uses = 0
        """Requests until the typical usage is looked up again."""
        self.rest = 0
        """Requests that needn't be learnt."""

    def reserve(self, body: Body, requests: Iterator[str]) -> FastReservation | None:
        """The reservation of a request, whose id is the next of ``requests``; None if the general way has to decide."""
        try:
            size = plain_size(body)
        except BodyError:
            return None
        if size is None:
            return None
        if not self._uses:
            self._remember()
        self._uses -= 1
        # As limits.estimate.normal_estimate has it, of a request that is text alone.
        text_bytes, most_output, choices = size
        prompt, output = round(text_bytes / self._ratio), 0
        if self._has_output:
            output = self._usual_output
            if most_output is not None and most_output < output:
                output = most_output
            output *= choices
        picos = prompt * self._price_in + output * self._price_out + self._price_of_request
        reservation = FastReservation(self, size)
        quantities = (nanos_reserved(picos), prompt + output, prompt, output, 1)
        return reservation if self.path.reserve(reservation, next(requests), quantities) else None

    def _remember(self) -> None:
        typical = self.admitter.statistics.typical(self._tenant, self.model)
        self._ratio, self._usual_output = typical.bytes_per_token, max(LEAST_OUTPUT, typical.output or 0)
        self._uses = _REMEMBERED

    def learn(self, size: PlainSize, usage: Usage) -> None:
        """Remember what a request took."""
        text_bytes, _, choices = size
        statistics = self.admitter.statistics
        statistics.learn(self._tenant, self.model, text_bytes, usage.prompt or 0, (usage.completion or 0) // choices)
        self.rest = statistics.rest(self._tenant, self.model)

    def hand_over(self, hold: FastHold, size: PlainSize) -> Reservation:
        """The same reservation by the general way."""
        self.path.hand_over(hold)
        limits, (text_bytes, most_output, choices) = self._limits, size
        cost, _, prompt, output, _ = hold.quantities
        estimate = Estimate(Amounts(cost, prompt, output), None, "", self.model)
        measured = RequestSize(text_bytes, max_tokens=most_output, choices=choices, has_output=self._has_output)
        admitted = self._admission.adopt(hold.request, limits.limits, hold.holds(), hold.standings())
        facts = dict(limits.facts)
        meter = RequestMeter(self.admitter, limits, facts, self._operation, self._tenant, self.model, None)
        meter.know(self.target, estimate, measured)
        meter.request = hold.request
        return Reservation(hold.request, admitted, limits.limits, estimate, meter)


class FastReservation(FastHold):
    """The reservation of one request (``account.Reserved``). ``size`` is that of ``plain_size``. ``general`` is the
    reservation that has taken over."""

    __slots__ = ("account", "general", "is_closed", "is_in_flight", "outcome", "ready", "size", "text")

    def __init__(self, ready: FastTarget, size: PlainSize) -> None:
        self.ready = ready
        self.size = size
        self.account: AttemptAccount | None = None
        self.outcome: Outcome | None = None
        self.text: AnswerText | None = None
        self.general: Reservation | None = None
        self.is_closed = self.is_in_flight = False

    def begin_first(self, target: Target, account: AttemptAccount) -> bool:
        if self.general is not None:
            return self.general.begin_first(target, account)
        if self.account is not None or self.is_closed or target is not self.ready.target:
            return False
        self.account, self.is_in_flight = account, True
        return True

    async def begin_attempt(self, target: Target, account: AttemptAccount) -> Failure | None:
        if self.is_closed:
            return ENDED
        return await self._handed_over().begin_attempt(target, account)

    def answered(self, account: AttemptAccount, answer: Answer | None) -> None:
        if self.general is not None:
            self.general.answered(account, answer)
            return
        self.is_in_flight = False
        if answer is not None:
            self.outcome = answer.outcome
            if answer.usage is None and answer.has_content:
                self.text = watch(answer)

    def close(self, attempts: Sequence[AttemptAccount]) -> None:
        if self.is_closed:
            return
        self.is_closed = True
        if self.general is not None or not self._settled():
            self._handed_over().close(attempts)

    def _settled(self) -> bool:
        """Settle what the only attempt took, if it is plain: a usage of tokens at the steady price."""
        account, ready = self.account, self.ready
        usage = None if account is None else account.usage
        if account is None or usage is None or account.model != ready.model or not account.is_charged():
            return False
        price = ready.price
        prompt, completion = usage.prompt, usage.completion
        if prompt is None or completion is None or prompt > price.most_prompt or not is_plain(usage):
            return False
        if usage.native and mode_of(usage) != STANDARD:
            return False
        if ready.rest:
            ready.rest -= 1
        else:
            ready.learn(self.size, usage)
        nanos = nanos_settled(prompt * price.prices.input + completion * price.prices.output)
        billed = Billed(usage, nanos, price.price_version, price.price_match, False, self.slots.charged)
        account.billed = billed
        alerts = ready.path.settle(self, (nanos, prompt + completion, prompt, completion, 1))
        if alerts:
            ready.admitter.alerted(alerts)
        return True

    def _handed_over(self) -> Reservation:
        """The general way's reservation, which goes on with what is held."""
        if self.general is None:
            self.general = general = self.ready.hand_over(self, self.size)
            if self.account is not None:
                general.take_over(self.account, self.text, self.outcome, is_in_flight=self.is_in_flight)
        return self.general
