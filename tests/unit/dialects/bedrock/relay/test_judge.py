"""What a plain reply of Converse is."""

from __future__ import annotations

import json

import pytest

import calling
from penstock.core.outcome import ErrorClass
from penstock.dialects.bedrock.relay.judge import judge

GOOD = json.loads(calling.PLAIN["bedrock_converse"])


def test_an_answer() -> None:
    verdict = judge(calling.PLAIN["bedrock_converse"], "bedrock", True)
    assert (verdict.error, verdict.problem, verdict.is_complete) == (None, "", True)
    assert verdict.usage is not None
    assert (verdict.usage.prompt, verdict.usage.completion) == (3, 2)


@pytest.mark.parametrize("reason", ["max_tokens", "guardrail_intervened", "content_filtered"])
def test_an_answer_that_is_not_given_again(reason: str) -> None:
    verdict = judge(json.dumps({**GOOD, "stopReason": reason}).encode(), "bedrock", True)
    assert (verdict.error, verdict.is_complete) == (None, False)


def test_an_answer_with_a_tool_that_bedrock_ran_is_not_given_again() -> None:
    content = [{"text": "Hi"}, {"toolResult": {"toolUseId": "t", "content": []}}]
    told = {**GOOD, "output": {"message": {"role": "assistant", "content": content}}}
    assert not judge(json.dumps(told).encode(), "bedrock", True).is_complete


def test_numbers_that_are_no_json() -> None:
    verdict = judge(calling.PLAIN["bedrock_converse"].replace(b'"latencyMs":7', b'"latencyMs":NaN'), "bedrock", True)
    assert verdict.problem == ""
    assert verdict.body is not None
    assert not verdict.is_complete


def test_errors_that_say_success() -> None:
    error = judge(b'{"message":"Input is too long for requested model."}', "bedrock", True).error
    assert error is not None
    assert error.error is ErrorClass.CONTEXT_LENGTH
    broken = judge(json.dumps({**GOOD, "stopReason": "malformed_tool_use"}).encode(), "bedrock", True)
    assert broken.error is not None
    assert broken.error.status == 502


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'{"output":{}}'])
def test_what_is_of_no_use(body: bytes) -> None:
    assert judge(body, "bedrock", True).problem
