"""Errors as AWS's clients know them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.core.events import Fail
from penstock.core.failure import Failure, Kind
from penstock.core.outcome import ErrorClass
from penstock.dialects.bedrock.caller.errors import ERRORS, error_type, exception_name, has_error_shape
from penstock.dialects.caller_errors import ProviderReply, TargetError
from penstock.dialects.framing import sse
from penstock.dialects.provider_errors import read_error


@pytest.mark.parametrize(
    ("kind", "status", "name"),
    [
        (Kind.INVALID_REQUEST, 400, "ValidationException"),
        (Kind.MISSING_API_KEY, 401, "AccessDeniedException"),
        (Kind.NOT_ALLOWED, 403, "AccessDeniedException"),
        (Kind.MODEL_NOT_ALLOWED, 403, "AccessDeniedException"),
        (Kind.NOT_FOUND, 404, "ResourceNotFoundException"),
        (Kind.FIRST_BYTE_TIMEOUT, 408, "ModelTimeoutException"),
        (Kind.RATE_LIMIT_EXCEEDED, 429, "ThrottlingException"),
        (Kind.BUDGET_EXCEEDED, 400, "ServiceQuotaExceededException"),
        (Kind.UNSUPPORTED_OPERATION, 501, "UnsupportedOperationException"),
        (Kind.SHUTTING_DOWN, 503, "ServiceUnavailableException"),
        (Kind.INTERNAL, 500, "InternalServerException"),
    ],
)
def test_the_gateways_own(kind: Kind, status: int, name: str) -> None:
    told = ERRORS.failure(Failure(kind, "So."), "trace")
    headers = dict(told.headers)
    assert (told.status, headers[b"x-amzn-errortype"]) == (status, name.encode())
    assert (headers[b"x-amzn-requestid"], headers[b"x-penstock-error"]) == (b"trace", kind.value.encode())
    assert json.loads(told.body)["message"].startswith("So.")


def provider(status: int, body: bytes) -> Any:
    reply = ProviderReply(status, [(b"retry-after", b"3")], body, "unit", read_error(status, body))
    return ERRORS.provider(reply, "t")


def test_a_providers() -> None:
    told = provider(429, b'{"error":{"message":"Slow down"}}')
    assert (told.status, json.loads(told.body)) == (429, {"message": "Slow down"})
    assert dict(told.headers)[b"x-amzn-errortype"] == b"ThrottlingException"
    assert dict(told.headers)[b"retry-after"] == b"3"
    assert "Invalid response" in json.loads(provider(502, b"<html>").body)["message"]


def test_a_prompt_that_is_too_long_has_the_words_for_it() -> None:
    long = b'{"error":{"message":"maximum context length is 100 tokens, you sent 2000 tokens","code":"context_length_exceeded"}}'
    assert json.loads(provider(400, long).body)["message"] == "prompt is too long: 2000 tokens > 100 maximum"
    bare = provider(413, b'{"error":{"message":"Too long","code":"context_length_exceeded"}}')
    assert (bare.status, json.loads(bare.body)["message"]) == (400, "Input is too long for requested model.")


def event(data: bytes) -> tuple[str, Any]:
    ((name, told),) = sse.events(data)
    return name.decode(), json.loads(told)


@pytest.mark.parametrize(
    ("fail", "name"),
    [
        (Fail("No", "throttlingException", "", 429), "throttlingException"),
        (Fail("No", "overloaded_error", "", 529), "serviceUnavailableException"),
        (Fail("No", "", "context_length_exceeded", 400), "validationException"),
        (Fail("No"), "internalServerException"),
    ],
)
def test_within_a_stream(fail: Fail, name: str) -> None:
    assert event(ERRORS.provider_event(fail, "unit", "t"))[0] == name


def test_a_stream_that_breaks_off_says_so() -> None:
    name, told = event(ERRORS.event(Failure(Kind.TRUNCATED, "Cut."), "t"))
    assert (name, told["message"].startswith("Cut.")) == ("modelStreamErrorException", True)
    assert event(ERRORS.as_event(b'{"message":"x"}'))[0] == "modelStreamErrorException"
    assert exception_name(500) == "internalServerException"


def test_shapes() -> None:
    assert has_error_shape({"message": "x"})
    assert not has_error_shape({"message": "x", "error": {}})
    assert not has_error_shape([])
    assert error_type(418) == "ValidationException"


def test_two_errors_in_one() -> None:
    one = TargetError("a", 429, b'{"message":"Full"}', ErrorClass.RATE_LIMIT)
    last = TargetError("b", 500, b'{"message":"Broken"}', None)
    told = json.loads(ERRORS.beside(one, last))
    assert told == {"message": "Full (a; the last target, b, answered with status 500: Broken)"}
