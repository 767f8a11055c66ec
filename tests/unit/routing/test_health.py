"""What routing knows of targets and providers: circuits, load, speed, budgets, sticky choices, all bounded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.routing.advice import Advice, ChoiceKept, CircuitOpened, LatencyMeasured
from penstock.routing.breaker import BreakerPolicy
from penstock.routing.health import Health

BREAKER = BreakerPolicy(failure_threshold=2, cooldown=30.0)


def attempt(
    health: Health, now: float, status: int | None, took: float | None = None, breaker: BreakerPolicy | None = None
) -> bool:
    probe = health.attempt_started("t", breaker, now)
    health.attempt_ended("t", breaker, now, status=status, first_token=took, probe=probe)
    return probe


# Circuits.


def test_a_target_is_kept_away_until_its_probe_succeeds() -> None:
    health = Health()
    assert health.admits("t", BREAKER, 0.0)
    for status in (500, 200, 404, None, 502):
        assert not attempt(health, 0.0, status, breaker=BREAKER)
    assert not health.admits("t", BREAKER, 29.0)
    assert health.admits("other", BREAKER, 29.0)
    assert health.admits("t", BREAKER, 30.0)
    assert health.attempt_started("t", BREAKER, 30.0)
    assert not health.admits("t", BREAKER, 30.0)
    health.attempt_ended("t", BREAKER, 31.0, status=200, first_token=0.1, probe=True)
    assert health.admits("t", BREAKER, 31.0)


def test_circuits_are_counted_over_all_tenants() -> None:
    health = Health()
    assert health.circuits() == health.broken() == {}
    for part in (health, health.of("a", saved=True), health.of("b", saved=False)):
        for _ in range(2):
            attempt(part, 0.0, 500, breaker=BREAKER)
    attempt(health.of("c", saved=False), 0.0, 200, breaker=BREAKER)
    health.of("a", saved=True).attempt_started("t", BREAKER, 30.0)
    assert health.circuits() == {"open": 2, "half_open": 1, "closed": 1}
    assert health.broken() == {("t", "open"): 2, ("t", "half_open"): 1}


def test_asking_reserves_nothing() -> None:
    health = Health()
    for _ in range(2):
        attempt(health, 0.0, 500, breaker=BREAKER)
    assert all(health.admits("t", BREAKER, 30.0) for _ in range(5))


def test_a_beaten_or_cancelled_probe_gives_way() -> None:
    health = Health()
    for _ in range(2):
        attempt(health, 0.0, 500, breaker=BREAKER)
    assert attempt(health, 30.0, None, breaker=BREAKER)
    assert health.admits("t", BREAKER, 30.0)


def test_without_a_breaker_nothing_opens() -> None:
    health = Health()
    assert not any(attempt(health, 0.0, 500) for _ in range(10))
    assert health.admits("t", BREAKER, 0.0)


# Load.


def test_attempts_in_flight_are_counted() -> None:
    health = Health()
    assert health.busy("t") == 0
    for _ in range(3):
        health.attempt_started("t", None, 0.0)
    assert (health.busy("t"), health.busy("other")) == (3, 0)
    health.attempt_ended("t", None, 1.0, status=None, first_token=None, probe=False)
    assert health.busy("t") == 2


def test_a_forgotten_target_breaks_no_end() -> None:
    health = Health(targets=1)
    for _ in range(2):
        attempt(health, 0.0, 500, breaker=BREAKER)
    probe = health.attempt_started("t", BREAKER, 30.0)
    health.attempt_started("other", None, 30.0)
    assert health.busy("t") == 0
    health.attempt_ended("t", BREAKER, 31.0, status=500, first_token=None, probe=probe)
    assert health.busy("t") == 0
    assert health.admits("t", BREAKER, 31.0)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=40), st.integers(1, 3))
def test_the_count_in_flight_is_exact_unless_forgotten_and_never_negative(
    steps: list[tuple[str, bool]], size: int
) -> None:
    health = Health(targets=size)
    running = dict.fromkeys("abc", 0)
    for target, begins in steps:
        if begins:
            health.attempt_started(target, None, 0.0)
            running[target] += 1
        elif running[target]:
            health.attempt_ended(target, None, 0.0, status=200, first_token=None, probe=False)
            running[target] -= 1
        for name, count in running.items():
            assert 0 <= health.busy(name) <= count
            assert size < 3 or health.busy(name) == count


# Speed.


def test_the_first_sample_is_the_average_and_later_ones_move_it() -> None:
    health = Health()
    assert health.latency("t", 0.0) is None
    attempt(health, 0.0, 200, 1.0)
    assert health.latency("t", 0.0) == 1.0
    attempt(health, 10.0, 200, 2.0)
    assert health.latency("t", 10.0) == pytest.approx(1.632, abs=0.001)
    attempt(health, 40.0, 200, 0.5)
    assert health.latency("t", 40.0) == pytest.approx(0.556, abs=0.001)


def test_a_burst_counts() -> None:
    health = Health()
    attempt(health, 5.0, 200, 1.0)
    for _ in range(100):
        attempt(health, 5.0, 200, 3.0)
    assert health.latency("t", 5.0) == pytest.approx(3.0, abs=0.05)


@pytest.mark.parametrize(
    ("status", "took", "breaker", "expected"),
    [
        (500, 0.01, None, 5.0),
        (429, None, None, 5.0),
        (400, 9.0, None, 9.0),
        (200, 0.01, BreakerPolicy(failure_threshold=9, cooldown=1.0, failure_status_codes=frozenset({200})), 5.0),
        (200, None, None, None),
        (None, 0.5, None, None),
    ],
)
def test_what_makes_a_sample(
    status: int | None, took: float | None, breaker: BreakerPolicy | None, expected: float | None
) -> None:
    health = Health()
    attempt(health, 1.0, status, took, breaker)
    assert health.latency("t", 1.0) == expected


def test_an_old_average_is_unknown_and_starts_anew() -> None:
    health = Health()
    attempt(health, 1000.0, 500)
    assert health.latency("t", 1059.0) == 5.0
    assert health.latency("t", 1060.0) is None
    attempt(health, 1060.0, 200, 0.5)
    assert health.latency("t", 1060.0) == 0.5


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 60)), min_size=1, max_size=30))
def test_an_average_lies_between_its_samples(samples: list[tuple[float, float]]) -> None:
    health, now = Health(), 0.0
    for passed, took in samples:
        now += passed
        attempt(health, now, 200, took)
    tooks = [took for _, took in samples]
    average = health.latency("t", now)
    assert average is not None
    assert min(tooks) - 1e-9 <= average <= max(tooks) + 1e-9


# Budgets.


def test_the_retry_budget_is_spent_and_filled_again() -> None:
    health = Health()
    assert sum(health.may_retry("p", 0.0) for _ in range(200)) == 100
    assert health.may_retry("other", 0.0)
    assert sum(health.may_retry("p", 1.0) for _ in range(200)) == 10
    for _ in range(50):
        health.count_attempt("p", 1.0)
    assert sum(health.may_retry("p", 1.0) for _ in range(200)) in {9, 10}
    assert sum(health.may_retry("p", 1000.0) for _ in range(200)) == 100


@given(
    st.lists(st.tuples(st.floats(0, 3), st.integers(0, 60), st.integers(0, 60)), max_size=40),
)
def test_retries_stay_within_their_share(steps: list[tuple[float, int, int]]) -> None:
    health, now, attempts, retries = Health(), 0.0, 0, 0
    for passed, new, failed in steps:
        now += passed
        for _ in range(new):
            health.count_attempt("p", now)
        attempts += new
        retries += sum(health.may_retry("p", now) for _ in range(failed))
        assert retries <= 100 + 10 * now + 0.2 * attempts + 1e-6


def test_the_hedge_budget_is_a_percentage_of_what_could_be_hedged() -> None:
    health = Health()
    assert sum(health.may_hedge("n", 5, 0.0) for _ in range(50)) == 10
    assert not health.may_hedge("n", 5, 1000.0)
    hedges = 0
    for _ in range(1000):
        health.count_hedgeable("n", 5, 1000.0)
        hedges += health.may_hedge("n", 5, 1000.0)
    assert hedges in {49, 50}
    assert health.may_hedge("other", 5, 1000.0)


def test_a_saved_up_hedge_budget_has_an_end() -> None:
    health = Health()
    for _ in range(1000):
        health.count_hedgeable("n", 100, 0.0)
    assert sum(health.may_hedge("n", 100, 0.0) for _ in range(50)) == 10


def test_no_percentage_is_no_hedge() -> None:
    health = Health()
    health.count_hedgeable("n", 0, 0.0)
    assert not health.may_hedge("n", 0, 0.0)


# Sticky choices.


def test_a_choice_sticks_until_it_expires() -> None:
    health = Health()
    assert health.sticky_choice("k", 0.0) is None
    health.keep_choice("k", 0, 10.0)
    assert health.sticky_choice("k", 9.9) == 0
    assert health.sticky_choice("k", 10.0) is None
    health.keep_choice("k", 2, 20.0)
    assert (health.sticky_choice("k", 15.0), health.sticky_choice("other", 15.0)) == (2, None)


def test_what_was_not_used_for_longest_is_forgotten_first() -> None:
    health = Health(targets=2, providers=2, hedging_nodes=2, sticky_choices=2)
    for name in ("a", "b"):
        health.keep_choice(name, 1, 10.0)
    assert health.sticky_choice("a", 0.0) == 1
    health.keep_choice("c", 1, 10.0)
    assert [health.sticky_choice(name, 0.0) for name in ("a", "b", "c")] == [1, None, 1]
    for number in range(100):
        name = str(number)
        health.attempt_started(name, BREAKER, 0.0)
        health.count_attempt(name, 0.0)
        health.count_hedgeable(name, 5, 0.0)
        health.keep_choice(name, 1, 10.0)
    sizes = [len(room) for room in (health._targets, health._retries, health._hedges, health._choices)]
    assert sizes == [2, 2, 2, 2]


# Tenants.


def test_each_tenant_has_a_health_of_its_own_and_another_for_saved_configs() -> None:
    health = Health()
    parts = [health.of(tenant, saved=saved) for tenant in ("", "a", "b") for saved in (False, True)]
    assert parts[0] is health
    assert len({id(part) for part in parts}) == len(parts)
    assert health.of("a", saved=True) is health.of("a", saved=True)
    for part in parts[:-1]:
        for _ in range(2):
            attempt(part, 0.0, 500, breaker=BREAKER)
        while part.may_retry("p", 0.0):
            pass
        part.keep_choice("k", 1, 99.0)
    assert not parts[0].admits("t", BREAKER, 1.0)
    last = parts[-1]
    assert (last.admits("t", BREAKER, 1.0), last.may_retry("p", 0.0), last.sticky_choice("k", 1.0)) == (
        True,
        True,
        None,
    )


def test_an_opened_circuit_is_told_once_with_its_tenant_and_opens_elsewhere_for_the_rest_of_its_time() -> None:
    told: list[tuple[Advice, float]] = []
    policy = BreakerPolicy(failure_threshold=1, cooldown=10.0)
    first, second = Health(), Health()
    first.on_advice = lambda advice, now: told.append((advice, now))
    for now in (1.0, 2.0):
        probe = first.of("a", saved=True).attempt_started("t", policy, now)
        first.of("a", saved=True).attempt_ended("t", policy, now, status=500, first_token=None, probe=probe)
    opened = CircuitOpened("a", True, "t", 10.0)
    assert [each for each in told if isinstance(each[0], CircuitOpened)] == [(opened, 1.0)]
    second.advise(opened, 1.0)
    second.advise(opened, 5.0)
    admitted = [second.of("a", saved=True).admits("t", policy, now) for now in (10.9, 11.0)]
    assert admitted == [False, True]
    assert second.admits("t", policy, 2.0)


def test_a_latency_is_told_once_a_second_and_is_known_elsewhere_while_there_is_no_newer_one() -> None:
    told: list[tuple[Advice, float]] = []
    first, second = Health(), Health()
    first.on_advice = lambda advice, now: told.append((advice, now))
    for now, seconds in ((1.0, 0.5), (1.5, 9.0), (2.0, 0.5)):
        first.attempt_started("t", None, now)
        first.attempt_ended("t", None, now, status=200, first_token=seconds, probe=False)
    assert [now for _, now in told] == [1.0, 2.0]
    assert told[0][0] == LatencyMeasured("", False, "t", 0.5)
    second.advise(*told[0])
    assert (second.latency("t", 2.0), second.latency("t", 61.0)) == (0.5, None)
    second.attempt_started("t", None, 30.0)
    second.attempt_ended("t", None, 30.0, status=200, first_token=2.0, probe=False)
    own = second.latency("t", 30.0)
    second.advise(LatencyMeasured("", False, "t", 7.0), 35.0)
    assert second.latency("t", 35.0) == own
    second.advise(LatencyMeasured("", False, "t", 7.0), 41.0)
    assert second.latency("t", 41.0) == 7.0


def test_a_choice_of_another_process_is_kept_where_there_is_none() -> None:
    health = Health()
    health.advise(ChoiceKept("a", True, "k", 1, 10.0), 5.0)
    health.advise(ChoiceKept("a", True, "k", 2, 10.0), 6.0)
    own = health.of("a", saved=True)
    assert (own.sticky_choice("k", 14.9), own.sticky_choice("k", 15.0), health.sticky_choice("k", 6.0)) == (
        1,
        None,
        None,
    )
