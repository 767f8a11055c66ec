"""OpenAI's error object: the gateway's own failures, and providers' errors in every shape that vendors send."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.events import Fail
from penstock.core.failure import Failure, Kind
from penstock.dialects.caller_errors import ProviderReply
from penstock.dialects.openai.caller.errors import (
    error_body,
    error_event,
    provider,
    provider_event,
    translated_error,
    translated_event,
)
from penstock.dialects.provider_errors import read_error


def error(status: int, body: Any, headers: list[tuple[bytes, bytes]] | None = None) -> dict[str, Any]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    found: dict[str, Any] = json.loads(translated_error(status, headers or [], raw, "unit"))
    return found


@pytest.mark.parametrize(("body", "expected"), [
    ({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, ("Overloaded", "overloaded_error", None)),
    ({"error": {"code": 400, "message": "Bad", "status": "INVALID_ARGUMENT"}}, ("Bad", "INVALID_ARGUMENT", "400")),
    ([{"error": {"code": 429, "message": "Slow", "status": "RESOURCE_EXHAUSTED"}}], ("Slow", "RESOURCE_EXHAUSTED", "429")),
    ({"message": "Too many"}, ("Too many", None, None)),
    ({"Message": "No access"}, ("No access", None, None)),
    ({"id": "x", "message": "invalid", "error_type": "odd"}, ("invalid", "odd", None)),
    ({"code": "404", "message": "gone"}, ("gone", None, "404")),
    ({"error": "no such model"}, ("no such model", None, None)),
    ({"error": ["a", "b"]}, ("a, b", None, None)),
    ({"code": "a sentence", "error": "bad key"}, ("bad key", None, "a sentence")),
    ({"detail": "Unauthorized"}, ("Unauthorized", None, None)),
    ({"detail": [{"loc": ["body", 1], "msg": "missing"}]}, ("body.1: missing", None, None)),
    ({"errors": [{"code": 5007, "message": "No such model"}], "success": False}, ("Error 5007: No such model", None, None)),
    ({"object": "error", "message": "m", "type": "t", "param": "p", "code": "1000"}, ("m", "t", "1000")),
])  # fmt: skip
def test_shapes(body: Any, expected: tuple[str, str | None, str | None]) -> None:
    found = error(400, body)
    assert (found["error"]["message"], found["error"]["type"], found["error"]["code"]) == (
        f"unit error: {expected[0]}",
        *expected[1:],
    )
    assert found["error"].keys() >= {"message", "type", "param", "code"}
    assert found["provider"] == "unit"
    assert found["provider_response"] == body


def test_text_is_wrapped_as_the_reference_wraps_it() -> None:
    found = error(502, b"<html>bad gateway</html>")
    assert (
        found["error"]["message"] == 'Invalid response received from unit: {"html-message":"<html>bad gateway</html>"}'
    )
    assert error(500, b"")["error"]["message"] == "Invalid response received from unit: an empty body"
    assert error(500, {"a": 1})["error"]["message"] == 'Invalid response received from unit: {"a":1}'


def test_aws_names_the_kind_in_a_header() -> None:
    found = error(429, {"message": "slow"}, [(b"x-amzn-errortype", b"ThrottlingException:http://internal")])
    assert found["error"]["type"] == "ThrottlingException"


def test_the_operators_account_is_not_told() -> None:
    """docs/quirks.md#q107: the body of Anthropic's 429 names the organisation."""
    account = "12345678-1234-1234-1234-123456789abc"
    text = f"This request would exceed your organization's rate limit (org: x; organization {account})."
    told = translated_error(429, [], json.dumps({"error": {"message": text}}).encode(), "unit")
    assert account.encode() not in told
    assert b"organization ***" in told


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("prompt is too long: 9000 tokens > 8192 maximum", "context_length_exceeded"),
        ("max_tokens: must be positive", None),
    ],
)
def test_a_prompt_that_is_too_long_has_the_code_that_clients_look_for(message: str, code: str | None) -> None:
    body = json.dumps({"type": "error", "error": {"type": "invalid_request_error", "message": message}}).encode()
    reply = provider(ProviderReply(400, [], body, "anthropic", read_error(400, body)), "trace")
    told = json.loads(reply.body)
    assert (reply.status, told["error"]["code"]) == (400, code)
    assert told["error"]["type"] == "invalid_request_error"
    event = provider_event(Fail(message, "invalid_request_error", "", 400, body), "anthropic", "trace")
    assert json.loads(event.removeprefix(b"data: "))["error"]["code"] == code


def test_an_error_inside_a_stream() -> None:
    found = json.loads(translated_event(Fail("Overloaded", "overloaded_error", "", 529, b'{"a":1}'), "unit"))
    assert found["error"] == {
        "message": "unit error: Overloaded", "type": "overloaded_error", "param": None, "code": None, "status_code": 529,
    }  # fmt: skip
    assert found["provider_response"] == {"a": 1}


anything = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("error message detail errors code loc msg type".split()), inner, max_size=3),
    max_leaves=10,
)  # fmt: skip


@given(anything)
def test_any_body_is_told(body: Any) -> None:
    assert error(400, body)["error"]["message"]


@given(st.binary(max_size=40))
def test_any_bytes_are_told(body: bytes) -> None:
    assert error(400, body)["error"]["message"]


def test_errors_in_openais_shape_with_portkeys_beside_it() -> None:
    failure = Failure(
        Kind.INVALID_CONFIG, "It is wrong.", "config.x", "Invalid config passed", ("path: x, message: y",)
    )
    assert json.loads(error_body(failure)) == {
        "error": {
            "message": "It is wrong.",
            "type": "invalid_request_error",
            "param": "config.x",
            "code": "invalid_config",
        },
        "status": "failure",
        "message": "Invalid config passed: It is wrong.",
        "errors": ["path: x, message: y"],
    }


def test_a_request_timeout_is_told_in_the_references_words() -> None:
    text = "Request exceeded the timeout sent in the request: 300ms"
    assert json.loads(error_body(Failure(Kind.FIRST_BYTE_TIMEOUT, text, plain=text))) == {
        "error": {"message": text, "type": "timeout_error", "param": None, "code": None}
    }


@pytest.mark.parametrize(
    ("plain", "message", "told"),
    [
        (None, "It is wrong.", "It is wrong."),
        ("Not Found", "There is no such path.", "Not Found: There is no such path."),
        ("Invalid config passed. You need to pass a valid json", "It is no JSON.", "Invalid config passed. You need to pass a valid json: It is no JSON."),
        ("It is wrong", "It is wrong: mend it.", "It is wrong: mend it."),
    ],
)  # fmt: skip
def test_the_message_beside_the_error_says_what_is_wrong(plain: str | None, message: str, told: str) -> None:
    """Portkey's Node SDK shows this member alone, and clients match its beginning."""
    assert json.loads(error_body(Failure(Kind.INVALID_CONFIG, message, plain=plain)))["message"] == told


def test_a_wrapped_error_has_its_message_beside_it() -> None:
    found = error(400, {"detail": "too hot"})
    assert found["message"] == found["error"]["message"] == "unit error: too hot"


def test_an_error_event_is_one_event() -> None:
    event = error_event(Failure(Kind.TRUNCATED, "It was cut\n\nshort."))
    assert event.endswith(b"\n\n")
    assert event.count(b"\n\n") == 1
    assert json.loads(event[6:])["error"]["code"] == "upstream_truncated"
