"""Errors in the words by which clients of Responses act: codes, headers, events and their numbers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.core.events import Fail
from penstock.core.failure import Failure, Kind, LimitFailure
from penstock.core.outcome import ErrorClass
from penstock.dialects.caller_errors import ProviderReply
from penstock.dialects.framing import sse
from penstock.dialects.provider_errors import ClassifiedError
from penstock.dialects.responses.caller.errors import ERRORS


def one(event: bytes) -> dict[str, Any]:
    ((name, data),) = sse.events(event)
    value: dict[str, Any] = json.loads(data)
    assert value["type"] == name.decode()
    return value


def provider(status: int, error: ErrorClass | None, body: bytes = b'{"error":{"message":"no"}}') -> tuple[int, Any]:
    reply = ProviderReply(
        status, [(b"retry-after", b"3"), (b"x-own", b"1")], body, "unit", ClassifiedError(status, error)
    )
    told = ERRORS.provider(reply, "trace")
    assert (b"retry-after", b"3") in told.headers
    assert ERRORS.has_shape(told.body)
    return told.status, json.loads(told.body)["error"]


def test_the_gateways_own() -> None:
    told = ERRORS.failure(Failure(Kind.MISSING_API_KEY, "No key."), "trace")
    assert told.status == 401
    assert (b"x-should-retry", b"false") in told.headers
    told = ERRORS.failure(Failure(Kind.INVALID_REQUEST, "No.", "input"), "trace")
    assert (told.status, json.loads(told.body)["error"]["param"]) == (400, "input")


def test_a_budget_that_is_used_up() -> None:
    penstock = {"resets_at": "2026-01-01T00:00:00+00:00"}
    told = ERRORS.failure(
        LimitFailure(Kind.BUDGET_EXCEEDED, "Used up.", limit_status=412, limit_type="x", penstock=penstock), "trace"
    )
    error = json.loads(told.body)["error"]
    assert (told.status, error["type"], error["code"]) == (429, "usage_limit_reached", "insufficient_quota")
    assert error["resets_at"] == 1767225600
    bare = LimitFailure(Kind.BUDGET_EXCEEDED, "x", limit_status=412, penstock={"resets_at": "soon"})
    assert "resets_at" not in json.loads(ERRORS.failure(bare, "").body)["error"]


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (ErrorClass.CONTEXT_LENGTH, 400, "context_length_exceeded"),
        (ErrorClass.QUOTA, 413, "insufficient_quota"),
        (ErrorClass.RATE_LIMIT, 413, "rate_limit_exceeded"),
        (None, 413, None),
    ],
)
def test_a_providers(error: ErrorClass | None, status: int, code: str | None) -> None:
    assert provider(413, error)[0] == status
    assert provider(413, error)[1]["code"] == code


def test_errors_as_events() -> None:
    told = one(ERRORS.event(Failure(Kind.TRUNCATED, "Cut."), "trace"))
    assert (told["message"], told["code"], told["sequence_number"]) == ("Cut.", "upstream_truncated", 0)
    assert told["error"]["message"] == "Cut."
    assert one(ERRORS.as_event(b"no json"))["code"] == "server_error"
    long = Fail("This model's maximum context length is 8192 tokens.", "invalid_request_error", status=400)
    assert one(ERRORS.provider_event(long, "unit", "trace"))["code"] == "context_length_exceeded"


def test_an_error_in_place_of_an_answer_is_told_as_an_error_and_not_as_an_event() -> None:
    event = ERRORS.provider_event(Fail("Busy.", code="overloaded"), "unit", "trace")
    ((_, data),) = sse.events(event)
    assert not ERRORS.has_shape(data)
    status, error = provider(502, ErrorClass.SERVER_ERROR, data)
    assert (status, error["message"], error["code"]) == (502, "unit error: Busy.", "overloaded")
    told = ERRORS.provider(ProviderReply(502, [], data, "unit", ClassifiedError(502, None)), "trace")
    assert json.loads(told.body).keys() == {"error", "message"}
