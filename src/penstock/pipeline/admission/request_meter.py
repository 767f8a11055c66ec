"""What one request takes at each of its targets: its size, read from its body, at the prices and the typical usage of
their models."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import msgspec

from penstock.core.body import Body
from penstock.core.json_text import read_json_or_none
from penstock.core.operation import Operation
from penstock.core.parameter_changes import ParameterChanges
from penstock.core.usage import PICTURE, VIDEOS, Usage
from penstock.limits.admission import Admitted, Estimate
from penstock.limits.applied import Applied
from penstock.limits.estimate import NotBounded, RequestSize, normal_estimate, strict_estimate
from penstock.limits.in_force import RequestLimits
from penstock.limits.limit import Amounts
from penstock.limits.pricing import Charge, PricedModel
from penstock.limits.refusal import LimitRefusal
from penstock.limits.request_size import size_of_request
from penstock.pipeline.account import AttemptAccount
from penstock.pipeline.compiled_plan import CompiledPlan
from penstock.routing.plan import Target, leaves

if TYPE_CHECKING:
    from penstock.pipeline.admission.admit import Admitter
    from penstock.pipeline.call import Call

_FREE: Final = Amounts(0, 0, 0)
_NO_SIZE: Final = Estimate(_FREE, _FREE)
"""What an operation takes that no provider bills: it counts as a request."""
_BOUNDED: Final = frozenset({Operation.CHAT, Operation.COMPLETIONS, Operation.EMBEDDINGS, Operation.MODERATIONS})
"""Operations of which a request tells how much it takes at most."""
_DRAWING: Final = frozenset({Operation.IMAGES, Operation.IMAGE_EDITS, Operation.IMAGE_VARIATIONS})
_BY_UNITS: Final = _DRAWING | {Operation.SPEECH, Operation.PREDICT_LATER}
"""Operations of which a request tells the pictures, spoken characters or seconds of video that are billed."""
_COUNT: Final = re.compile(r"[0-9]{1,9}")
_FREE_OPERATIONS: Final = frozenset({Operation.COUNT_TOKENS, Operation.RESPONSE_TOKENS, Operation.FETCH_PREDICTED})
"""Operations that no provider bills: they count as requests."""
_UNBILLED: Final = frozenset({"files", "uploads", "v1beta/files", "upload/v1beta/files"})
"""What providers keep without a bill for putting it there."""
_UNREAD: Final = "A strict limit can't tell how much a request takes whose body isn't JSON: use a limit that is not."
_COMPARED: Final = 8
"""Targets of a plan at most of which the cheapest is looked for; a dearer target reserves more when it is tried."""


class RequestMeter:
    """What one request takes at each of its targets (``reservation.Meter``). ``request`` is set once it is admitted."""

    def __init__(
        self,
        admitter: Admitter,
        limits: RequestLimits,
        facts: dict[str, str],
        operation: Operation,
        tenant: str,
        model: str,
        body: Body | None,
        *,
        is_unread: bool = False,
        asked: Callable[[Body, Usage | None], Usage | None] | None = None,
    ) -> None:
        self.request = ""
        self.facts = facts
        self.finish = admitter.finish
        self.sizes: dict[str | None, RequestSize] = {}
        self._admitter = admitter
        self._limits = limits
        self._operation = operation
        self._tenant = tenant
        self._body = body
        self._model = model
        self._is_unread = is_unread
        self._asked = asked
        self._estimates: dict[str, Estimate] = {}

    @classmethod
    def of_call(cls, admitter: Admitter, call: Call, limits: RequestLimits, facts: dict[str, str]) -> RequestMeter:
        request = call.request
        model, body = ("", None) if request is None else (request.model or "", request.body)
        is_unread = call.operation is Operation.PROXY and request is None and bool(call.body)
        is_unread = is_unread and call.resource not in _UNBILLED
        asked = call.dialect.replies.asked if call.operation in _BY_UNITS else None
        tenant = call.caller.tenant
        return cls(admitter, limits, facts, call.operation, tenant, model, body, is_unread=is_unread, asked=asked)

    def know(self, target: Target, estimate: Estimate, size: RequestSize) -> None:
        """Take over what a fast path has measured."""
        self._estimates[target.path], self.sizes[None] = estimate, size

    def cheapest(self, compiled: CompiledPlan) -> Estimate:
        """The estimate of the request, before it is known which target serves it."""
        plan = compiled.plan
        if isinstance(plan, Target):
            return self.estimate(plan)
        estimates = [self.estimate(target) for target in leaves(plan)[:_COMPARED]]
        return min(estimates, key=_cost) if estimates else _NO_SIZE

    def estimate(self, target: Target) -> Estimate:
        estimate = self._estimates.get(target.path)
        if estimate is None:
            estimate = self._estimates[target.path] = self._new_estimate(target)
        return estimate

    def limits(self, target: Target) -> tuple[Applied, ...]:
        facts = self.facts
        if not self._limits.of_attempts:
            if target.virtual_key is None:
                return ()
        else:
            slug = target.virtual_key or target.provider
            facts = {**facts, "provider": target.provider, "model": f"@{slug}/{self._model_at(target)}"}
            if target.virtual_key is not None:
                facts["virtual_key"] = target.virtual_key
        return self._admitter.limits_of_target(self._limits, facts, target)

    def charge(self, attempt: AttemptAccount, usage: Usage) -> Charge | None:
        target, model = attempt.target, attempt.model
        if model is None:
            model = self._model_at(target)
        return self._admitter.pricing.charge(priced_model(target, model), usage)

    def learn(self, attempt: AttemptAccount, usage: Usage) -> None:
        size, model = self.sizes.get(attempt.target.path) or self.sizes.get(None), attempt.model
        if model is None:
            model = self._model_at(attempt.target)
        if size is not None and self._admitter.statistics.is_due(self._tenant, model):
            text_bytes = 0 if size.media else size.text_bytes
            output = (usage.completion or 0) // size.choices
            self._admitter.statistics.learn(self._tenant, model, text_bytes, usage.prompt or 0, output)

    async def beside(self, limits: tuple[Applied, ...], estimate: Estimate, attempt: int) -> Admitted | LimitRefusal:
        return await self._admitter.beside(self.request, limits, estimate, attempt)

    def measure(self, target: Target | None) -> RequestSize:
        """The size of the request as a target gets it; None: as the caller sent it. Raises BodyError."""
        body = self._body if target is None else self._body_at(target)
        if body is None:
            return RequestSize(0, has_output=False)
        has_output = self._operation.has_text_tokens or self._operation is Operation.INVOKE
        return size_of_request(body, has_output=has_output)

    def _body_at(self, target: Target) -> Body | None:
        """The body as a target gets it."""
        changes = ParameterChanges(target.default_params, target.override_params, target.drop_params)
        return None if self._body is None else changes.removed(changes.filled(self._body))

    def _new_estimate(self, target: Target) -> Estimate:
        if self._is_unread and self._has_strict(target):
            return Estimate(_FREE, None, _UNREAD)
        if self._operation in _FREE_OPERATIONS or self._body is None:
            return _NO_SIZE
        size, model = self._size(target), self._model_at(target)
        admitter, priced = self._admitter, priced_model(target, model)
        typical = admitter.statistics.typical(self._tenant, model)
        normal = normal_estimate(size, admitter.pricing.prices(priced, strict=False), typical=typical)
        normal = self._with_units(normal, target, model)
        if not self._has_strict(target):
            return Estimate(normal, None, "", model)
        if self._operation not in _BOUNDED:
            text = f"A strict limit can't tell how much {self._operation.value} takes at most: use a limit that is not."
            return Estimate(normal, None, text, model)
        try:
            strict = strict_estimate(self._exact(target, size), admitter.pricing.prices(priced, strict=True))
        except NotBounded as problem:
            return Estimate(normal, None, str(problem), model)
        return Estimate(normal, strict, "", model)

    def _size(self, target: Target) -> RequestSize:
        is_changed = target.default_params or target.override_params or target.drop_params
        name = target.path if is_changed else None
        size = self.sizes.get(name)
        if size is None:
            size = self.sizes[name] = self.measure(target if is_changed else None)
        return size

    def _exact(self, target: Target, size: RequestSize) -> RequestSize:
        """The size with the number of messages, each of which a strict estimate counts."""
        body = self._body_at(target)
        return size if body is None else size_of_request(body, exact=True, has_output=size.has_output)

    def _with_units(self, normal: Amounts, target: Target, model: str) -> Amounts:
        """The estimate with the price of the units that are asked for, if it is more."""
        body = None if self._asked is None else self._body_at(target)
        if self._asked is None or body is None:
            return normal
        usage = self._asked(body, _expected(self._operation, body))
        if usage is None:
            return normal
        charge = self._admitter.pricing.charge(priced_model(target, model), usage)
        return normal if charge is None else msgspec.structs.replace(normal, cost=max(normal.cost or 0, charge.nanos))

    def _has_strict(self, target: Target) -> bool:
        if self._limits.has_strict or target.virtual_key is None:
            return self._limits.has_strict
        own = self._admitter.limits_of_target(self._limits, self.facts, target)
        return any(applied.limit.strict for applied in own)

    def _model_at(self, target: Target) -> str:
        """The name of the model that a target is asked for, until its attempt says it."""
        named = target.override_params.get("model") or (None if self._model else target.default_params.get("model"))
        name = None if named is None else read_json_or_none(named)
        return name if isinstance(name, str) else self._model.removeprefix(target.model_prefix)


def priced_model(target: Target, model: str) -> PricedModel:
    """What the price of a model at a target is looked up by."""
    return PricedModel(target.provider, model, target.virtual_key, target.region)


def _cost(estimate: Estimate) -> tuple[bool, int]:
    normal = estimate.normal
    return normal.cost is None, normal.cost or normal.input + normal.output


def _expected(operation: Operation, body: Body) -> Usage | None:
    """What a reply will tell of its units: pictures, videos; nothing of speech, whose request tells all."""
    if operation not in _DRAWING:
        return Usage(units={VIDEOS: 1}) if operation is Operation.PREDICT_LATER else None
    number = body.value("n") if "n" in body else None
    if isinstance(number, str) and _COUNT.fullmatch(number):  # in a form
        number = int(number)
    return Usage(units={PICTURE: number if type(number) is int and number > 0 else 1})
