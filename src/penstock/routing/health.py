"""The health of targets and providers: circuits, load, latency, budgets, sticky choices. Every map has a maximum size.

Each tenant has a health of its own, and within it saved configs another than configs that callers send: nobody's
requests decide how other callers are routed (docs/configs.md#circuit-breaker).
The routing of every request reads and updates this object (routing/walk.py); the caller passes the time in. A full map
drops its least recently used entry; a dropped target counts as never used.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from typing import Final, assert_never

from penstock.core.lru import Lru
from penstock.routing.advice import Advice, ChoiceKept, CircuitOpened, LatencyMeasured
from penstock.routing.breaker import BreakerPolicy, Circuit, counts_as_failure

_LATENCY_MEMORY: Final = 10.0
"""Seconds after which an old average makes up only a third of the new average."""
_LEAST_WEIGHT: Final = 0.05
"""The weight of a sample that follows the last sample at once: without it, only a burst's first sample would count."""
_LATENCY_EXPIRES: Final = 60.0
"""Seconds after which a target's latency counts as unknown: a slow target gets no requests, so it isn't remeasured."""
_FAILED_LATENCY: Final = 5.0
"""Seconds that a failed attempt counts as, at least: a target that fails at once must not look like the fastest."""
_LATENCY_IS_TOLD: Final = 1.0
"""Seconds between two latencies of one target that other processes are told."""

_TURNED_AWAY: Final = frozenset({401, 403, 404, 408, 429})
"""Statuses below 500 that are the target's fault, not the request's."""

# While a provider is down, it gets 0.2 retries for each request, and 10 retries a second on top: 1,000 requests a
# second become 1,210 calls a second, not 1,000 times the retries. The 10 a second serve gateways with few requests.
_RETRIES_PER_ATTEMPT: Final = 0.2
_RETRIES_PER_SECOND: Final = 10.0
_RETRY_CAPACITY: Final = 100.0
_HEDGE_CAPACITY: Final = 10.0


class _TargetState:
    """One target: attempts in flight, its circuit, and the moving average of the time to the first token in seconds.

    ``measured`` is when the average last changed, ``told`` when other processes were told of it.
    """

    __slots__ = ("busy", "circuit", "latency", "measured", "told")

    def __init__(self) -> None:
        self.busy = 0
        self.circuit = Circuit()
        self.latency: float | None = None
        self.measured = 0.0
        self.told = -math.inf

    def measure(self, seconds: float, now: float) -> None:
        if self.latency is None or now - self.measured >= _LATENCY_EXPIRES:
            self.latency = seconds
        else:
            weight = max(_LEAST_WEIGHT, 1 - math.exp((self.measured - now) / _LATENCY_MEMORY))
            self.latency += weight * (seconds - self.latency)
        self.measured = now

    def advise(self, seconds: float, measured: float) -> None:
        """Take another process's average, unless there is one of our own that is hardly older."""
        if self.latency is None or measured - self.measured >= _LATENCY_MEMORY:
            self.latency, self.measured = seconds, measured


class _TokenBucket:
    """A token bucket that starts full: filled by time and by deposits, never above its capacity."""

    __slots__ = ("_capacity", "_filled", "_per_second", "_tokens")

    def __init__(self, capacity: float, per_second: float, now: float) -> None:
        self._capacity = self._tokens = capacity
        self._per_second = per_second
        self._filled = now

    def deposit(self, tokens: float) -> None:
        self._tokens = min(self._capacity, self._tokens + tokens)

    def take(self, now: float) -> bool:
        self.deposit((now - self._filled) * self._per_second)
        self._filled = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


_TENANTS: Final = 4096
_OF_A_TENANT: Final = 1024
"""Targets, providers and hedging nodes that are remembered for one tenant's saved configs, and as many for the configs
that it sends."""


class Health:
    """What routing remembers of targets and providers, for one process.

    Callers without a tenant who send their own configs have this object itself; it holds that of every tenant (``of``).
    """

    def __init__(
        self, targets: int = 4096, providers: int = 4096, hedging_nodes: int = 4096, sticky_choices: int = 65536
    ) -> None:
        self._targets: Lru[str, _TargetState] = Lru(targets)
        self._retries: Lru[str, _TokenBucket] = Lru(providers)
        self._hedges: Lru[str, _TokenBucket] = Lru(hedging_nodes)
        self._choices: Lru[str, tuple[int, float]] = Lru(sticky_choices)
        self._others: Lru[tuple[str, bool], Health] = Lru(2 * _TENANTS)
        self._scope = ("", False)
        self.on_advice: Callable[[Advice, float], None] | None = None
        """Called with what other processes may know, of any tenant, and its time."""

    def of(self, tenant: str, *, saved: bool) -> Health:
        """The health that a tenant's requests read and write, with saved configs or with those that it sends itself."""
        if not tenant and not saved:
            return self
        other = self._others.get((tenant, saved))
        if other is None:
            other = Health(_OF_A_TENANT, _OF_A_TENANT, _OF_A_TENANT, 16 * _OF_A_TENANT)
            other._scope, other.on_advice = (tenant, saved), self.on_advice
            self._others.put((tenant, saved), other)
        return other

    def circuits(self) -> Counter[str]:
        """How many targets of all tenants have a circuit in which state. Takes time in proportion to the targets."""
        counts: Counter[str] = Counter(state.circuit.state for state in self._targets.values())
        for other in self._others.values():
            counts.update(other.circuits())
        return counts

    def broken(self) -> Counter[tuple[str, str]]:
        """Which targets have a circuit that is not closed, with its state, and for how many tenants. Takes as long as
        ``circuits``."""
        states = [(target, state.circuit.state) for target, state in self._targets.items()]
        counts: Counter[tuple[str, str]] = Counter([each for each in states if each[1] != "closed"])
        for other in self._others.values():
            counts.update(other.broken())
        return counts

    def admits(self, target: str, breaker: BreakerPolicy, now: float) -> bool:
        """Whether the breaker lets an attempt through. This reserves nothing."""
        state = self._targets.get(target)
        return state is None or state.circuit.admits(breaker, now)

    def attempt_started(self, target: str, breaker: BreakerPolicy | None, now: float) -> bool:
        """Record that an attempt starts, and return whether the attempt is the breaker's probe.

        A call of ``attempt_ended`` must follow, with the returned value as ``probe``.
        """
        state = self._state_of(target)
        state.busy += 1
        return breaker is not None and state.circuit.attempt_started(breaker, now)

    def attempt_ended(
        self,
        target: str,
        breaker: BreakerPolicy | None,
        now: float,
        *,
        status: int | None,
        first_token: float | None,
        probe: bool,
    ) -> None:
        """Record that an attempt ended.

        ``status`` is None if the attempt says nothing about the target (it was cancelled). ``first_token`` is the time
        to the first token, in seconds. The target's entry may have been dropped since the attempt started.
        """
        state = self._state_of(target)
        state.busy = max(0, state.busy - 1)
        failed = None if status is None or breaker is None else counts_as_failure(breaker, status)
        if breaker is not None:
            before = state.circuit.opened
            state.circuit.attempt_ended(breaker, now, failed=failed, probe=probe)
            if self.on_advice is not None and state.circuit.opened not in {None, before}:
                self.on_advice(CircuitOpened(*self._scope, target, breaker.cooldown), now)
        if status is None:
            return
        if failed or status >= 500 or status in _TURNED_AWAY:
            state.measure(max(first_token or 0.0, _FAILED_LATENCY), now)
        elif first_token is not None:
            state.measure(first_token, now)
        if self.on_advice is not None and state.latency is not None and now - state.told >= _LATENCY_IS_TOLD:
            state.told = now
            self.on_advice(LatencyMeasured(*self._scope, target, state.latency), now)

    def advise(self, advice: Advice, at: float) -> None:
        """Take what another process told of a tenant's targets, and learnt at the moment ``at``: a circuit that is
        closed opens, an unknown or old latency is known, a sticky choice that isn't kept yet is kept."""
        health = self.of(advice.tenant, saved=advice.saved)
        match advice:
            case CircuitOpened():
                health._state_of(advice.target).circuit.advise(at)
            case LatencyMeasured():
                health._state_of(advice.target).advise(advice.seconds, at)
            case ChoiceKept():
                if health.sticky_choice(advice.key, at) is None:
                    health.keep_choice(advice.key, advice.index, at + advice.ttl)
            case _:
                assert_never(advice)

    def busy(self, target: str) -> int:
        """The number of attempts in flight."""
        state = self._targets.get(target)
        return 0 if state is None else state.busy

    def latency(self, target: str, now: float) -> float | None:
        """The moving average of the time to the first token, in seconds; None without a measurement in the last 60."""
        state = self._targets.get(target)
        return None if state is None or now - state.measured >= _LATENCY_EXPIRES else state.latency

    def count_attempt(self, provider: str, now: float) -> None:
        """Record a first attempt at a provider's address: it adds 0.2 of a retry to the address's budget."""
        self._retry_budget(provider, now).deposit(_RETRIES_PER_ATTEMPT)

    def may_retry(self, provider: str, now: float) -> bool:
        """Whether the provider's budget allows one more retry. If it does, the budget is charged."""
        return self._retry_budget(provider, now).take(now)

    def count_hedgeable(self, node: str, percent: float, now: float) -> None:
        """Record a request that could be hedged: it adds ``percent``/100 of a hedge to the node's budget."""
        self._hedge_budget(node, now).deposit(percent / 100)

    def may_hedge(self, node: str, percent: float, now: float) -> bool:
        """Whether the node's budget allows one more hedge. If it does, the budget is charged."""
        return percent > 0 and self._hedge_budget(node, now).take(now)

    def return_hedge(self, node: str, now: float) -> None:
        """Give an unused hedge back to the node's budget."""
        self._hedge_budget(node, now).deposit(1.0)

    def sticky_choice(self, key: str, now: float) -> int | None:
        """The index of the target that is stored under the key; None if there is none or it has expired."""
        choice = self._choices.get(key)
        return None if choice is None or now >= choice[1] else choice[0]

    def keep_choice(self, key: str, index: int, until: float) -> None:
        """Store the index of a target under the key, until the moment ``until``."""
        self._choices.put(key, (index, until))

    def tell_choice(self, key: str, index: int, ttl: float, now: float) -> None:
        """Tell the other processes of a choice that they would not make themselves."""
        if self.on_advice is not None:
            self.on_advice(ChoiceKept(*self._scope, key, index, ttl), now)

    def _state_of(self, target: str) -> _TargetState:
        state = self._targets.get(target)
        if state is None:
            state = _TargetState()
            self._targets.put(target, state)
        return state

    def _retry_budget(self, provider: str, now: float) -> _TokenBucket:
        budget = self._retries.get(provider)
        if budget is None:
            budget = _TokenBucket(_RETRY_CAPACITY, _RETRIES_PER_SECOND, now)
            self._retries.put(provider, budget)
        return budget

    def _hedge_budget(self, node: str, now: float) -> _TokenBucket:
        budget = self._hedges.get(node)
        if budget is None:
            budget = _TokenBucket(_HEDGE_CAPACITY, 0.0, now)
            self._hedges.put(node, budget)
        return budget
