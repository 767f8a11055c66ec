"""The first attempt of a plan, and a walk that ends with it: what the generator would say, without it."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.core.failure import Kind
from penstock.core.outcome import ErrorClass, Outcome
from penstock.routing.first_attempt import first_attempt, walked_at_once
from penstock.routing.health import Health
from penstock.routing.walk import Attempt, WalkContext, Walked, walk
from playing import OK, Asked, answered, broken, compiled


def target(**settings: Any) -> dict[str, Any]:
    return {"provider": "echo", "api_key": "k", **settings}


def fallback(*targets: dict[str, Any], outer: dict[str, Any] | None = None, **rules: Any) -> dict[str, Any]:
    return {**(outer or {}), "strategy": {"mode": "fallback", **rules}, "targets": list(targets)}


RETRIES = {"attempts": 2, "on_status_codes": [500]}
PLANS: dict[str, dict[str, Any]] = {
    "one target": target(),
    "with a limit": target(timeouts={"total": 3}),
    "with retries": target(retry=RETRIES),
    "that waits": target(retry={"attempts": 1, "use_retry_after_header": True}),
    "without attempts": target(retry={"attempts": 0}),
    "fallback": fallback(target(), target()),
    "fallback with retries": fallback(target(retry=RETRIES), target(), outer={"timeouts": {"total": 2}}),
    "by status": fallback(target(), target(), on_status_codes=[200, 500]),
    "by error": fallback(target(), target(), on_error=["rate_limit"], return_on_error=["context_length"]),
    "to nobody": fallback(target(retry=RETRIES)),
    "within another": fallback(fallback(target(retry=RETRIES)), target()),
    "nested": fallback(fallback(target(timeouts={"total": 1}), target(), on_status_codes=[429]), target()),
}
OUTCOMES = {
    "good": OK,
    "500": answered(500),
    "429": answered(429, 70.0),
    "400": answered(400),
    "too long": answered(400, error=ErrorClass.CONTEXT_LENGTH),
    "filtered": answered(400, error=ErrorClass.CONTENT_FILTER),
    "an error in a stream": Outcome(429, broken(Kind.STREAM_ERROR).failure, error=ErrorClass.RATE_LIMIT),
    "silent": broken(Kind.FIRST_BYTE_TIMEOUT),
    "refused": broken(Kind.CONNECTION_REFUSED, sent=False),
    "stopping": broken(Kind.SHUTTING_DOWN, sent=False),
    "stored": Outcome(200, stored=True),
    "judged": Outcome(246, judged=True),
    "denied": Outcome(446, broken(Kind.UPSTREAM_STATUS).failure, judged=True),
}


def walked(plan: Any, outcome: Outcome) -> tuple[Attempt, Walked | None]:
    """The first step of the generator, and its result if this is the only one."""
    now = 7.0
    context = WalkContext(Asked(), lambda: now, lambda: 0.5, Health(), deadline=99.0)
    walker = walk(plan, context)
    step = next(walker)
    assert isinstance(step, Attempt)
    now = 7.25
    try:
        walker.send(outcome)
    except StopIteration as stop:
        result: Walked = stop.value
        return step, result
    return step, None


@pytest.mark.parametrize("outcome", OUTCOMES.values(), ids=OUTCOMES)
@pytest.mark.parametrize("config", PLANS.values(), ids=PLANS)
def test_the_generator_would_say_the_same(config: dict[str, Any], outcome: Outcome) -> None:
    plan = compiled(config)
    step, result = walked(plan, outcome)
    first = first_attempt(plan, 99.0, 7.0)
    assert first == step
    assert walked_at_once(plan, step.target, outcome, 0.25) == result


@pytest.mark.parametrize(
    "config",
    [
        {"strategy": {"mode": "loadbalance"}, "targets": [target()]},
        fallback({"strategy": {"mode": "loadbalance"}, "targets": [target(), target()]}, target()),
        fallback(target(), target(), hedge={"delay": 1}),
        fallback(target(cb_config={"failure_threshold": 1, "cooldown_interval": 60000}), target()),
    ],
)
def test_where_chance_and_health_have_a_say_the_walk_is_asked(config: dict[str, Any]) -> None:
    assert first_attempt(compiled(config), 99.0, 7.0) is None


def test_the_first_attempt_is_counted_once() -> None:
    plan, counted = compiled(target(retry=RETRIES)), []

    class Counting(Health):
        def count_attempt(self, provider: str, now: float) -> None:
            counted.append((provider, now))

    for is_counted in (False, True):
        context = WalkContext(Asked(), lambda: 1.0, lambda: 0.5, Counting(), is_counted=is_counted)
        walker = walk(plan, context)
        next(walker)
        walker.close()
        assert len(counted) == 1
