"""Lane 1 of chat completions: what is checked, what a target changes, what is read off a reply."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.failure import Failure, Kind
from penstock.core.usage import Usage
from penstock.dialects.caller import RequestBody
from penstock.dialects.malformed import read_body
from penstock.dialects.openai.relay import chat_body as openai_body


def request(**members: Any) -> RequestBody | Failure:
    return read_body(json.dumps({"model": "m", "messages": [], **members}).encode())


@pytest.mark.parametrize(("stream", "expected"), [(True, True), (False, False), (None, False)])
def test_what_the_gateway_reads(stream: bool | None, expected: bool) -> None:
    read = request(stream=stream)
    assert isinstance(read, RequestBody)
    assert (read.model, read.stream) == ("m", expected)


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"model": 5}, "model"),
        ({"model": ""}, "model"),
        ({"model": ["m"]}, "model"),
        ({"messages": "hi"}, "messages"),
        ({"messages": {}}, "messages"),
        ({"stream": "true"}, "stream"),
        ({"stream": 1}, "stream"),
    ],
)
def test_wrong_types_are_named(members: dict[str, Any], param: str) -> None:
    failure = request(**members)
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.param, failure.status) == (Kind.INVALID_REQUEST, param, 400)


def test_bad_json_is_a_400() -> None:
    failure = read_body(b'{"model": ')
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.status) == (Kind.INVALID_JSON, 400)


@pytest.mark.parametrize(
    ("reply", "usage"),
    [
        (b'{"id":"x","usage":{"prompt_tokens":1}}', Usage(1)),
        (b'{"id":"x"}', None),
        (b'{"usage":null}', None),
        (b'{"choices":["\\ud800"],"usage":{"prompt_tokens":2}}', Usage(2)),
        (b'\xef\xbb\xbf{"usage":{"prompt_tokens":3}}', Usage(3)),
    ],
)
def test_usage_of_a_reply(reply: bytes, usage: Usage | None) -> None:
    assert openai_body.read_reply(reply) == usage


@pytest.mark.parametrize(
    "reply", [b"", b"hello", b"[]", b"{", b'{"a":}', b"<html>", b"\xff", b'{"a":' + b"[" * 100_000]
)
def test_a_reply_that_is_no_json_object_is_a_failure(reply: bytes) -> None:
    failure = openai_body.read_reply(reply)
    assert isinstance(failure, Failure)
    assert failure.kind is Kind.INVALID_RESPONSE


def test_an_ordinary_reply_never_takes_the_slow_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai_body, "_read_leniently", None)
    assert openai_body.read_reply(b'{"choices":[],"usage":{"prompt_tokens":1}}') == Usage(1)


PIECES = [
    b"{",
    b"}",
    b"[",
    b"]",
    b'"',
    b":",
    b",",
    b"model",
    b"messages",
    b"usage",
    b"role",
    b"developer",
    b"\xff",
    b"\\ud800",
    b"1",
    b"null",
]


@given(st.lists(st.sampled_from(PIECES) | st.binary(max_size=4), max_size=14).map(b"".join))
def test_no_bytes_lead_to_an_exception(data: bytes) -> None:
    """Requests and replies come from outside: whatever they hold is read or told as a failure."""
    for body in (
        data,
        b'{"model":"m","messages":[' + data + b'],"usage":' + data + b"}",
        b'{"usage":{"prompt_tokens":' + data + b"}}",
    ):
        read = read_body(body)
        if not isinstance(read, Failure):
            openai_body.with_usage(read.body).encode()
        openai_body.read_reply(body)
