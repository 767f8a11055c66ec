"""Refusals as failures, in the bodies of both wires. The table has a row for each kind of refusal."""

from __future__ import annotations

import json
from typing import Any

import pytest

from limiting import NOON, budget, concurrency, hold, rate
from penstock.core.failure import Blame, Kind
from penstock.core.outcome import ErrorClass, class_of
from penstock.dialects.registry import CALLERS
from penstock.limits.counters import Exceeded
from penstock.limits.refusal import LimitRefusal, refusal, unavailable, unusable
from penstock.pipeline.admission.limit_failure import limit_failure


def exceeded(limit: Any, amount: int = 1, wait: int | None = None) -> LimitRefusal:
    return refusal(Exceeded(hold(limit, amount), limit.cap, 0, wait, ()), NOON)


ROWS: list[tuple[LimitRefusal, Kind, int, str, str, str]] = [
    (exceeded(budget()), Kind.BUDGET_EXCEEDED, 412, "api_key_exhaust_error", "04", "billing_error"),
    (exceeded(budget(level="workspace")), Kind.BUDGET_EXCEEDED, 412, "workspace_exhaust_error", "04", "billing_error"),
    (exceeded(budget(level="provider")), Kind.BUDGET_EXCEEDED, 412, "virtual_key_exhaust_error", "04", "billing_error"),
    (exceeded(budget(level="integration")), Kind.BUDGET_EXCEEDED, 412, "integration_exhaust_error", "04", "billing_error"),
    (exceeded(budget(level="policy")), Kind.BUDGET_EXCEEDED, 412, "usage_limits_policy_exhaust_error", "06", "billing_error"),
    (exceeded(budget(exceeded_status=429)), Kind.BUDGET_EXCEEDED, 429, "api_key_exhaust_error", "04", "billing_error"),
    (exceeded(rate(), wait=10**6), Kind.RATE_LIMIT_EXCEEDED, 429, "api_key_rate_limit_error", "05", "rate_limit_error"),
    (exceeded(rate(level="policy"), wait=1), Kind.RATE_LIMIT_EXCEEDED, 429, "rate_limits_policy_exhaust_error", "06", "rate_limit_error"),
    (exceeded(concurrency()), Kind.RATE_LIMIT_EXCEEDED, 429, "api_key_rate_limit_error", "05", "rate_limit_error"),
    (unusable("No.", "unknown_price", "model"), Kind.LIMIT_UNDECIDED, 400, "invalid_request_error", "unknown_price", "invalid_request_error"),
    (unavailable(10**6), Kind.BUDGET_STORE_UNAVAILABLE, 503, "budget_store_unavailable", "budget_store_unavailable", "overloaded_error"),
]  # fmt: skip


@pytest.mark.parametrize(("refused", "kind", "status", "type_", "code", "anthropics"), ROWS)
def test_every_client_reads_why(
    refused: LimitRefusal, kind: Kind, status: int, type_: str, code: str, anthropics: str
) -> None:
    failure = limit_failure(refused)
    assert (failure.kind, failure.status, failure.meaning.type) == (kind, status, type_)
    told = {name: CALLERS[name].errors.failure(failure, "t") for name in ("openai_chat", "anthropic")}
    assert [reply.status for reply in told.values()] == [status, status]
    body = json.loads(told["openai_chat"].body)
    assert {name: body["error"][name] for name in ("type", "code", "param")} == {
        "type": type_, "code": code, "param": refused.param,
    }  # fmt: skip
    assert (body["status"], body["message"], body["error"]["message"]) == ("failure", refused.message, refused.message)
    assert ("penstock" in body["error"]) is bool(refused.details)
    body = json.loads(told["anthropic"].body)
    assert (body["type"], body["error"]["type"], body["error"]["code"]) == ("error", anthropics, code)
    assert refused.message in body["error"]["message"]


def test_clients_are_told_when_to_come_back_and_when_not() -> None:
    assert dict(limit_failure(exceeded(rate(), wait=1_500_000)).headers)[b"retry-after"] == b"2"
    never = dict(limit_failure(exceeded(rate(), amount=99)).headers)
    assert (never[b"x-should-retry"], b"retry-after" in never) == (b"false", False)
    assert not {b"x-should-retry", b"retry-after"} & dict(limit_failure(exceeded(concurrency())).headers).keys()
    assert limit_failure(exceeded(budget())).headers == ()


def test_routing_knows_what_kind_of_error_it_is() -> None:
    classes = [class_of(limit_failure(exceeded(limit, wait=1))) for limit in (budget(), rate())]
    assert classes == [ErrorClass.QUOTA, ErrorClass.RATE_LIMIT]
    assert limit_failure(unavailable(1)).meaning.blame is Blame.GATEWAY
