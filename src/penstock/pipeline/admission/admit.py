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
from penstock.core.body import BodyError
from penstock.core.failure import Failure, Kind
from penstock.core.operation import Operation
from penstock.limits.admission import Admission, Admitted, Estimate
from penstock.limits.applied import Applied
from penstock.limits.counters import Alert, Counters, CountersUnavailable, ImmediateCounters
from penstock.limits.fast_path import FastCounters
from penstock.limits.in_force import LimitsInForce, Owner, RequestLimits
from penstock.limits.limit import Amounts
from penstock.limits.policy import METADATA, limits_of
from penstock.limits.pricing import NoPricing, Pricing
from penstock.limits.refusal import LimitRefusal
from penstock.limits.usage_statistics import UsageStatistics
from penstock.pipeline.account import AttemptAccount
from penstock.pipeline.admission.fast_reservation import FastTarget
from penstock.pipeline.admission.limit_failure import limit_failure
from penstock.pipeline.admission.request_meter import RequestMeter, priced_model
from penstock.pipeline.admission.reservation import Reservation
from penstock.pipeline.call import Call
from penstock.pipeline.compiled_plan import CompiledPlan
from penstock.pipeline.metadata import read_metadata
from penstock.pipeline.off_loop.thread import LARGE, off_loop
from penstock.routing.plan import Target
from penstock.stores.base import CatalogueSource
from penstock.stores.catalogue import Catalogue, GatewayKey

_LOG: Final = logging.getLogger("penstock")
_FREE_OPERATIONS: Final = frozenset({Operation.MODELS, Operation.MODEL, Operation.SHOW})
"""Operations that limits don't count."""
_MEASURED: Final = frozenset({Operation.CHAT, Operation.EMBEDDINGS})
"""Operations whose requests the fast path measures."""
_SPENT: Final = frozenset({"cost", "tokens"})
"""Kinds of limits that a session uses up while it runs."""
_NOTHING: Final = Estimate(Amounts(0, 0, 0), Amounts(0, 0, 0))
_MOST_OWNERS: Final = 10_000
"""Gateway keys whose limits are remembered ready-made."""
_MOST_TARGETS: Final = 4096
"""Fast targets that are remembered: callers choose the names of models, and write plans."""
_SWEEP: Final = 10.0
"""Seconds between two looks for counters that nobody needs."""
_Name = tuple[bytes | None, str | None, int, int]
Ending = Coroutine[Any, Any, tuple[Alert, ...] | None]


def log_alerts(alerts: Sequence[Alert]) -> None:
    """Say in the log what the alerts are."""
    for alert in alerts:
        limit = alert.limit
        _LOG.warning("the limit %s of %s %s: %s", limit.id, limit.level, limit.owner, _ALERTS[alert.kind])


class Admitter:
    """Admits requests. ``counters`` count what is reserved; ``clock`` gives microseconds since 1970.

    ``immediate`` are the same counters if they are immediate: then hardly a request waits for them, and ends of
    reservations need no task. ``sweep`` is called now and then with the current time, to drop some of the counters that
    nobody needs; true: there are more to look at. ``warning`` is logged when something comes to be limited.
    ``tell_alerts`` gets what budgets have crossed. ``is_active``: something is limited.
    """

    def __init__(
        self,
        catalogues: CatalogueSource,
        counters: Counters,
        clock: Callable[[], int],
        pricing: Pricing | None = None,
        *,
        immediate: ImmediateCounters | None = None,
        sweep: Callable[[int], bool] | None = None,
        warning: str = "",
        fast: FastCounters | None = None,
        tell_alerts: Callable[[Sequence[Alert]], None] = log_alerts,
    ) -> None:
        self.counters = counters
        self.pricing: Pricing = pricing or NoPricing()
        self.statistics = UsageStatistics()
        self.is_active = False
        self.tell_alerts = tell_alerts
        self._knows_prices = False
        """Whether prices are read, or can't be had; neither ends."""
        self._admission = Admission(counters, clock, immediate)
        self._catalogues = catalogues
        self._immediate = immediate
        self._in_force = LimitsInForce()
        self._default_workspace: str | None = None
        self._by_owner: dict[bytes | None, RequestLimits] = {}
        self._fast = fast
        self._ready: dict[_Name, FastTarget | bool] = {}
        """Fast targets by owner, model, plan and operation. True where nothing limits the requests, False where the
        general way has to decide."""
        self._tasks: set[asyncio.Task[Any]] = set()
        self._clock = clock
        self._sweep = sweep
        self._warning = warning
        self._sweeping = Background("the sweep of counters", self._sweep_often)
        self._requests = map((secrets.token_hex(8) + "-%x").__mod__, itertools.count())
        self._put_in_force()
        catalogues.watch(lambda _: self._put_in_force())

    def start(self) -> None:
        if self._sweep is not None:
            self._sweeping.start()

    async def stop(self) -> None:
        """Wait until what requests took is settled."""
        await self._sweeping.stop()
        while self._tasks:
            await asyncio.wait(self._tasks)

    def admit_at_once(self, call: Call, compiled: CompiledPlan) -> bool:
        """Whether a request is admitted, by a fast path or because nothing limits it; False if ``admit`` has to
        decide."""
        request, key = call.request, call.caller.key
        if request is None or len(call.body) > LARGE:
            return False
        name = (None if key is None else key.digest, request.model, id(compiled), id(call.operation))
        try:
            ready = self._ready[name]
        except KeyError:
            ready = self._prepare(name, call, compiled)
        if isinstance(ready, bool):
            return ready
        reservation = ready.reserve(request.body, self._requests)
        call.account.reservation = reservation
        return reservation is not None

    async def admit(self, call: Call, compiled: CompiledPlan) -> Failure | None:
        """Reserve for a request: the failure of a request that is refused, else None."""
        if call.operation in _FREE_OPERATIONS or self._is_free(call.caller.key):
            return None
        limits = self._limits_of(call.caller.key)
        if not self._knows_prices:
            await self.pricing.ready()
            self._knows_prices = not self.pricing.is_loading
        facts = _facts(call, limits) if limits.of_requests or limits.of_attempts else {}
        try:
            meter = RequestMeter.of_call(self, call, limits, facts)
            if len(call.body) > LARGE:
                # The text of a large body is measured beside the event loop, once.
                meter.sizes[None] = await off_loop(lambda: meter.measure(None))
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

    async def admit_own(self, call: Call) -> Failure | None:
        """As ``admit``, for a request that the gateway itself answers: it counts as a request, and takes nothing."""
        limits = self._limits_of(call.caller.key)
        if limits.is_empty:
            return None
        facts = _facts(call, limits) if limits.of_requests else {}
        admitted = await self._admission.admit(next(self._requests), limits.for_request(facts), _NOTHING)
        if isinstance(admitted, LimitRefusal):
            return limit_failure(admitted)
        self.finish(admitted, _NOTHING.normal)
        return None

    async def still_admits(self, call: Call, attempt: AttemptAccount) -> Failure | None:
        """The failure where limits of costs or tokens leave no room for what an attempt has taken so far. Nothing stays
        reserved."""
        limits = self._limits_of(call.caller.key)
        facts = _facts(call, limits) if limits.of_requests or limits.of_attempts else {}
        target, usage = attempt.target, attempt.usage
        applied = [*limits.for_request(facts), *self.limits_of_target(limits, facts, target)]
        budgets = [each for each in applied if each.limit.kind in _SPENT]
        if not budgets:
            return None
        taken = _NOTHING.normal
        if usage is not None:
            charge = self.pricing.charge(priced_model(target, attempt.model or ""), usage)
            taken = Amounts(0 if charge is None else charge.nanos, usage.prompt or 0, usage.completion or 0)
        admitted = await self._admission.admit(next(self._requests), budgets, Estimate(taken, taken), 2)
        if isinstance(admitted, LimitRefusal):
            return limit_failure(admitted)
        self.finish(admitted, None)
        return None

    async def budget_left(self, call: Call) -> int | None:
        """The nanodollars that the tightest budget of a request has left; None without a budget, and where the store
        of the counters can't be reached."""
        limits, now = self._limits_of(call.caller.key), self._clock()
        facts = _facts(call, limits) if limits.of_requests else {}
        budgets = [each for each in limits.for_request(facts) if each.limit.is_budget and each.limit.kind == "cost"]
        left = []
        try:
            for each in budgets:
                settled, reserved = await self.counters.usage(each.key_at(now))
                left.append(max(0, each.limit.cap - settled - reserved))
        except CountersUnavailable:
            return None
        return min(left, default=None)

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
                self.alerted(alerts)
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
            self.alerted(alerts)

    def alerted(self, alerts: Sequence[Alert]) -> None:
        """A request has crossed a line."""
        self.tell_alerts(alerts)

    def limits_of(self, key: GatewayKey | None) -> RequestLimits:
        """What limits the requests of a key."""
        return self._limits_of(key)

    def _limits_of(self, key: GatewayKey | None) -> RequestLimits:
        digest = None if key is None else key.digest
        limits = self._by_owner.get(digest)
        if limits is None:
            if len(self._by_owner) >= _MOST_OWNERS:
                self._by_owner.clear()
            limits = self._by_owner[digest] = self._in_force.of(_owner(key, self._default_workspace))
        return limits

    def _prepare(self, name: _Name, call: Call, compiled: CompiledPlan) -> FastTarget | bool:
        """What ``_ready`` has for a request, which is remembered once prices are known."""
        is_free = self._is_free(call.caller.key)
        if not is_free and (self._fast is None or not self._knows_prices):
            return False
        if len(self._ready) >= _MOST_TARGETS:
            self._ready.clear()
        ready = self._ready[name] = is_free or self._fast_target(call, compiled) or False
        return ready

    def _is_free(self, key: GatewayKey | None) -> bool:
        """Whether nothing limits the requests of a key, whatever they ask for."""
        return self._limits_of(key).is_empty and not self._in_force.virtual_keys

    def _fast_target(self, call: Call, compiled: CompiledPlan) -> FastTarget | None:
        """The fast target of a request, if there is one."""
        target, model, limits = compiled.plan, call.request and call.request.model, self._limits_of(call.caller.key)
        if self._fast is None or call.operation not in _MEASURED or not isinstance(target, Target) or not model:
            return None
        if limits.of_requests or limits.of_attempts or target.virtual_key in self._in_force.virtual_keys:
            return None
        if target.default_params or target.override_params or target.drop_params:
            return None
        model = model.removeprefix(target.model_prefix)
        price = self.pricing.steady(priced_model(target, model))
        path = self._fast.fast_path(limits.limits, self._clock)
        if price is None or path is None:
            return None
        tenant = call.caller.tenant
        return FastTarget(
            admitter=self,
            admission=self._admission,
            compiled=compiled,
            target=target,
            limits=limits,
            path=path,
            price=price,
            operation=call.operation,
            tenant=tenant,
            model=model,
        )

    def _put_in_force(self) -> None:
        catalogue: Catalogue = self._catalogues.current
        self._by_owner, self._ready = {}, {}
        self._in_force = catalogue.limits
        self._default_workspace = catalogue.default_workspace
        was_active = self.is_active
        self.is_active = not catalogue.limits.is_empty or any(key.limits for key in catalogue.keys)
        if self._warning and self.is_active and not was_active:
            _LOG.error("%s", self._warning)

    async def _sweep_often(self) -> None:
        while self._sweep is not None:
            # All counters, some in each turn: those of values that come once would else take the room of others.
            has_more = self._sweep(self._clock())
            await asyncio.sleep(0 if has_more else _SWEEP)


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


_ALERTS: Final = {
    "threshold": "its alert threshold is reached",
    "exhausted": "it is used up",
    "overrun": "a request took more than it had reserved",
    "overflow": "it has too many values, and further values share one bucket",
}
