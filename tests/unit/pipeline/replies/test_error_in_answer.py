"""Errors that come with a good status: what they mean is read of the provider's own words."""

from __future__ import annotations

import json

import msgspec
import pytest

import calling
from calling import ANTHROPIC, CHAT, json_reply
from penstock.core.events import Fail
from penstock.core.failure import Kind
from penstock.core.outcome import ErrorClass
from penstock.dialects.provider_errors import error_of, read_error_event
from penstock.pipeline.replies.error_in_answer import told_error

OWN = b'{"type":"error","error":{"type":"rate_limit_error","message":"Slow down."}}'


@pytest.mark.parametrize(
    ("fail", "status", "words"),
    [
        (None, 429, "Slow down."),
        (Fail("No luck.", raw=b'{"error":{"message":"No luck."}}'), 502, "No luck."),
        (Fail("No luck.", raw=b'{"error":{"message":"No luck.","code":402}}'), 402, "No luck."),
        (Fail("No luck.", status=503), 503, "No luck."),
        (Fail("No luck.", code="rate_limit_exceeded"), 429, "No luck."),
        (Fail("No luck.", raw=b"\x00"), 502, "No luck."),
        (Fail("No luck.", raw=b'{"candidates":[{"finishReason":"SAFETY"}]}'), 502, "No luck."),
        (
            Fail("No luck.", raw=b'{"candidates":[{"finishReason":"UNEXPECTED_TOOL_CALL"}]}'),
            502,
            "the answer was broken off (finishReason: UNEXPECTED_TOOL_CALL)",
        ),
        (Fail("No luck.", raw=b'[{"error":{"message":"Luck is out.","code":429}}]'), 429, "Luck is out."),
    ],
)
def test_a_translated_error_means_what_the_provider_said(fail: Fail | None, status: int, words: str) -> None:
    route = calling.route(calling.target("cerebras"))
    prepared = calling.prepared(calling.call(CHAT, ANTHROPIC), route)
    assert prepared.translation is not None
    prepared.translation.progress.fail = fail
    error = read_error_event(OWN)
    answer = told_error(OWN, error, json_reply(b""), "in place of an answer", route, prepared, b"trace-1")
    assert (answer.status, answer.outcome.status) == (status, status)
    assert json.loads(answer.body)["error"]["message"] == words
    assert answer.outcome.failure is not None
    assert answer.outcome.failure.kind is Kind.STREAM_ERROR


def test_an_error_in_the_callers_own_wire_keeps_its_bytes() -> None:
    route = calling.route(calling.target("anthropic"))
    prepared = calling.prepared(calling.call(CHAT, ANTHROPIC), route)
    answer = told_error(OWN, None, json_reply(b""), "in its stream", route, prepared, b"trace-1")
    assert (answer.status, answer.body, answer.outcome.error) == (429, OWN, ErrorClass.RATE_LIMIT)


def test_what_has_no_body_gets_one() -> None:
    body, error = error_of(Fail("No.", "odd", "x"), "p")
    assert msgspec.json.decode(body) == {"error": {"message": "No.", "type": "odd", "code": "x"}}
    assert error.status == 502
