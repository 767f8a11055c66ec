"""What a plain reply is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.core.outcome import ErrorClass
from penstock.dialects.caller import Verdict
from penstock.dialects.responses.relay.judge import judge

ITEM = {"type": "message", "role": "assistant", "content": []}


def verdict(value: Any, *, is_chat: bool = True) -> Verdict:
    return judge(json.dumps(value).encode(), "unit", is_chat)


def test_a_whole_response() -> None:
    usage = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
    found = verdict({"object": "response", "status": "completed", "output": [ITEM], "usage": usage})
    assert found.is_complete
    assert found.usage is not None
    assert found.usage.total == 3


@pytest.mark.parametrize("status", ["incomplete", "queued", "in_progress"])
def test_one_that_is_not_to_be_given_again(status: str) -> None:
    found = verdict({"object": "response", "status": status, "output": [ITEM]})
    assert (found.is_complete, found.error, found.problem) == (False, None, "")


def test_one_that_failed() -> None:
    error = {"code": "rate_limit_exceeded", "message": "Slow down."}
    found = verdict({"object": "response", "status": "failed", "error": error, "output": []})
    assert found.error is not None
    assert (found.error.status, found.error.error) == (429, ErrorClass.RATE_LIMIT)
    bare = verdict({"object": "response", "status": "failed", "error": None, "output": []})
    assert bare.error is not None
    assert bare.error.status == 502


def test_an_error_in_place_of_an_answer() -> None:
    assert verdict({"error": {"message": "no"}}).error is not None
    assert verdict({"error": "no"}).error is not None


def test_an_error_beside_an_answer_is_no_failure_unless_the_status_says_so() -> None:
    beside = {"object": "response", "error": {"code": "server_error", "message": "x"}, "output": [ITEM]}
    for value in (beside, {**beside, "status": "completed"}):
        found = verdict(value)
        assert (found.error, found.problem, found.is_complete) == (None, "", False)
    assert verdict({**beside, "status": "failed"}).error is not None
    assert verdict({**beside, "output": []}).error is not None


def test_nothing_usable() -> None:
    assert judge(b"<html>", "unit", True).problem
    assert judge(b"[]", "unit", True).problem
    assert verdict({"x": 1}).problem


def test_numbers_that_are_no_json() -> None:
    found = judge(b'{"object":"response","status":"completed","output":[{}],"top_p":NaN}', "unit", True)
    assert found.body is not None
    assert json.loads(found.body)["top_p"] is None
    assert not found.is_complete


def test_answers_about_a_response() -> None:
    assert verdict({"object": "response.deleted", "deleted": True}, is_chat=False) == Verdict()
    assert verdict({"anything": 1}, is_chat=False) == Verdict()
    failed = {"object": "response", "status": "failed", "error": {"message": "x"}, "output": []}
    assert verdict(failed, is_chat=False).error is None


def test_words_of_no_known_kind() -> None:
    assert verdict({"status": [], "output": [ITEM]}).error is None
