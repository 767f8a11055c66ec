"""Which target of a balancer a request goes to (docs/portkey.md#load-balancing).

Plain functions: the caller passes chance, clock and health in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import assert_never

from penstock.routing.conditions import View
from penstock.routing.health import Health
from penstock.routing.javascript_value import MISSING
from penstock.routing.plan import Balance, BalancePolicy, Plan, StickyPolicy, leaves

Chance = Callable[[], float]
"""A random number from 0 up to, not including, 1."""


def pick(plan: Balance, candidates: list[int], view: View, health: Health, now: float, chance: Chance) -> int:
    """The index of the target to use: one of ``candidates``, whose weights are all above 0."""
    if plan.sticky is None:
        return _drawn(plan, candidates, health, now, chance)
    key = _sticky_key(plan, plan.sticky, view)
    if key is None:
        return _drawn(plan, candidates, health, now, chance)
    index = health.sticky_choice(key.hex(), now)
    if index is None or index not in candidates:
        # The first draw follows from the values alone, so that replicas agree without talking to each other.
        index = weighted(plan, candidates, int.from_bytes(key[:7], "big") / 2**56)
        health.keep_choice(key.hex(), index, now + plan.sticky.ttl)
        if len(candidates) < len(plan.targets):
            health.tell_choice(key.hex(), index, plan.sticky.ttl, now)
    return index


def weighted(plan: Balance, candidates: list[int], chance: float) -> int:
    """The candidate at ``chance`` (from 0 to 1) of the way through the weights."""
    rest = chance * sum(plan.weights[index] for index in candidates)
    for index in candidates:
        rest -= plan.weights[index]
        if rest < 0:
            return index
    return candidates[-1]


def _drawn(plan: Balance, candidates: list[int], health: Health, now: float, chance: Chance) -> int:
    match plan.policy:
        case BalancePolicy.WEIGHTS:
            return weighted(plan, candidates, chance())
        case BalancePolicy.LEAST_LATENCY:
            # The power of two choices: picking the better of two random targets never sends all requests to one target.
            first = weighted(plan, candidates, chance())
            others = [index for index in candidates if index != first]
            second = weighted(plan, others, chance()) if others else first
            return min(first, second, key=lambda index: _latency(plan.targets[index], health, now))
        case BalancePolicy.LEAST_BUSY:
            # The order starts at a random target, so that equally busy targets take turns.
            start = int(chance() * len(candidates))
            turned = candidates[start:] + candidates[:start]
            return min(turned, key=lambda index: (1 + _busy(plan.targets[index], health)) / plan.weights[index])
        case _:
            assert_never(plan.policy)


def _latency(plan: Plan, health: Health, now: float) -> float:
    """The lowest latency of a target's leaves, in seconds. An unmeasured leaf counts as 0, so that it gets measured."""
    return min(health.latency(leaf.identity, now) or 0.0 for leaf in leaves(plan))


def _busy(plan: Plan, health: Health) -> int:
    return sum(health.busy(leaf.identity) for leaf in leaves(plan))


def _sticky_key(plan: Balance, sticky: StickyPolicy, view: View) -> bytes | None:
    """A digest of the request's values in the sticky fields; None when the request has none of the fields."""
    values = [_field(view, name) for name in sticky.fields]
    if all(value is MISSING for value in values):
        return None
    return hashlib.sha256(repr((plan.path, plan.identity, sticky.fields, values)).encode()).digest()


def _field(view: View, name: str) -> object:
    namespace, _, key = name.partition(".")
    match namespace:
        case "metadata":
            return view.metadata(key)
        case "params":
            return view.param(key)
        case _:
            return MISSING
