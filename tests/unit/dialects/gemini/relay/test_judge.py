"""What a plain reply of Gemini's wire is."""

import json
from typing import Any

import pytest

from gemini_replies import COUNTED, response, said
from penstock.dialects.gemini.relay.judge import is_blocked, judge


def verdict(value: Any, *, is_chat: bool = True) -> Any:
    return judge(value if isinstance(value, bytes) else json.dumps(value).encode(), "google", is_chat)


def test_answers() -> None:
    good = verdict(response(said("Hi"), finish="STOP", usage=COUNTED))
    assert (good.error, good.problem, good.is_complete) == (None, "", True)
    assert (good.usage.prompt, good.usage.completion) == (5, 2)
    assert not verdict(response(said("Hi"), finish="MAX_TOKENS")).is_complete
    assert not verdict(response(said("Hi"))).is_complete
    blocked = {"promptFeedback": {"blockReason": "SAFETY"}}
    assert is_blocked(blocked)
    assert (verdict(blocked).problem, verdict(blocked).is_complete) == ("", False)
    ran = verdict(response({"executableCode": {}}, finish="STOP"))
    assert not ran.is_complete


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b'{"candidates":[]}'])
def test_nothing_usable(body: bytes) -> None:
    assert verdict(body).problem


def test_errors() -> None:
    assert verdict({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED"}}).error.status == 429
    assert verdict({"error": "no"}).error is not None
    assert verdict(response(finish="MALFORMED_FUNCTION_CALL", finishMessage="bad call")).error is not None
    assert verdict({"message": "no"}).error is not None


def test_counts_are_no_answers() -> None:
    assert verdict({"totalTokens": 3}, is_chat=False).problem == ""
    assert verdict({"totalTokens": 3}).problem
    assert verdict(b'{"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":"STOP","avg":NaN}]}').body
