"""Errors for callers of Gemini."""

import json
from typing import Any

import pytest

from penstock.core.events import Fail
from penstock.core.failure import Failure, Kind, LimitFailure
from penstock.core.outcome import ErrorClass
from penstock.dialects.caller_errors import ErrorReply, ProviderReply, TargetError
from penstock.dialects.gemini.caller.errors import ERRORS, status_word
from penstock.dialects.provider_errors import ClassifiedError

LONG = b'{"error":{"message":"maximum context length is 100 tokens, but 1200 tokens were sent"}}'


def told(reply: ErrorReply) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(reply.body)["error"]
    assert found["code"] == reply.status
    return found


def provider(status: int, body: bytes, error: ErrorClass | None = None, **headers: str) -> dict[str, Any]:
    fields = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return told(ERRORS.provider(ProviderReply(status, fields, body, "openai", ClassifiedError(status, error)), ""))


@pytest.mark.parametrize(
    ("status", "word"),
    [
        (400, "INVALID_ARGUMENT"),
        (404, "NOT_FOUND"),
        (418, "FAILED_PRECONDITION"),
        (422, "INVALID_ARGUMENT"),
        (502, "INTERNAL"),
    ],
)
def test_words(status: int, word: str) -> None:
    assert status_word(status) == word


def test_the_gateways_own() -> None:
    reply = ERRORS.failure(Failure(Kind.MISSING_PROVIDER, "Who?", details=("a", "b")), "")
    assert told(reply) == {"code": 400, "message": "Who?\na\nb [missing_provider]", "status": "INVALID_ARGUMENT"}
    assert (b"x-penstock-error", b"missing_provider") in reply.headers
    assert told(ERRORS.failure(Failure(Kind.UNSUPPORTED_OPERATION, "No"), ""))["code"] == 501
    assert ERRORS.event(Failure(Kind.INTERNAL, "Oh"), "") == (
        b'data: {"error":{"code":500,"message":"Oh","status":"INTERNAL"}}\n\n'
    )


def test_only_a_rate_says_how_long_to_wait() -> None:
    headers = ((b"retry-after", b"7"),)
    rate = LimitFailure(Kind.RATE_LIMIT_EXCEEDED, "Slow", limit_status=429, headers=headers)
    assert told(ERRORS.failure(rate, ""))["details"][0]["retryDelay"] == "7s"
    budget = LimitFailure(Kind.BUDGET_EXCEEDED, "Spent", limit_status=412, headers=headers)
    error = told(ERRORS.failure(budget, ""))
    assert (error["code"], error["status"], "details" in error) == (429, "RESOURCE_EXHAUSTED", False)


def test_a_model_that_is_not_allowed_is_told_by_googles_word() -> None:
    error = told(ERRORS.failure(Failure(Kind.MODEL_NOT_ALLOWED, "No"), ""))
    assert (error["code"], error["status"]) == (403, "PERMISSION_DENIED")


def test_a_providers() -> None:
    assert provider(503, b'{"message":"Busy"}')["status"] == "UNAVAILABLE"
    assert provider(429, b'{"message":"Slow"}', retry_after="3")["details"][0]["retryDelay"] == "3s"
    assert "details" not in provider(429, b'{"message":"Spent"}', ErrorClass.QUOTA, retry_after="3")
    assert provider(500, b"<html>")["message"] == "Invalid response received from openai: <html>"
    error = provider(413, LONG, ErrorClass.CONTEXT_LENGTH)
    assert (error["code"], error["message"]) == (
        400,
        "The input token count (1200) exceeds the maximum number of tokens allowed (100).",
    )
    assert "exceeds the maximum" in provider(400, b'{"message":"too long"}', ErrorClass.CONTEXT_LENGTH)["message"]


def test_a_providers_within_a_stream() -> None:
    event = ERRORS.provider_event(Fail("Busy", "overloaded_error", status=529), "anthropic", "")
    assert json.loads(event[6:])["error"] == {"code": 529, "message": "Busy", "status": "UNAVAILABLE"}


def test_shapes_and_two_errors_in_one() -> None:
    body = b'{"error":{"code":400,"message":"No","status":"INVALID_ARGUMENT"}}'
    assert ERRORS.has_shape(body)
    assert not ERRORS.has_shape(b'{"error":{"message":"No"}}')
    assert not ERRORS.has_shape(b"no")
    last = TargetError("targets[1]", 500, body, None)
    both = json.loads(ERRORS.beside(TargetError("targets[0]", 400, body, None), last))["error"]["message"]
    assert both == "No (targets[0]; the last target, targets[1], answered with status 500: No)"
