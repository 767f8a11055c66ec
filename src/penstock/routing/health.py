"""What is known of targets and providers: circuits, load, speed, budgets, sticky choices. All of it is bounded.

The routing of every request reads and feeds this one object (routing/walk.py); the clock is passed in. What was not
used for longest is forgotten first, and then counts as never seen.
"""

from __future__ import annotations

import math
from typing import Final

from penstock.core.lru import Lru
from penstock.routing.breaker import BreakerPolicy, Circuit, counts_as_failure

_LATENCY_MEMORY: Final = 10.0
"""Seconds after which an average has forgotten two thirds of what it was."""
_LEAST_WEIGHT: Final = 0.05
"""Of a sample that follows the last one at once: without it, all of a burst but its first would go uncounted."""
_LATENCY_EXPIRES: Final = 60.0
"""A slow target is no longer chosen, so it is never measured again: after this long it counts as unknown."""
_FAILED_LATENCY: Final = 5.0
"""A target that fails at once must not look like the fastest."""

_TURNED_AWAY: Final = frozenset({401, 403, 404, 408, 429})
"""Statuses that are a target's doing, as opposed to requests that are no good."""

# While a provider is down, a fifth of the traffic may be retries: at 1,000 requests a second it sees 1.2 times as many
# and 10 more, instead of every request times its retries. The floor serves those who send few requests.
_RETRIES_PER_ATTEMPT: Final = 0.2
_RETRIES_PER_SECOND: Final = 10.0
_RETRY_CAPACITY: Final = 100.0
_HEDGE_CAPACITY: Final = 10.0


class _TargetState:
    """One target: attempts in flight, its circuit, and the moving average of the time to the first token."""

    __slots__ = ("busy", "circuit", "latency", "measured")

    def __init__(self) -> None:
        self.busy = 0
        self.circuit = Circuit()
        self.latency: float | None = None
        self.measured = 0.0

    def measure(self, seconds: float, now: float) -> None:
        if self.latency is None or now - self.measured >= _LATENCY_EXPIRES:
            self.latency = seconds
        else:
            weight = max(_LEAST_WEIGHT, 1 - math.exp((self.measured - now) / _LATENCY_MEMORY))
            self.latency += weight * (seconds - self.latency)
        self.measured = now


class _Budget:
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


class Health:
    """The state of the world as far as routing cares, for one process."""

    def __init__(
        self, targets: int = 4096, providers: int = 4096, hedging_nodes: int = 4096, sticky_choices: int = 65536
    ) -> None:
        self._targets: Lru[str, _TargetState] = Lru(targets)
        self._retries: Lru[str, _Budget] = Lru(providers)
        self._hedges: Lru[str, _Budget] = Lru(hedging_nodes)
        self._choices: Lru[str, tuple[int, float]] = Lru(sticky_choices)

    def admits(self, target: str, breaker: BreakerPolicy, now: float) -> bool:
        """Whether the breaker lets an attempt through. Asking reserves nothing."""
        state = self._targets.get(target)
        return state is None or state.circuit.admits(breaker, now)

    def opens_in(self, target: str, now: float) -> float:
        """The seconds until a target that its breaker keeps away may be tried."""
        state = self._targets.get(target)
        return 0.0 if state is None else state.circuit.retry_in(now)

    def attempt_started(self, target: str, breaker: BreakerPolicy | None, now: float) -> bool:
        """An attempt starts. Whether it is its breaker's probe: that goes into its ``end``, which must follow."""
        state = self._state_of(target)
        state.busy += 1
        return breaker is not None and state.circuit.attempt_started(breaker, now)

    def end(
        self,
        target: str,
        breaker: BreakerPolicy | None,
        now: float,
        *,
        status: int | None,
        first_token: float | None,
        probe: bool,
    ) -> None:
        """The attempt ended: ``status`` is None when it says nothing about the target (cancelled, or beaten).

        ``first_token`` is the seconds that it took to the first token. The target may have been forgotten meanwhile.
        """
        state = self._state_of(target)
        state.busy = max(0, state.busy - 1)
        failed = None if status is None or breaker is None else counts_as_failure(breaker, status)
        if breaker is not None:
            state.circuit.end(breaker, now, failed=failed, probe=probe)
        if status is None:
            return
        if failed or status >= 500 or status in _TURNED_AWAY:
            state.measure(max(first_token or 0.0, _FAILED_LATENCY), now)
        elif first_token is not None:
            state.measure(first_token, now)

    def busy(self, target: str) -> int:
        """The attempts in flight."""
        state = self._targets.get(target)
        return 0 if state is None else state.busy

    def latency(self, target: str, now: float) -> float | None:
        """The average seconds to the first token, recent ones above all; None when nothing recent is known."""
        state = self._targets.get(target)
        return None if state is None or now - state.measured >= _LATENCY_EXPIRES else state.latency

    def attempted(self, provider: str, now: float) -> None:
        """A first attempt is made at a provider's address, which pays for a part of a retry."""
        self._retry_budget(provider, now).deposit(_RETRIES_PER_ATTEMPT)

    def may_retry(self, provider: str, now: float) -> bool:
        """Whether one more retry is within the provider's budget, and if so, spend it."""
        return self._retry_budget(provider, now).take(now)

    def hedgeable(self, node: str, percent: float, now: float) -> None:
        """A request that could be hedged is made at a node of the plan, which pays for a part of a hedge."""
        self._hedge_budget(node, now).deposit(percent / 100)

    def may_hedge(self, node: str, percent: float, now: float) -> bool:
        """Whether one more hedge is within the node's budget, and if so, spend it."""
        return percent > 0 and self._hedge_budget(node, now).take(now)

    def hedge_unspent(self, node: str, now: float) -> None:
        """The hedge that was paid for was not needed."""
        self._hedge_budget(node, now).deposit(1.0)

    def sticky_choice(self, key: str, now: float) -> int | None:
        """The choice that this key stands for, unless it has expired."""
        choice = self._choices.get(key)
        return None if choice is None or now >= choice[1] else choice[0]

    def keep_choice(self, key: str, index: int, until: float) -> None:
        """Let this key stand for a choice."""
        self._choices.put(key, (index, until))

    def _state_of(self, target: str) -> _TargetState:
        state = self._targets.get(target)
        if state is None:
            state = _TargetState()
            self._targets.put(target, state)
        return state

    def _retry_budget(self, provider: str, now: float) -> _Budget:
        budget = self._retries.get(provider)
        if budget is None:
            budget = _Budget(_RETRY_CAPACITY, _RETRIES_PER_SECOND, now)
            self._retries.put(provider, budget)
        return budget

    def _hedge_budget(self, node: str, now: float) -> _Budget:
        budget = self._hedges.get(node)
        if budget is None:
            budget = _Budget(_HEDGE_CAPACITY, 0.0, now)
            self._hedges.put(node, budget)
        return budget
