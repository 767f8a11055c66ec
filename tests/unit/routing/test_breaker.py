"""The circuit breaker: when it opens, how it is probed, and what no sequence of events can make it do."""

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.routing.breaker import BreakerPolicy, Circuit, counts_as_failure

COUNT = BreakerPolicy(failure_threshold=3, cooldown=30.0)
SHARE = BreakerPolicy(failure_threshold_percentage=50, minimum_requests=4, cooldown=30.0)


def attempt(state: Circuit, policy: BreakerPolicy, now: float, *, failed: bool | None) -> bool:
    """One attempt from begin to end; whether it was a probe."""
    probe = state.attempt_started(policy, now)
    state.attempt_ended(policy, now, failed=failed, probe=probe)
    return probe


def opened(policy: BreakerPolicy = COUNT, now: float = 0.0) -> Circuit:
    state = Circuit()
    for _ in range(3):
        attempt(state, policy, now, failed=True)
    assert not state.admits(policy, now)
    return state


@pytest.mark.parametrize(
    ("codes", "failures"),
    [(None, {500, 503, 599}), (frozenset({429, 500}), {429, 500}), (frozenset(), set())],
)
def test_which_statuses_are_failures(codes: frozenset[int] | None, failures: set[int]) -> None:
    breaker = BreakerPolicy(failure_threshold=1, cooldown=1.0, failure_status_codes=codes)
    assert {status for status in (200, 400, 429, 499, 500, 503, 599) if counts_as_failure(breaker, status)} == failures


def test_it_opens_at_the_number_of_failures() -> None:
    state = Circuit()
    for failed in (True, False, True, None, False):
        attempt(state, COUNT, 1.0, failed=failed)
        assert state.admits(COUNT, 1.0)
    attempt(state, COUNT, 1.0, failed=True)
    assert not state.admits(COUNT, 1.0)


@pytest.mark.parametrize(
    ("results", "opens"),
    [
        ([True, True, True], False),
        ([True, True, False, False], True),
        ([True, False, False, False], False),
        ([True, True, True, False], True),
        ([True, None, None, True, None], False),
        ([False] * 10 + [True] * 9, False),
        ([False] * 10 + [True] * 10, True),
    ],
)
def test_it_opens_at_the_percentage_of_enough_requests(results: list[bool | None], opens: bool) -> None:
    state = Circuit()
    for failed in results:
        attempt(state, SHARE, 1.0, failed=failed)
    assert state.admits(SHARE, 1.0) is not opens


def test_without_a_failure_it_never_opens() -> None:
    state, policy = (
        Circuit(),
        BreakerPolicy(failure_threshold=0, failure_threshold_percentage=0, minimum_requests=0, cooldown=1.0),
    )
    for _ in range(20):
        attempt(state, policy, 0.0, failed=False)
    assert state.admits(policy, 0.0)


def test_failures_outside_of_the_window_are_forgotten() -> None:
    state = Circuit()
    for now in (0.0, 40.0, 61.0, 101.0):
        attempt(state, COUNT, now, failed=True)
        assert state.admits(COUNT, now)
    attempt(state, COUNT, 110.0, failed=True)
    assert not state.admits(COUNT, 110.0)


def test_a_successful_probe_closes_and_forgets() -> None:
    state = opened()
    assert attempt(state, COUNT, 30.0, failed=False)
    assert state.state == "closed"
    for _ in range(2):
        attempt(state, COUNT, 30.0, failed=True)
    assert state.admits(COUNT, 30.0)


def test_a_failed_probe_opens_for_another_cooldown() -> None:
    state = opened()
    assert attempt(state, COUNT, 40.0, failed=True)
    assert not state.admits(COUNT, 69.0)
    assert state.admits(COUNT, 70.0)


def test_only_one_probe_at_a_time_and_a_cancelled_one_gives_way() -> None:
    state = opened()
    assert state.attempt_started(COUNT, 30.0)
    assert state.state == "half_open"
    assert not state.admits(COUNT, 30.0)
    assert not state.attempt_started(COUNT, 31.0)
    state.attempt_ended(COUNT, 32.0, failed=None, probe=True)
    assert state.admits(COUNT, 32.0)
    assert state.attempt_started(COUNT, 32.0)


def test_attempts_made_in_spite_of_an_open_circuit_decide_nothing() -> None:
    state = opened()
    assert not attempt(state, COUNT, 10.0, failed=False)
    assert not state.admits(COUNT, 10.0)
    assert not attempt(state, COUNT, 20.0, failed=True)
    assert state.admits(COUNT, 30.0)
    assert state.attempt_started(COUNT, 30.0)
    state.attempt_ended(COUNT, 31.0, failed=True, probe=False)
    assert not state.admits(COUNT, 31.0)
    state.attempt_ended(COUNT, 32.0, failed=False, probe=True)
    assert state.admits(COUNT, 32.0)


def test_every_policy_waits_its_own_cooldown() -> None:
    patient = BreakerPolicy(failure_threshold=3, cooldown=90.0)
    state = opened()
    assert state.admits(COUNT, 30.0)
    assert not state.admits(patient, 30.0)
    assert not state.attempt_started(patient, 30.0)
    assert state.admits(patient, 90.0)


POLICIES = st.builds(
    BreakerPolicy,
    failure_threshold=st.none() | st.integers(1, 5),
    failure_threshold_percentage=st.none() | st.floats(1, 100),
    minimum_requests=st.integers(1, 5),
    cooldown=st.floats(1, 50),
    window=st.floats(1, 100),
)
STEPS = st.lists(
    st.tuples(
        st.floats(0, 20),
        st.sampled_from(["begin", "end"]),
        st.sampled_from([True, True, False, None]),
        st.integers(0, 9),
    ),
    max_size=80,
)


@given(POLICIES, STEPS)
def test_no_admission_before_the_cooldown_and_never_two_probes(
    policy: BreakerPolicy, steps: list[tuple[float, str, bool | None, int]]
) -> None:
    state, now, until = Circuit(), 0.0, 0.0
    running: list[bool] = []
    for passed, action, failed, which in steps:
        now += passed
        if action == "begin":
            running.append(state.attempt_started(policy, now))
        elif running:
            probe = running.pop(which % len(running))
            could = state.admits(policy, now) or probe
            state.attempt_ended(policy, now, failed=failed, probe=probe)
            if could and not state.admits(policy, now):
                until = now + policy.cooldown
        assert running.count(True) <= 1
        assert not (True in running and state.admits(policy, now))
        assert now >= until or not (state.admits(policy, now) or any(running))


@given(POLICIES, st.lists(st.tuples(st.floats(0, 30), st.booleans()), max_size=60))
def test_what_is_counted_lies_within_the_window(policy: BreakerPolicy, results: list[tuple[float, bool]]) -> None:
    """It opens at the latest when (nearly) nine tenths of the window hold too many failures, and never for older ones."""
    threshold = policy.failure_threshold or 3
    policy = BreakerPolicy(failure_threshold=threshold, cooldown=policy.cooldown, window=policy.window)
    state, now, seen = Circuit(), 0.0, deque[tuple[float, bool]]()
    for passed, failed in results:
        now += passed
        attempt(state, policy, now, failed=failed)
        seen.append((now, failed))
        recent = sum(failed for when, failed in seen if when > now - policy.window * 0.89)
        at_most = sum(failed for when, failed in seen if when > now - policy.window)
        if not state.admits(policy, now):
            assert at_most >= threshold
            return
        assert recent < threshold


def test_memory_does_not_grow_with_traffic() -> None:
    state, policy = Circuit(), BreakerPolicy(failure_threshold_percentage=100, cooldown=1.0, window=10.0)
    for step in range(5000):
        attempt(state, policy, step / 100, failed=step % 2 == 0)
    assert len(state._buckets) <= 10
    assert sum(bucket.requests for bucket in state._buckets) <= 1000
