"""Retries, limits, cache, breaker, rescue, hedging, stickiness: each as written, by default, and refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from penstock.core.failure import Failure, Kind
from penstock.core.outcome import ErrorClass
from penstock.routing import policies
from penstock.routing.breaker import BreakerPolicy
from penstock.routing.fields import Fields
from penstock.routing.plan import CachePolicy, HedgePolicy, RescuePolicy, RetryPolicy, StickyPolicy, Timeouts

Policy = Callable[[Fields], Any]
DEFAULT = frozenset({429, 500, 502, 503, 504, 529})
DAY = 86_400.0

READERS: dict[str, Policy] = {
    "retry": policies.retry,
    "timeouts": policies.timeouts,
    "cache": policies.cache,
    "cb_config": policies.breaker,
    "stream_rescue": policies.rescue,
    "hedge": policies.hedge,
    "sticky": policies.sticky,
}


def read(key: str, value: Any) -> Any:
    return READERS[key](Fields({key: value}, "config"))


def refusal(policy: Policy, values: dict[str, Any]) -> Failure:
    fields = Fields(values, "config")
    policy(fields)
    failure = fields.budget.problems.failure()
    assert failure is not None
    return failure


@pytest.mark.parametrize("key", READERS)
def test_nothing_said_is_no_policy(key: str) -> None:
    nothing = Timeouts() if key == "timeouts" else None
    assert READERS[key](Fields({}, "config")) == nothing
    assert read(key, None) == nothing


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"attempts": 3}, RetryPolicy(3, DEFAULT)),
        ({"attempts": 0}, RetryPolicy(0, DEFAULT)),
        ({"attempts": 5}, RetryPolicy(5, DEFAULT)),
        ({"attempts": 6}, RetryPolicy(5, DEFAULT)),
        ({"attempts": 1e300}, RetryPolicy(5, DEFAULT)),
        ({"attempts": -2}, RetryPolicy(0, DEFAULT)),
        ({"attempts": 2.9}, RetryPolicy(2, DEFAULT)),
        ({"attempts": 1, "on_status_codes": [408, "429"]}, RetryPolicy(1, frozenset({408, 429}))),
        ({"attempts": 1, "on_status_codes": []}, RetryPolicy(1, frozenset())),
        ({"attempts": 1, "on_error": ["timeout"]}, RetryPolicy(1, frozenset(), frozenset({ErrorClass.TIMEOUT}))),
        (
            {"attempts": 1, "on_error": ["auth"], "on_status_codes": [500]},
            RetryPolicy(1, frozenset({500}), frozenset({ErrorClass.AUTH})),
        ),
        ({"attempts": 1, "use_retry_after_header": True}, RetryPolicy(1, DEFAULT, use_retry_after=True)),
        ({"attempts": 1, "use_retry_after_header": False}, RetryPolicy(1, DEFAULT, use_retry_after=False)),
    ],
)
def test_retry(given: dict[str, Any], expected: RetryPolicy) -> None:
    assert read("retry", given) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, Timeouts()),
        ({"connect": 1, "first_token": 2.5, "idle": 3, "total": 4}, Timeouts(1.0, 2.5, 3.0, 4.0)),
        ({"connect": 0, "first_token": None, "idle": 0.0}, Timeouts()),
    ],
)
def test_timeouts(given: dict[str, Any], expected: Timeouts) -> None:
    assert read("timeouts", given) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("simple", CachePolicy(7 * DAY)),
        ("semantic", CachePolicy(7 * DAY)),
        ({"mode": "simple"}, CachePolicy(7 * DAY)),
        ({"mode": "semantic", "max_age": 60}, CachePolicy(60.0)),
        ({"mode": "simple", "max_age": 1e12}, CachePolicy(90 * DAY)),
    ],
)
def test_cache(given: Any, expected: CachePolicy) -> None:
    assert read("cache", given) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"failure_threshold": 3}, BreakerPolicy(failure_threshold=3, cooldown=30.0)),
        ({"failure_threshold_percentage": 50}, BreakerPolicy(failure_threshold_percentage=50.0, cooldown=30.0)),
        (
            {
                "failure_threshold": 5, "failure_threshold_percentage": 20, "minimum_requests": 4,
                "cooldown_interval": 60_000, "failure_status_codes": [429, "503"], "window": 10_000,
            },
            BreakerPolicy(
                failure_threshold=5, failure_threshold_percentage=20.0, minimum_requests=4, cooldown=60.0,
                failure_status_codes=frozenset({429, 503}), window=10.0,
            ),
        ),
        ({"failure_threshold": 1, "failure_status_codes": []}, BreakerPolicy(failure_threshold=1, cooldown=30.0, failure_status_codes=frozenset())),
    ],
)  # fmt: skip
def test_breaker(given: dict[str, Any], expected: BreakerPolicy) -> None:
    assert read("cb_config", given) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"mode": "buffer"}, RescuePolicy(None)),
        ({"mode": "buffer", "tokens": "all"}, RescuePolicy(None)),
        ({"mode": "buffer", "tokens": 8, "max_wait": 2}, RescuePolicy(8, 2.0)),
    ],
)
def test_rescue(given: dict[str, Any], expected: RescuePolicy) -> None:
    assert read("stream_rescue", given) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"delay": 1.5}, HedgePolicy(1.5, 5.0)),
        ({"delay": 0, "percent": 0}, HedgePolicy(0.0, 0.0)),
        ({"delay": 2, "percent": 50}, HedgePolicy(2.0, 50.0)),
    ],
)
def test_hedge(given: dict[str, Any], expected: HedgePolicy) -> None:
    assert read("hedge", given) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"hash_fields": ["metadata.user_id"]}, StickyPolicy(("metadata.user_id",), 3600.0)),
        ({"enabled": True, "hash_fields": ["params.user", "metadata.a"], "ttl": 60}, StickyPolicy(("params.user", "metadata.a"), 60.0)),
        ({"enabled": False, "hash_fields": ["metadata.a"]}, None),
        ({"enabled": False}, None),
    ],
)  # fmt: skip
def test_sticky(given: dict[str, Any], expected: StickyPolicy | None) -> None:
    assert read("sticky", given) == expected


@pytest.mark.parametrize(
    ("key", "given", "param", "reason"),
    [
        ("retry", 3, "retry", "Expected object, received number"),
        ("retry", {}, "retry.attempts", "Required: how many times to try again"),
        ("retry", {"attempts": "3"}, "retry.attempts", "Expected number, received string"),
        ("retry", {"attempts": 1, "on_status_code": []}, "retry.on_status_code", "did you mean 'on_status_codes'?"),
        ("retry", {"attempts": 1, "on_status_codes": 429}, "retry.on_status_codes", "Expected array, received number"),
        ("retry", {"attempts": 1, "on_error": ["timeouts"]}, "retry.on_error[0]", "did you mean 'timeout'?"),
        ("retry", {"attempts": 1, "use_retry_after_header": 1}, "retry.use_retry_after_header", "Expected boolean"),
        ("timeouts", {"firstToken": 1}, "timeouts.firstToken", "did you mean 'first_token'?"),
        ("timeouts", {"zzz": 1}, "timeouts.zzz", "there are connect, first_token, idle, total"),
        ("timeouts", {"idle": -1}, "timeouts.idle", "at least 0"),
        ("timeouts", {"idle": "1"}, "timeouts.idle", "Expected number, received string"),
        ("cache", {}, "cache.mode", "Must be one of: simple, semantic"),
        ("cache", "exact", "cache.mode", "Invalid 'cache.mode' value. Must be one of: simple, semantic"),
        ("cache", True, "cache", "Expected object, received boolean"),
        ("cache", {"mode": "simple", "max_ages": 1}, "cache.max_ages", "did you mean 'max_age'?"),
        ("cache", {"mode": "simple", "max_age": -1}, "cache.max_age", "at least 0"),
        ("cb_config", {}, "cb_config", "failure_threshold or failure_threshold_percentage"),
        ("cb_config", {"failure_threshold": 0}, "cb_config.failure_threshold", "at least 1"),
        ("cb_config", {"failure_threshold": 1, "cooldown_intervall": 1}, "cb_config.cooldown_intervall", "did you mean 'cooldown_interval'?"),
        ("cb_config", {"failure_threshold": 1, "cooldown_interval": -1}, "cb_config.cooldown_interval", "at least 0"),
        ("cb_config", {"failure_threshold": 1, "failure_status_codes": ["x"]}, "cb_config.failure_status_codes[0]", "Expected number, received string"),
        ("stream_rescue", {}, "stream_rescue.mode", "the only mode is 'buffer'"),
        ("stream_rescue", {"mode": "restart"}, "stream_rescue.mode", "the only mode is 'buffer'"),
        ("stream_rescue", {"mode": "buffer", "tokens": 0}, "stream_rescue.tokens", "at least 1"),
        ("stream_rescue", {"mode": "buffer", "tokens": "some"}, "stream_rescue.tokens", "Expected number, received string"),
        ("stream_rescue", {"mode": "buffer", "token": 1}, "stream_rescue.token", "did you mean 'tokens'?"),
        ("hedge", {}, "hedge.delay", "Required: the seconds"),
        ("hedge", {"delay": -1}, "hedge.delay", "at least 0"),
        ("hedge", {"delay": 1, "percent": -1}, "hedge.percent", "at least 0"),
        ("hedge", {"delay": 1, "percentage": 1}, "hedge.percentage", "did you mean 'percent'?"),
        ("sticky", {}, "sticky.hash_fields", "at least one field"),
        ("sticky", {"hash_fields": []}, "sticky.hash_fields", "at least one field"),
        ("sticky", {"hash_fields": "metadata.a"}, "sticky.hash_fields", "Expected array, received string"),
        ("sticky", {"hash_fields": ["metadata.a"], "ttl": 0}, "sticky.ttl", "at least 1"),
        ("sticky", {"hash_field": ["metadata.a"]}, "sticky.hash_field", "did you mean 'hash_fields'?"),
    ],
)  # fmt: skip
def test_what_is_refused(key: str, given: Any, param: str, reason: str) -> None:
    failure = refusal(READERS[key], {key: given})
    assert (failure.kind, failure.param, failure.plain) == (
        Kind.INVALID_CONFIG,
        f"config.{param}",
        "Invalid config passed",
    )
    assert reason in failure.message
    assert len(failure.details) == 1


@pytest.mark.parametrize("codes", [[200], [503, "204"], [299]])
def test_a_success_is_no_failure(codes: list[Any]) -> None:
    failure = refusal(policies.breaker, {"cb_config": {"failure_threshold": 1, "failure_status_codes": codes}})
    assert failure.param == "config.cb_config.failure_status_codes"
