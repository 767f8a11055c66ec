"""Errors for Anthropic's callers: the shape, the type by status, and the words by which clients act."""

from __future__ import annotations

import json
import time
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.events import Fail
from penstock.core.failure import Failure, Kind
from penstock.core.http import Headers
from penstock.core.outcome import ErrorClass
from penstock.dialects.anthropic.caller.errors import ERRORS, error_type, too_long
from penstock.dialects.caller_errors import ErrorReply, ProviderReply
from penstock.dialects.framing import sse
from penstock.dialects.provider_errors import ClassifiedError, read_error

TRACE: Final = "trace-1"


def body(reply: ErrorReply) -> Any:
    return json.loads(reply.body)


def headers(reply: ErrorReply) -> dict[bytes, bytes]:
    return dict(reply.headers)


def provider(status: int, data: bytes, fields: Headers | None = None) -> ErrorReply:
    return ERRORS.provider(ProviderReply(status, fields or [], data, "groq", read_error(status, data)), TRACE)


def test_a_failure_of_the_gateways() -> None:
    reply = ERRORS.failure(Failure(Kind.UNKNOWN_PROVIDER, "There is no provider x.", details=("a", "b")), TRACE)
    assert reply.status == 400
    assert body(reply) == {
        "type": "error",
        "error": {"type": "invalid_request_error", "message": "There is no provider x.\na\nb [unknown_provider]"},
        "request_id": TRACE,
    }
    assert headers(reply) == {
        b"content-type": b"application/json",
        b"request-id": b"trace-1",
        b"x-penstock-error": b"unknown_provider",
        b"cache-control": b"no-store",
    }


@pytest.mark.parametrize(
    ("kind", "status", "told", "is_final"),
    [
        (Kind.INVALID_REQUEST, 400, "invalid_request_error", False),
        (Kind.INVALID_GATEWAY_KEY, 401, "authentication_error", True),
        (Kind.NOT_ALLOWED, 403, "permission_error", False),
        (Kind.MODEL_NOT_ALLOWED, 412, "permission_error", False),
        (Kind.NOT_FOUND, 404, "not_found_error", False),
        (Kind.IDEMPOTENCY_CONFLICT, 409, "conflict_error", False),
        (Kind.BODY_TOO_LARGE, 413, "request_too_large", False),
        (Kind.INTERNAL, 500, "api_error", False),
        (Kind.UNSUPPORTED_OPERATION, 501, "not_supported", True),
        (Kind.CONNECTION_CLOSED, 502, "api_error", False),
        (Kind.POOL_EXHAUSTED, 503, "overloaded_error", False),
        (Kind.FIRST_BYTE_TIMEOUT, 408, "timeout_error", False),
    ],
)
def test_the_type_by_status(kind: Kind, status: int, told: str, is_final: bool) -> None:
    reply = ERRORS.failure(Failure(kind, "No."), TRACE)
    assert (reply.status, body(reply)["error"]["type"]) == (status, told)
    assert (headers(reply).get(b"x-should-retry") == b"false") is is_final


def test_every_status_has_a_type() -> None:
    assert error_type(418) == "invalid_request_error"
    assert error_type(599) == "api_error"
    assert error_type(529) == "overloaded_error"


def test_a_code_is_told_once() -> None:
    reply = ERRORS.failure(Failure(Kind.FIRST_BYTE_TIMEOUT, "Too late (first_byte_timeout)."), TRACE)
    assert body(reply)["error"]["message"] == "Too late (first_byte_timeout)."


def test_a_failure_within_a_stream() -> None:
    event = ERRORS.event(Failure(Kind.IDLE_TIMEOUT, "It fell silent."), TRACE)
    [(name, data)] = sse.events(event)
    assert name == b"error"
    assert json.loads(data)["error"] == {"type": "timeout_error", "message": "It fell silent. [idle_timeout]"}


# A provider's.


def test_a_providers_words_are_kept() -> None:
    reply = provider(
        429, b'{"error": {"message": "Slow down.", "type": "tokens"}}', [(b"retry-after", b"3"), (b"x", b"y")]
    )
    assert reply.status == 429
    assert body(reply)["error"] == {"type": "rate_limit_error", "message": "Slow down."}
    assert headers(reply)[b"retry-after"] == b"3"
    assert b"x" not in headers(reply)


def test_a_type_of_anthropics_is_kept() -> None:
    reply = provider(529, b'{"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}')
    assert body(reply)["error"]["type"] == "overloaded_error"


def test_a_quota_is_no_rate_limit() -> None:
    reply = provider(429, b'{"error": {"message": "Pay.", "code": "insufficient_quota"}}')
    assert body(reply)["error"]["type"] == "billing_error"
    assert headers(reply)[b"x-should-retry"] == b"false"


@pytest.mark.parametrize("data", [b"<html>no</html>", b"", b"[]", b"null", b"\xff"])
def test_a_body_that_says_nothing(data: bytes) -> None:
    reply = provider(500, data)
    assert reply.status == 500
    assert body(reply)["error"]["message"].startswith("Invalid response received from groq: ")


def test_an_accounts_id_is_not_told() -> None:
    uuid = "12345678-1234-1234-1234-123456789abc"
    reply = provider(400, json.dumps({"error": {"message": f"organization {uuid} is disabled"}}).encode())
    assert uuid not in body(reply)["error"]["message"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "This model's maximum context length is 128000 tokens. However, your messages resulted in 150001 tokens.",
            "prompt is too long: 150001 tokens > 128000 maximum",
        ),
        (
            "maximum context length is 4096 tokens. However, you requested 5000 tokens (4000 in the messages).",
            "prompt is too long: 5000 tokens > 4096 maximum",
        ),
        (
            "The input token count (1,200,000) exceeds the maximum number of tokens allowed (1048576).",
            "prompt is too long: 1200000 tokens > 1048576 maximum",
        ),
        (
            "the request exceeds the available context size (4096 tokens): 9000 tokens",
            "prompt is too long: 9000 tokens > 4096 maximum",
        ),
        ("prompt is too long: 210000 tokens > 200000 maximum", "prompt is too long: 210000 tokens > 200000 maximum"),
        (
            "too many tokens: size limit exceeded by 500 tokens. The limit for this model is 2000 tokens.",
            "prompt is too long: 2500 tokens > 2000 maximum",
        ),
        ("Please reduce the length of the messages.", "Input is too long."),
        ("maximum context length is 128000 tokens", "Input is too long."),
    ],
)
def test_a_prompt_that_is_too_long(text: str, expected: str) -> None:
    assert too_long(text) == expected


def test_a_context_error_is_a_400_in_anthropics_words() -> None:
    reply = ERRORS.provider(
        ProviderReply(
            413,
            [],
            b'{"error": {"message": "maximum context length is 100 tokens, got 2000"}}',
            "x",
            ClassifiedError(413, ErrorClass.CONTEXT_LENGTH),
        ),
        TRACE,
    )
    assert reply.status == 400
    assert body(reply)["error"] == {
        "type": "invalid_request_error",
        "message": "prompt is too long: 2000 tokens > 100 maximum",
    }


def test_an_error_that_a_stream_told() -> None:
    def told(fail: Fail) -> Any:
        [(name, data)] = sse.events(ERRORS.provider_event(fail, "groq", TRACE))
        assert name == b"error"
        return json.loads(data)["error"]

    assert told(Fail("Busy", "overloaded_error")) == {"type": "overloaded_error", "message": "Busy"}
    assert told(Fail("Busy", status=503)) == {"type": "overloaded_error", "message": "Busy"}
    assert told(Fail("It broke")) == {"type": "api_error", "message": "It broke"}
    assert told(Fail("No", code="context_length_exceeded"))["message"] == "Input is too long."


@given(st.binary(max_size=60), st.integers(400, 599), st.text(max_size=40))
def test_any_error_is_told(data: bytes, status: int, text: str) -> None:
    reply = provider(status, data)
    assert body(reply)["type"] == "error"
    assert json.loads(next(sse.events(ERRORS.provider_event(Fail(text, text, text, status, data), text, text)))[1])
    too_long(text)


@pytest.mark.parametrize("word", ["max", "exceed", "limit ", "1,", "1 tokens "])
def test_a_long_message_takes_no_time(word: str) -> None:
    began = time.process_time()
    too_long(word * 20_000)
    assert time.process_time() - began < 0.5
