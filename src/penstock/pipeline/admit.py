"""Stage: limits. A request reserves what it may take of budgets and rates before anything is done for it.

The limits that apply come from the catalogue, by one look-up; a request that nothing limits passes without any work.
What was reserved is settled when the request's account is closed (reservation.py). docs/limits.md says what counts.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import secrets
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

import msgspec

from penstock.background import Background
from penstock.core.body import Body, BodyError
from penstock.core.failure import Failure, Kind
from penstock.core.json_text import read_json_or_none
from penstock.core.parameter_changes import ParameterChanges
from penstock.core.usage import Usage
from penstock.limits.admission import Admission, Admitted, Estimate
from penstock.limits.applied import Applied
from penstock.limits.counters import Alert, Counters, ImmediateCounters
from penstock.limits.estimate import (
    Habits,
    NotBounded,
    Shape,
    normal_estimate,
    strict_estimate,
)
from penstock.limits.habits import HabitTracker
from penstock.limits.in_force import LimitsInForce, Owner, RequestLimits
from penstock.limits.limit import Amounts
from penstock.limits.policy import METADATA, limits_of
from penstock.limits.pricing import Charge, NoPricing, Pricing
from penstock.limits.refusal import LimitRefusal
from penstock.limits.shape import shape_of
from penstock.pipeline.account import AttemptAccount, read_metadata
from penstock.pipeline.call import Call
from penstock.pipeline.compile import CompiledPlan
from penstock.pipeline.limit_failure import limit_failure
from penstock.pipeline.off_loop import LARGE, off_loop
from penstock.pipeline.reservation import Reservation
from penstock.providers.row import Operation
from penstock.routing.plan import Target, leaves
from penstock.stores.base import CatalogueSource
from penstock.stores.catalogue import Catalogue, GatewayKey

_LOG: Final = logging.getLogger("penstock")
_COUNTED: Final = frozenset({Operation.CHAT, Operation.EMBEDDINGS, Operation.COUNT_TOKENS, Operation.RESPONSE_COMPACT})
"""Operations that limits count. Lists of models are free."""
_FREE: Final = Amounts(0, 0, 0)
_NO_SIZE: Final = Estimate(_FREE, _FREE)
"""What an operation takes that no provider bills: it counts as a request."""
_COMPARED: Final = 8
"""Targets of a plan at most of which the cheapest is looked for; a dearer target reserves more when it is tried."""
_MOST_OWNERS: Final = 10_000
"""Gateway keys whose limits are remembered ready-made."""
_SWEEP: Final = 10.0
"""Seconds between two looks for counters that nobody needs."""
Ending = Coroutine[Any, Any, tuple[Alert, ...] | None]


class Admitter:
    """Admits requests. ``counters`` count what is reserved; ``clock`` gives microseconds since 1970.

    ``immediate`` are the same counters if they are immediate: then hardly a request waits for them, and ends of
    reservations need no task. ``forget`` is called now and then with the current time, to drop counters that nobody
    needs. ``warning`` is logged when something comes to be limited. ``is_active``: something is limited.
    """

    def __init__(
        self,
        catalogues: CatalogueSource,
        counters: Counters,
        clock: Callable[[], int],
        pricing: Pricing | None = None,
        *,
        immediate: ImmediateCounters | None = None,
        forget: Callable[[int], object] | None = None,
        warning: str = "",
    ) -> None:
        self.counters = counters
        self.pricing: Pricing = pricing or NoPricing()
        self.habits = HabitTracker()
        self.is_active = False
        self._knows_prices = False
        """Whether prices are read, or can't be had; neither ends."""
        self._admission = Admission(counters, clock, immediate)
        self._catalogues = catalogues
        self._immediate = immediate
        self._in_force = LimitsInForce()
        self._default_workspace: str | None = None
        self._by_owner: dict[bytes | None, RequestLimits] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._clock = clock
        self._forget = forget
        self._warning = warning
        self._sweeping = Background("the sweep of counters", self._sweep)
        self._requests = map((secrets.token_hex(8) + "-%x").__mod__, itertools.count())
        self._put_in_force()
        catalogues.watch(lambda _: self._put_in_force())

    def start(self) -> None:
        if self._forget is not None:
            self._sweeping.start()

    async def stop(self) -> None:
        """Wait until what requests took is settled."""
        await self._sweeping.stop()
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def admit(self, call: Call, compiled: CompiledPlan) -> Failure | None:
        """Reserve for a request: the failure of a request that is refused, else None."""
        limits = self._limits_of(call.caller.key)
        if call.operation not in _COUNTED or (limits.is_empty and not self._in_force.virtual_keys):
            return None
        if not self._knows_prices:
            await self.pricing.ready()
            self._knows_prices = not self.pricing.is_loading
        facts = _facts(call, limits) if limits.of_requests or limits.of_attempts else {}
        try:
            meter = RequestMeter(self, call, limits, facts)
            if len(call.body) > LARGE:
                # The text of a large body is measured beside the event loop, once.
                meter.shapes[None] = await off_loop(lambda: meter.measure(None))
            estimate = meter.cheapest(compiled)
        except BodyError as error:
            return Failure(Kind.INVALID_REQUEST, f"The request body can't be measured: {error}.")
        applied = limits.for_request(meter.facts)
        request = next(self._requests)
        admitted = self._admission.admit_at_once(request, applied, estimate)
        if admitted is None:
            admitted = await self._admission.admit(request, applied, estimate)
        if isinstance(admitted, LimitRefusal):
            return limit_failure(admitted)
        meter.request = request
        call.account.reservation = Reservation(request, admitted, applied, estimate, meter)
        return None

    def beside(
        self, request: str, limits: tuple[Applied, ...], estimate: Estimate, attempt: int
    ) -> Coroutine[Any, Any, Admitted | LimitRefusal]:
        """A further reservation of a request."""
        return self._admission.admit(request, limits, estimate, attempt)

    def limits_of_target(self, limits: RequestLimits, facts: dict[str, str], target: Target) -> tuple[Applied, ...]:
        """The limits of an attempt at a target. ``facts`` are the request's, those of the target among them."""
        own = self._in_force.virtual_keys.get(target.virtual_key, ()) if target.virtual_key is not None else ()
        return (*own, *limits_of(limits.of_attempts, facts)) if limits.of_attempts else own

    def finish(self, admitted: Admitted, actual: Amounts | None) -> None:
        """Settle a reservation, or release it if ``actual`` is None: at once if no counter waits, else in a task that
        nothing cancels."""
        if self._immediate is not None:
            alerts = admitted.close_at_once(self._immediate, actual)
            if alerts:
                log_alerts(alerts)
            return
        ending: Ending = admitted.release() if actual is None else admitted.settle(actual)
        task = asyncio.get_running_loop().create_task(self._finished(ending))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _finished(self, ending: Ending) -> None:
        try:
            alerts = await ending
        except Exception:
            _LOG.exception("what a request took could not be settled")
            return
        if alerts:
            log_alerts(alerts)

    def _limits_of(self, key: GatewayKey | None) -> RequestLimits:
        digest = None if key is None else key.digest
        limits = self._by_owner.get(digest)
        if limits is None:
            if len(self._by_owner) >= _MOST_OWNERS:
                self._by_owner.clear()
            limits = self._by_owner[digest] = self._in_force.of(_owner(key, self._default_workspace))
        return limits

    def _put_in_force(self) -> None:
        catalogue: Catalogue = self._catalogues.current
        self._by_owner = {}
        self._in_force = catalogue.limits
        self._default_workspace = catalogue.default_workspace
        was_active = self.is_active
        self.is_active = not catalogue.limits.is_empty or any(key.limits for key in catalogue.keys)
        if self._warning and self.is_active and not was_active:
            _LOG.error("%s", self._warning)

    async def _sweep(self) -> None:
        while self._forget is not None:
            await asyncio.sleep(_SWEEP)
            self._forget(self._clock())


class RequestMeter:
    """What one request takes at each of its targets (``reservation.Meter``). ``request`` is set once it is admitted."""

    def __init__(self, admitter: Admitter, call: Call, limits: RequestLimits, facts: dict[str, str]) -> None:
        self.request = ""
        self.facts = facts
        self.finish = admitter.finish
        self.shapes: dict[str | None, Shape] = {}
        self._admitter = admitter
        self._limits = limits
        self._operation = call.operation
        self._tenant = call.caller.tenant
        request = call.request
        self._body: Body | None = None if request is None else request.body
        self._model = "" if request is None else request.model or ""
        self._estimates: dict[str, Estimate] = {}

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
        return self._admitter.pricing.charge(target.provider, model, target.virtual_key, usage)

    def learn(self, attempt: AttemptAccount, usage: Usage) -> None:
        shape, model = self.shapes.get(attempt.target.path) or self.shapes.get(None), attempt.model
        if model is None:
            model = self._model_at(attempt.target)
        if shape is not None and self._admitter.habits.is_due(self._tenant, model):
            size = 0 if shape.media else shape.text_bytes
            output = (usage.completion or 0) // shape.choices
            self._admitter.habits.learn(self._tenant, model, size, usage.prompt or 0, output)

    async def beside(self, limits: tuple[Applied, ...], estimate: Estimate, attempt: int) -> Admitted | LimitRefusal:
        return await self._admitter.beside(self.request, limits, estimate, attempt)

    def measure(self, target: Target | None) -> Shape:
        """The size of the request as a target gets it; None: as the caller sent it. Raises BodyError."""
        body = self._body
        if body is None:
            return Shape(0, has_output=False)
        if target is not None:
            changes = ParameterChanges(target.default_params, target.override_params, target.drop_params)
            body = changes.removed(changes.filled(body))
        return shape_of(body, has_output=self._operation is Operation.CHAT)

    def _new_estimate(self, target: Target) -> Estimate:
        if self._operation is Operation.COUNT_TOKENS:
            return _NO_SIZE
        shape, model = self._shape(target), self._model_at(target)
        admitter, vendor = self._admitter, (target.provider, model, target.virtual_key)
        habits: Habits = admitter.habits.habits(self._tenant, model)
        normal = normal_estimate(shape, admitter.pricing.prices(*vendor, strict=False), habits=habits)
        if not self._has_strict(target):
            return Estimate(normal, None, "", model)
        try:
            strict = strict_estimate(self._exact(target, shape), admitter.pricing.prices(*vendor, strict=True))
        except NotBounded as problem:
            return Estimate(normal, None, str(problem), model)
        return Estimate(normal, strict, "", model)

    def _shape(self, target: Target) -> Shape:
        is_changed = target.default_params or target.override_params or target.drop_params
        name = target.path if is_changed else None
        shape = self.shapes.get(name)
        if shape is None:
            shape = self.shapes[name] = self.measure(target if is_changed else None)
        return shape

    def _exact(self, target: Target, shape: Shape) -> Shape:
        """The shape with the number of messages, each of which a strict estimate counts."""
        if self._body is None:
            return shape
        changes = ParameterChanges(target.default_params, target.override_params, target.drop_params)
        body = changes.removed(changes.filled(self._body))
        return shape_of(body, exact=True, has_output=shape.has_output)

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


def _owner(key: GatewayKey | None, default_workspace: str | None) -> Owner:
    facts = [] if key is None else [("api_key", key.id or key.name)]
    workspace = default_workspace if key is None or key.workspace is None else key.workspace
    if workspace is not None:
        facts.append(("workspace_id", workspace))
    return Owner(tuple(facts), () if key is None else key.limits)


def _facts(call: Call, limits: RequestLimits) -> dict[str, str]:
    """What policies may ask of a request, but for its target."""
    facts = {**limits.facts, "endpoint_type": call.operation.value}
    if call.account.config is not None:
        facts["config"] = call.account.config
    if limits.reads_metadata:
        for name, value in read_metadata(call.account.metadata).items():
            if isinstance(value, str | int | float):
                facts[METADATA + name] = value if isinstance(value, str) else msgspec.json.encode(value).decode()
        user = None if call.request is None else call.request.body.text("user")
        if user:
            facts.setdefault(METADATA + "_user", user)
    return facts


def _cost(estimate: Estimate) -> tuple[bool, int]:
    normal = estimate.normal
    return normal.cost is None, normal.cost or normal.input + normal.output


def log_alerts(alerts: Sequence[Alert]) -> None:
    """Say in the log what the alerts are."""
    for alert in alerts:
        limit = alert.limit
        _LOG.warning("the limit %s of %s %s: %s", limit.id, limit.level, limit.owner, _ALERTS[alert.kind])


_ALERTS: Final = {
    "threshold": "its alert threshold is reached",
    "exhausted": "it is used up",
    "overrun": "a request took more than it had reserved",
    "overflow": "it has too many values, and further values share one bucket",
}
