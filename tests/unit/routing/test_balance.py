"""Which target a balancer chooses: by weight, by speed, by load, and the same one again where it is sticky."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.routing.balance import pick, weighted
from penstock.routing.health import Health
from penstock.routing.plan import Balance, Target, leaves
from playing import Asked, compiled

DRAWS = 10_000


def balancer(weights: Sequence[float], **strategy: Any) -> Balance:
    targets = [{"provider": "echo", "api_key": f"k{index}", "weight": weight} for index, weight in enumerate(weights)]
    plan = compiled({"strategy": {"mode": "loadbalance", **strategy}, "targets": targets})
    assert isinstance(plan, Balance)
    return plan


def candidates(plan: Balance) -> list[int]:
    return [index for index, weight in enumerate(plan.weights) if weight > 0]


def picked(plan: Balance, chance: float, health: Health, now: float = 0.0, view: Asked | None = None) -> int:
    """The choice when every draw is the same."""
    return pick(plan, candidates(plan), view or Asked(), health, now, lambda: chance)


def user(name: object) -> Asked:
    return Asked(metadata={"user_id": name})


def drawn(plan: Balance, health: Health | None = None, *, draws: int = DRAWS, seed: int = 1) -> Counter[int]:
    chance, health = random.Random(seed).random, health or Health()
    return Counter(pick(plan, candidates(plan), Asked(), health, 0.0, chance) for _ in range(draws))


def assert_follows(counts: Counter[int], weights: Sequence[float]) -> None:
    """Every count within four standard deviations of what its weight promises."""
    draws = counts.total()
    for index, weight in enumerate(weights):
        share = weight / sum(weights)
        assert abs(counts[index] - draws * share) <= 4 * math.sqrt(draws * share * (1 - share)), (index, counts)


# Weights.


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "weights", [[1, 1], [3, 1], [0.95, 0.05], [1, 0, 1], [0, 0, 5], [0.001, 0.002, 0.003], [5, 4, 3, 2, 1], [1e-9, 1]]
)
def test_draws_follow_the_weights(weights: list[float], seed: int) -> None:
    counts = drawn(balancer(weights), seed=seed)
    assert_follows(counts, weights)
    assert all(weights[index] > 0 for index in counts)


@given(
    st.lists(st.floats(0, 1e6), min_size=1, max_size=6).filter(lambda weights: sum(weights) > 0),
    st.floats(0, 1, exclude_max=True),
)
def test_every_chance_leads_to_a_target_with_a_weight(weights: list[float], chance: float) -> None:
    plan = balancer(weights)
    index = weighted(plan, candidates(plan), chance)
    assert weights[index] > 0
    before, total = sum(weights[:index]), sum(weights)
    assert before / total - 1e-9 <= chance <= (before + weights[index]) / total + 1e-9


def test_the_ends_of_the_line() -> None:
    plan = balancer([0, 1, 2, 0])
    assert [weighted(plan, [1, 2], chance) for chance in (0.0, 0.33, 0.34, 0.999999, 1.0)] == [1, 1, 2, 2, 2]


def test_among_the_candidates_the_weights_hold_as_before() -> None:
    plan, chance = balancer([6, 3, 1]), random.Random(1).random
    counts = Counter(pick(plan, [1, 2], Asked(), Health(), 0.0, chance) for _ in range(DRAWS))
    assert_follows(counts, [0, 3, 1])


# Sticky choices.

STICKY = {"hash_fields": ["metadata.user_id"], "ttl": 100}


def choices(plan: Balance, names: Sequence[object], health: Health, now: float = 0.0, seed: int = 1) -> list[int]:
    chance = random.Random(seed).random
    return [pick(plan, candidates(plan), user(name), health, now, chance) for name in names]


def test_the_same_fields_lead_to_the_same_target_whatever_the_dice() -> None:
    plan, health, names = balancer([1, 1, 1], sticky=STICKY), Health(), range(50)
    first = choices(plan, names, health)
    assert set(first) == {0, 1, 2}
    assert all(choices(plan, names, health, now, seed) == first for seed, now in enumerate((0.0, 50.0, 99.0)))
    assert choices(plan, names, Health(), seed=7) == first, "another replica agrees"


def test_users_are_distributed_by_the_weights() -> None:
    weights = [6, 3, 1, 0]
    plan = balancer(weights, sticky=STICKY)
    assert_follows(Counter(choices(plan, range(DRAWS), Health())), weights)


def test_a_choice_outlives_the_absence_of_its_target_only_until_another_is_made() -> None:
    plan, health, now = balancer([1, 1], sticky=STICKY), Health(), 0.0
    view = user("ann")
    first = pick(plan, [0, 1], view, health, now, lambda: 0.0)
    other = 1 - first
    assert pick(plan, [other], view, health, 1.0, lambda: 0.0) == other
    assert pick(plan, [0, 1], view, health, 2.0, lambda: 0.0) == other
    assert pick(plan, [0, 1], view, health, 101.0, lambda: 0.0) == first


def test_a_request_without_any_of_the_fields_is_drawn() -> None:
    plan, health = balancer([1, 1], sticky={"hash_fields": ["metadata.user_id", "params.user", "nonsense"]}), Health()
    assert [picked(plan, chance, health) for chance in (0.1, 0.9)] == [0, 1]
    by_param = {picked(plan, chance, health, view=Asked(params={"user": "u"})) for chance in (0.1, 0.9)}
    assert len(by_param) == 1


def test_every_field_and_its_type_tells_users_apart() -> None:
    plan = balancer([1] * 64, sticky={"hash_fields": ["metadata.user_id", "params.user"]})
    views = [
        user("1"), user(1), user(True), user(None), user(["1"]), Asked(params={"user": "1"}),
        Asked(params={"user": "1"}, metadata={"user_id": "1"}),
    ]  # fmt: skip
    assert len({picked(plan, 0.0, Health(), view=view) for view in views}) > 3


def test_balancers_with_other_targets_choose_on_their_own() -> None:
    health, names = Health(), range(200)
    one = choices(balancer([1, 1], sticky=STICKY), names, health)
    other = choices(balancer([1, 1, 0], sticky=STICKY), names, health)
    assert 60 < sum(first == second for first, second in zip(one, other, strict=True)) < 140


# Speed.


def measured(plan: Balance, latencies: Sequence[float | None], now: float = 0.0) -> Health:
    health = Health()
    for target, latency in zip(plan.targets, latencies, strict=True):
        assert isinstance(target, Target)
        if latency is not None:
            health.attempt_started(target.identity, None, now)
            health.attempt_ended(target.identity, None, now, status=200, first_token=latency, probe=False)
    return health


@pytest.mark.parametrize(
    ("latencies", "shares"),
    [
        # Of two there is only one better one; of three the best is among two draws twice in three times.
        ([0.1, 0.9], [1, 0]),
        ([0.9, 0.1], [0, 1]),
        ([0.5, 0.1, 0.9], [1, 2, 0]),
        ([0.1, None], [0, 1]),
        ([0.9, 0.1, None], [0, 1, 2]),
        ([None, None], [1, 1]),
        ([0.5, 0.5, 0.5], [1, 1, 1]),
    ],
)
def test_the_faster_of_two_random_ones(latencies: list[float | None], shares: list[int]) -> None:
    plan = balancer([1] * len(latencies), policy="least_latency")
    assert_follows(drawn(plan, measured(plan, latencies)), shares)


def test_a_weight_of_zero_is_slower_than_anything() -> None:
    plan = balancer([1, 0, 1], policy="least_latency")
    assert drawn(plan, measured(plan, [0.9, 0.1, 0.5])) == {2: DRAWS}


def test_a_single_target_is_always_the_fastest() -> None:
    plan = balancer([1], policy="least_latency")
    assert drawn(plan) == {0: DRAWS}


def test_what_was_measured_long_ago_is_explored_again() -> None:
    plan = balancer([1, 1], policy="least_latency")
    health = measured(plan, [9.0, None], 0.0)
    fast = leaves(plan)[1].identity
    health.attempt_started(fast, None, 50.0)
    health.attempt_ended(fast, None, 50.0, status=200, first_token=0.1, probe=False)
    assert [picked(plan, chance, health, 55.0) for chance in (0.1, 0.9)] == [1, 1]
    assert [picked(plan, chance, health, 60.0) for chance in (0.1, 0.9)] == [0, 0]


def test_a_part_of_the_tree_is_as_fast_as_its_best_leaf() -> None:
    inner = {"strategy": {"mode": "fallback"}, "targets": [{"provider": "echo", "api_key": key} for key in "ab"]}
    plan = compiled(
        {"strategy": {"mode": "loadbalance", "policy": "least_latency"}, "targets": [inner, {"provider": "groq"}]}
    )
    assert isinstance(plan, Balance)
    health = Health()
    for leaf, latency in zip(leaves(plan), (0.9, 0.1, 0.5), strict=True):
        health.attempt_started(leaf.identity, None, 0.0)
        health.attempt_ended(leaf.identity, None, 0.0, status=200, first_token=latency, probe=False)
    assert drawn(plan, health) == {0: DRAWS}


# Load.


def test_requests_that_last_are_evened_out() -> None:
    plan, health, chance = balancer([1, 1, 1, 1], policy="least_busy"), Health(), random.Random(1).random
    counts: Counter[int] = Counter()
    for number in range(1, 401):
        index = pick(plan, [0, 1, 2, 3], Asked(), health, 0.0, chance)
        health.attempt_started(leaves(plan)[index].identity, None, 0.0)
        counts[index] += 1
        assert max(counts.values()) - min(counts[each] for each in range(4)) <= 1, number


def test_load_is_relative_to_the_weight() -> None:
    plan, health, chance = balancer([3, 1], policy="least_busy"), Health(), random.Random(1).random
    for _ in range(400):
        index = pick(plan, [0, 1], Asked(), health, 0.0, chance)
        health.attempt_started(leaves(plan)[index].identity, None, 0.0)
    assert [health.busy(leaf.identity) for leaf in leaves(plan)] == [300, 100]


def test_idle_targets_take_turns() -> None:
    assert_follows(drawn(balancer([1, 1, 1], policy="least_busy")), [1, 1, 1])


def test_a_freed_target_is_next() -> None:
    plan, health = balancer([1, 1], policy="least_busy"), Health()
    busy, idle = leaves(plan)
    health.attempt_started(busy.identity, None, 0.0)
    assert [picked(plan, chance, health) for chance in (0.0, 0.4, 0.6, 0.99)] == [1, 1, 1, 1]
    health.attempt_ended(busy.identity, None, 1.0, status=None, first_token=None, probe=False)
    health.attempt_started(idle.identity, None, 1.0)
    assert picked(plan, 0.99, health, 1.0) == 0


@given(
    st.sampled_from(["weights", "least_latency", "least_busy"]),
    st.lists(st.sampled_from([0, 1, 2.5]), min_size=1, max_size=5),
    st.integers(0, 99),
)
def test_no_policy_chooses_what_is_no_candidate(policy: str, weights: list[float], seed: int) -> None:
    plan = balancer([*weights, 1], policy=policy)
    among = candidates(plan)[seed % len(candidates(plan)) :]
    chance = random.Random(seed).random
    assert all(pick(plan, among, Asked(), Health(), 0.0, chance) in among for _ in range(5))
