"""What a refused request is told: status, fields, headers."""

from __future__ import annotations

import json

import msgspec
import pytest

from limiting import NOON, budget, concurrency, hold, rate
from penstock.limits.counters import Exceeded, Standing
from penstock.limits.limit import Limit
from penstock.limits.refusal import BESIDE_A_PROVIDERS, duration, rate_headers, refusal, unusable
from penstock.limits.windows import DAY, SECOND, CalendarWindow


def exceeded(limit: Limit, needed: int, used: int, reserved: int = 0, wait: int | None = None) -> Exceeded:
    standings = (Standing(limit, used, wait or 0),) if limit.is_rate else ()
    return Exceeded(hold(limit, needed), used, reserved, wait, standings)


@pytest.mark.parametrize(
    ("limit", "status", "type_", "code"),
    [
        (budget(level="api_key"), 412, "api_key_exhaust_error", "04"),
        (budget(level="workspace"), 412, "workspace_exhaust_error", "04"),
        (budget(level="organisation"), 412, "organisation_exhaust_error", "04"),
        (budget(level="integration"), 412, "integration_exhaust_error", "04"),
        (budget(level="provider"), 412, "virtual_key_exhaust_error", "04"),
        (budget(level="policy"), 412, "usage_limits_policy_exhaust_error", "06"),
        (budget(exceeded_status=402), 402, "api_key_exhaust_error", "04"),
        (rate(level="api_key"), 429, "api_key_rate_limit_error", "05"),
        (rate(level="workspace"), 429, "workspace_rate_limit_error", "05"),
        (rate(level="provider"), 429, "virtual_key_rate_limit_error", "05"),
        (rate(level="integration"), 429, "integration_rate_limit_error", "05"),
        (rate(level="policy"), 429, "rate_limits_policy_exhaust_error", "06"),
        (concurrency(), 429, "api_key_rate_limit_error", "05"),
    ],
)
def test_status_type_and_code(limit: Limit, status: int, type_: str, code: str) -> None:
    refused = refusal(exceeded(limit, 1, limit.cap), NOON)
    assert (refused.status, refused.type, refused.code) == (status, type_, code)
    fields = refused.fields()
    assert fields["status"] == "failure"
    assert fields["message"] == fields["error"]["message"] == refused.message
    assert fields["error"]["penstock"]["limit_id"] == limit.id


def test_a_budget_is_told_in_dollars() -> None:
    limit = budget(1_500_000_000, window=CalendarWindow("day"))
    refused = refusal(exceeded(limit, 1, 1_000_000_000, 500_000_000), NOON)
    details = json.loads(msgspec.json.encode(refused.fields()))["error"]["penstock"]
    assert details == {
        "limit_id": "budget-cost",
        "level": "api_key",
        "kind": "cost",
        "value_key": "default",
        "limit": 1.5,
        "settled": 1,
        "reserved": 0.5,
        "needed": 1e-9,
        "resets_at": "2026-01-02T00:00:00Z",
    }
    assert "budget of 1.5 dollars: 1 dollars are spent and 0.5 dollars reserved" in refused.message
    assert "reset at 2026-01-02T00:00:00Z" in refused.message
    assert refused.headers == ()


def test_a_budget_that_is_never_reset() -> None:
    refused = refusal(exceeded(budget(100, "tokens"), 1, 100), NOON)
    assert "isn't reset" in refused.message
    assert refused.details["resets_at"] is None
    assert refused.retry_after is None


def test_how_long_a_budget_keeps_a_request_waiting() -> None:
    limit = budget(100, window=CalendarWindow("day"))
    assert refusal(exceeded(limit, 1, 100), NOON).retry_after == DAY // 2
    assert refusal(exceeded(limit, 60, 0, 100), NOON).retry_after is None, "requests under way may give it back sooner"
    assert refusal(exceeded(limit, 101, 0), NOON).retry_after is None, "no window has as much"
    by_429 = refusal(exceeded(budget(100, window=CalendarWindow("day"), exceeded_status=429), 1, 100), NOON)
    assert by_429.headers[0] == (b"retry-after", b"43200")


def test_the_headers_of_a_rate() -> None:
    refused = refusal(exceeded(rate(10), 1, 10, wait=1_200_300), NOON)
    assert refused.headers == (
        (b"retry-after", b"2"),
        (b"retry-after-ms", b"1201"),
        (b"x-ratelimit-limit-requests", b"10"),
        (b"x-ratelimit-remaining-requests", b"0"),
        (b"x-ratelimit-reset-requests", b"1.201s"),
    )
    assert "10 requests per minute: 10 are used" in refused.message


def test_what_can_never_fit_has_no_retry_after() -> None:
    refused = refusal(exceeded(rate(100, kind="tokens"), 101, 0), NOON)
    assert "never fit" in refused.message
    assert refused.retry_after is None
    assert not [name for name, _ in refused.headers if name.startswith(b"retry-after")]


def test_concurrency_says_no_time() -> None:
    refused = refusal(exceeded(concurrency(2), 1, 2), NOON)
    assert refused.headers == ()
    assert "2 requests at the same time" in refused.message


def test_of_each_kind_the_headers_tell_the_tightest() -> None:
    standings = (
        Standing(rate(10), 5, 60 * SECOND),
        Standing(rate(100, "rph"), 99, 3600 * SECOND),
        Standing(rate(50, kind="tokens"), 60, 0),
    )
    assert rate_headers(standings, BESIDE_A_PROVIDERS) == (
        (b"x-penstock-ratelimit-limit-requests", b"100"),
        (b"x-penstock-ratelimit-remaining-requests", b"1"),
        (b"x-penstock-ratelimit-reset-requests", b"1h0m0s"),
        (b"x-penstock-ratelimit-limit-tokens", b"50"),
        (b"x-penstock-ratelimit-remaining-tokens", b"0"),
        (b"x-penstock-ratelimit-reset-tokens", b"0s"),
    )
    assert rate_headers(()) == ()


def test_the_limit_that_refuses_is_told_even_beside_a_tighter_of_its_kind() -> None:
    refusing, fuller = rate(10, "rph"), rate(100)
    standings = (Standing(refusing, 10, SECOND), Standing(fuller, 100, SECOND))
    refused = refusal(Exceeded(hold(refusing), 10, 0, SECOND, standings), NOON)
    assert (b"x-ratelimit-limit-requests", b"10") in refused.headers


@pytest.mark.parametrize(
    ("micros", "text"),
    [
        (0, "0s"),
        (1, "1ms"),
        (999_000, "999ms"),
        (1_000_000, "1s"),
        (1_500_000, "1.5s"),
        (360_000_000, "6m0s"),
        (3_600_000_000, "1h0m0s"),
        (59_999_999, "1m0s"),
    ],
)
def test_durations(micros: int, text: str) -> None:
    assert duration(micros) == text


def test_a_request_that_cannot_be_judged() -> None:
    refused = unusable("Set max_tokens.", "estimate_not_bounded")
    assert refused.status == 400
    assert refused.fields()["error"] == {
        "message": "Set max_tokens.",
        "type": "invalid_request_error",
        "param": None,
        "code": "estimate_not_bounded",
    }
