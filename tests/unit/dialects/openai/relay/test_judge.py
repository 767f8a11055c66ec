"""What a plain reply with a good status is: an answer, an error, or nothing usable."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.core.usage import Usage
from penstock.dialects.openai.relay.judge import judge, verdict_of
from penstock.dialects.openai.relay.sound import read_sound

USAGE = {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}


def reply(finish: Any = "stop", content: Any = "Hi", **choice: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": content}
    return {"choices": [{"index": 0, "message": message, "finish_reason": finish, **choice}], "usage": USAGE}


def judged(value: Any, provider: str = "openrouter", *, is_chat: bool = True) -> Any:
    return judge(value if isinstance(value, bytes) else json.dumps(value).encode(), provider, is_chat)


@pytest.mark.parametrize(
    ("value", "is_complete"),
    [
        (reply(), True),
        (reply("tool_calls", None, message={"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]}), True),
        (reply("length"), False),
        (reply("content_filter"), False),
        (reply("some_new_word"), False),
        (reply(None), False),
        (reply("stop", ""), False),
        (reply("stop", None), False),
        (reply("stop", None, message={"role": "assistant", "content": None, "reasoning_content": "hm"}), True),
        ({**reply(), "error": None, "base_resp": {"status_code": 0, "status_msg": ""}}, True),
    ],
)
def test_an_answer_and_whether_it_may_be_given_again(value: Any, is_complete: bool) -> None:
    verdict = judged(value)
    assert (verdict.error, verdict.problem, verdict.is_complete) == (None, "", is_complete)
    assert verdict.usage.total == 4


DETAILS = {"prompt_tokens_details": {"cached_tokens": 2}, "completion_tokens_details": {"reasoning_tokens": 1}}
ELSEWHERE = {"prompt_cache_hit_tokens": 1, "cache_creation_input_tokens": 2}


@pytest.mark.parametrize(
    ("value", "is_whole"),
    [
        (reply(), True),
        ({**reply(), "usage": {**USAGE, **DETAILS, **ELSEWHERE}, "service_tier": "flex"}, True),
        ({**reply(), "usage": {**USAGE, **ELSEWHERE}}, True),
        (reply("length"), False),
        (reply("stop", ""), False),
        (reply("stop", native_finish_reason="network_error"), False),
        ({**reply(), "choices": []}, False),
    ],
)
def test_a_sound_reply_is_judged_as_any_other(value: dict[str, Any], is_whole: bool) -> None:
    body = json.dumps({"id": "r", "object": "chat.completion", "created": 9, "model": "m", **value}).encode()
    sound = read_sound(body)
    assert sound is not None
    assert verdict_of(sound) == (judge(body, "", True) if is_whole else None)


@pytest.mark.parametrize(
    ("value", "status"),
    [
        (reply("error", error={"code": 502, "message": "gone"}), 502),
        (reply("stop", error={"code": 429, "message": "slow"}), 429),
        (reply("insufficient_system_resource"), 502),
        (reply("stop", None, native_finish_reason="network_error"), 502),
        (reply("function_call_filter: MALFORMED_FUNCTION_CALL"), 502),
        ({"error": {"message": "x", "code": 429}}, 429),
        ({"error": {"message": "x"}, **reply()}, 502),
        ({"error": "overloaded"}, 502),
        ([{"error": {"code": 503, "message": "x", "status": "UNAVAILABLE"}}], 503),
        ({"detail": "Not authenticated"}, 502),
        ({"code": 500, "success": False}, 500),
        ({"success": False}, 502),
        ({"choices": None, "base_resp": {"status_code": 1039, "status_msg": "token limit"}}, 502),
        ({**reply(), "base_resp": {"status_code": 1027, "status_msg": "output new_sensitive"}}, 400),
        ({"object": "error", "message": "x", "code": 503}, 503),
        ({"message": "no such model"}, 502),
        ({"error_code": 336100, "error_msg": "try again"}, 502),
    ],
)
def test_an_error_under_a_good_status(value: Any, status: int) -> None:
    assert judged(value).error.status == status


@pytest.mark.parametrize(
    "value", [{}, {"choices": []}, {"choices": None}, {"choices": [1]}, {"id": "x"}, [], 3, "Oops", b"Oops", b""]
)
def test_nothing_usable(value: Any) -> None:
    verdict = judged(value)
    assert verdict.error is None
    assert verdict.problem.startswith("answered with success")


def test_a_number_that_is_no_json_becomes_null() -> None:
    body = json.dumps(reply(logprobs=float("-inf"), content='NaN "Infinity"')).encode()
    verdict = judged(body)
    value = json.loads(verdict.body, parse_constant=pytest.fail)
    assert value["choices"][0]["logprobs"] is None
    assert value["choices"][0]["message"]["content"] == 'NaN "Infinity"'
    assert not verdict.is_complete


@pytest.mark.parametrize("value", [{"data": [1], "usage": USAGE}, {"id": "x", "message": "fine"}, [1]])
def test_replies_of_other_operations_have_many_shapes(value: Any) -> None:
    verdict = judged(value, is_chat=False)
    assert (verdict.error, verdict.problem) == (None, "")


@pytest.mark.parametrize("value", [{"error": {"message": "x"}}, {"detail": "x"}, {"object": "error", "message": "x"}])
def test_and_their_errors(value: Any) -> None:
    assert judged(value, is_chat=False).error.status == 502


@pytest.mark.parametrize("choices", [b'[{"index":0,"message":{"content":"Hi"},"finish_reason":"stop"}]', b"[]"])
def test_half_a_surrogate_pair_among_the_counts_is_no_defect(choices: bytes) -> None:
    beside = b'{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5,"x":"\\ud800"}'
    for usage, counts in ((beside, Usage(3, 2, 5)), (b'{"prompt_tokens":"\\ud800"}', None)):
        assert judge(b'{"choices":%b,"usage":%b}' % (choices, usage), "unit", True).usage == counts
