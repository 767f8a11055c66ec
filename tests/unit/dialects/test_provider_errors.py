"""A provider's error, understood: class, status and delay, in replies and in streams."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.events import Fail
from penstock.core.outcome import ErrorClass
from penstock.core.vendor_error import read_vendor_error
from penstock.dialects.provider_errors import ClassifiedError, error_of, read_error, read_error_event

C = ErrorClass


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        # The texts are shaped after what vendors send; the wording is ours.
        (400, {"error": {"message": "x", "type": "invalid_request_error", "code": "context_length_exceeded"}}, C.CONTEXT_LENGTH),
        (400, {"error": {"message": "This model's maximum context length is 10 tokens.", "code": None}}, C.CONTEXT_LENGTH),
        (400, {"object": "error", "message": "the prompt is too long: 9 tokens", "code": 400}, C.CONTEXT_LENGTH),
        (413, {"error": {"message": "Please reduce the length of the messages", "type": "tokens"}}, C.CONTEXT_LENGTH),
        (400, [{"error": {"code": 400, "message": "input is too long", "status": "INVALID_ARGUMENT"}}], C.CONTEXT_LENGTH),
        (400, {"error": {"code": "content_filter", "message": "x", "innererror": {"code": "ResponsibleAIPolicyViolation"}}}, C.CONTENT_FILTER),
        (400, {"error": {"message": "Your request was flagged by the safety system", "code": None}}, C.CONTENT_FILTER),
        (403, {"error": {"code": 403, "message": "Input needs moderation", "metadata": {"reasons": ["x"]}}}, C.CONTENT_FILTER),
        (400, {"error": {"message": "max_tokens is too large", "code": "invalid_value"}}, None),
        (400, {"error": ["`stream` is not supported"]}, None),
        (401, {"message": "Wrong API Key", "code": "wrong_api_key"}, C.AUTH),
        (403, {"error": {"message": "country not supported"}}, C.AUTH),
        (429, {"error": {"message": "slow down", "type": "tokens", "code": "rate_limit_exceeded"}}, C.RATE_LIMIT),
        (429, {"error": {"message": "The input must be reduced: maximum context", "code": "x"}}, C.RATE_LIMIT),
        (500, {"error": {"message": "context window", "type": "server_error"}}, C.SERVER_ERROR),
        (503, {"code": "at capacity", "error": "try later"}, C.SERVER_ERROR),
        (529, {"type": "error", "error": {"type": "overloaded_error"}}, C.SERVER_ERROR),
        (408, "upstream request timeout", C.TIMEOUT),
        (504, None, C.TIMEOUT),
        (404, {"error": {"message": "no such model"}}, None),
    ],
)  # fmt: skip
def test_the_class_of_an_error(status: int, body: Any, error: ErrorClass | None) -> None:
    trouble = read_error(status, json.dumps(body).encode())
    assert (trouble.status, trouble.error) == (status, error)


def test_an_error_that_is_no_json_has_the_class_of_its_status() -> None:
    assert read_error(503, b"<html>maximum context</html>") == ClassifiedError(503, ErrorClass.SERVER_ERROR)


@pytest.mark.parametrize(("delay", "seconds"), [("13s", 13), ("0.25s", 0.25), ("13", None), (13, None), ("xs", None)])
def test_googles_retry_delay(delay: object, seconds: float | None) -> None:
    body = {"error": {"code": 429, "details": [{"@type": "x/Help"}, {"@type": "x/RetryInfo", "retryDelay": delay}]}}
    assert read_error(429, json.dumps(body).encode()).retry_after == seconds


@pytest.mark.parametrize(
    ("event", "status", "error"),
    [
        ({"error": {"message": "x", "code": 429}}, 429, C.RATE_LIMIT),
        ({"error": {"message": "x", "status_code": 400, "code": "tool_use_failed"}}, 400, None),
        ({"error": {"message": "x", "code": "rate_limit_exceeded"}}, 429, C.RATE_LIMIT),
        ({"error": {"message": "too many tokens"}}, 400, C.CONTEXT_LENGTH),
        ({"error": {"message": "x", "code": "503"}}, 503, C.SERVER_ERROR),
        ({"error": {"message": "Overloaded", "type": "overloaded_error"}}, 502, C.SERVER_ERROR),
        ({"error": "broken"}, 502, C.SERVER_ERROR),
    ],
)
def test_what_an_error_event_stands_for(event: Any, status: int, error: ErrorClass | None) -> None:
    trouble = read_error_event(json.dumps(event).encode())
    assert (trouble.status, trouble.error) == (status, error)


@given(st.binary(max_size=60) | st.recursive(st.none() | st.integers() | st.text(max_size=4), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["error", "code", "message", "details", "retryDelay"]), inner, max_size=3)).map(lambda value: json.dumps(value).encode()))  # fmt: skip
def test_no_bytes_lead_to_an_exception(data: bytes) -> None:
    read_error(400, data)
    read_error_event(data)


def test_a_word_of_failure_keeps_its_code() -> None:
    raw = b'{"candidates":[{"finishReason":"MALFORMED_FUNCTION_CALL"}]}'
    fail = Fail("Malformed.", "MALFORMED_FUNCTION_CALL", "MALFORMED_FUNCTION_CALL", 502, raw)
    body, error = error_of(fail, "google")
    assert read_vendor_error(json.loads(body)).code == "MALFORMED_FUNCTION_CALL"
    assert error.status == 502
