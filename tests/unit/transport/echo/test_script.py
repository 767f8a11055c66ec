"""What the built-in provider answers, and which fault it plays, read from the request."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echoing import DOCS, WEATHER, answer, chunks, say
from penstock.transport.echo.sample import sample
from penstock.transport.echo.script import FAULTS, MODELS, MOST_TOKENS, Unreadable, tokens, write_script

TIME = {"type": "function", "function": {"name": "get_time"}}


@given(st.text(), st.integers(1, 8))
def test_tokens_are_the_text_in_order(text: str, most: int) -> None:
    every = tokens(text, MOST_TOKENS)
    assert "".join(every) == text
    assert tokens(text, most) == every[: most + 1]


async def test_an_answer_is_bounded_all_choices_together() -> None:
    _, body, _ = await answer(say("word " * MOST_TOKENS, n=4))
    reply = json.loads(body)
    assert [choice["finish_reason"] for choice in reply["choices"]] == ["length"] * 4
    assert reply["usage"]["completion_tokens"] == MOST_TOKENS
    assert reply["usage"]["prompt_tokens"] == MOST_TOKENS + 1 + 4 + 3


@pytest.mark.parametrize(
    ("members", "content", "finish"),
    [
        ({"max_tokens": 1}, "one", "length"),
        ({"max_tokens": 3}, "one two thre", "length"),
        ({"max_tokens": 4}, "one two three", "stop"),
        ({"max_completion_tokens": 2, "max_tokens": 1}, "one two", "length"),
        ({"stop": " two"}, "one", "stop"),
        ({"stop": ["three", "two"]}, "one ", "stop"),
        ({"stop": ["ree", "three", "nowhere", ""]}, "one two ", "stop"),
        ({"stop": "one"}, "", "stop"),
        ({"model": "echo-content-filter"}, "one two three", "content_filter"),
    ],
)
async def test_limits(members: dict[str, Any], content: str, finish: str) -> None:
    _, body, _ = await answer({**say("one two three"), **members})
    choice = json.loads(body)["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == (content, finish)


@pytest.mark.parametrize(
    ("text", "members", "names", "finish"),
    [
        ("hi", {}, [], "stop"),
        ("hi", {"tool_choice": "required"}, ["get_weather"], "tool_calls"),
        ("hi", {"tool_choice": {"type": "function", "function": {"name": "get_time"}}}, ["get_time"], "stop"),
        ("call get_weather and get_time", {}, ["get_weather", "get_time"], "tool_calls"),
        ("call get_weather and get_time", {"parallel_tool_calls": False}, ["get_weather"], "tool_calls"),
        ("call get_weather", {"tool_choice": "none"}, [], "stop"),
        ("call get_weathers", {}, [], "stop"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_tools(text: str, members: dict[str, Any], names: list[str], finish: str, stream: bool) -> None:
    _, body, _ = await answer(say(text, tools=[WEATHER, TIME], stream=stream, **members))
    calls: dict[int, dict[str, str]] = {}
    for part in chunks(body) if stream else [json.loads(body)]:
        choice = part["choices"][0]
        for number, call in enumerate((choice["delta"] if stream else choice["message"]).get("tool_calls") or []):
            found = calls.setdefault(call.get("index", number), {"name": "", "arguments": ""})
            found["name"] += call["function"].get("name", "")
            found["arguments"] += call["function"].get("arguments", "")
    assert [call["name"] for call in calls.values()] == names
    assert choice["finish_reason"] == finish
    if names[:1] == ["get_weather"]:
        assert json.loads(calls[0]["arguments"]) == {"city": text, "days": 1}


async def test_after_a_tool_its_result_is_repeated() -> None:
    messages = [
        {"role": "user", "content": "get_weather"},
        {"role": "tool", "content": "18 degrees", "tool_call_id": "c"},
    ]
    _, body, _ = await answer({"model": "echo", "messages": messages, "tools": [WEATHER]})
    assert json.loads(body)["choices"][0]["message"]["content"] == "18 degrees"


async def test_a_result_that_has_been_answered_is_not_repeated() -> None:
    roles = {"user": "a question", "tool": "18 degrees", "assistant": "It is warm."}
    _, body, _ = await answer({"messages": [{"role": role, "content": content} for role, content in roles.items()]})
    assert json.loads(body)["choices"][0]["message"]["content"] == "a question"


async def test_parts_that_are_no_text_are_named() -> None:
    content = [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {}}, {"type": "input_audio"}]
    _, body, _ = await answer({"messages": [{"role": "user", "content": content}]})
    assert json.loads(body)["choices"][0]["message"]["content"] == "look [image] [audio]"


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_is_documented_and_a_model(fault: str) -> None:
    assert f"`{fault}`" in DOCS
    assert f"echo-{fault}" in MODELS


async def test_a_fault_may_be_a_number() -> None:
    status, _, _ = await answer(say("hi", echo={"fault": 503}))
    assert status == 503


@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    [
        (b"{", 400, "invalid_json", None),
        (b'{"messages": [{"role": "user", "content": "\xff"}]}', 400, "invalid_json", None),
        (b'{"tools": [{"function": {"name": "f", "parameters": ' + b"[" * 5000, 400, "invalid_json", None),
        (b'{"messages": 5}', 400, "invalid_value", "messages"),
        (b'{"messages": [{"content": 5}]}', 400, "invalid_value", "messages[0].content"),
        (say("x", max_tokens=0), 400, "invalid_value", "max_tokens"),
        (say("x", n=129), 400, "invalid_value", "n"),
        (say("x", echo={"pace_ms": -1}), 400, "invalid_value", "echo.pace_ms"),
        (say("x", echo={"fault": "?"}), 400, "invalid_value", "echo.fault"),
        (say("x", tools=[TIME], tool_choice=WEATHER), 400, "invalid_value", "tool_choice"),
        ({**say("x"), "model": "echo-x"}, 404, "model_not_found", "model"),
    ],
)
async def test_requests_that_can_not_be_answered(body: Any, status: int, code: str, param: str | None) -> None:
    got, told, _ = await answer(body)
    error = json.loads(told)["error"]
    assert (got, error["code"], error["param"]) == (status, code, param)
    assert error["type"] == "invalid_request_error"
    assert error["message"].endswith(".")


@pytest.mark.parametrize(
    "more", [b"", b',"stream":true', b',"logprobs":true', b',"response_format":{"type":"json_object"}']
)
async def test_half_a_character_comes_back_as_it_was_sent(more: bytes) -> None:
    status, told, _ = await answer(b'{"messages":[{"role":"user","content":"a \\ud83d b"}]' + more + b"}")
    assert status == 200
    assert b"\\ud83d" in told


async def test_half_a_character_in_a_name_is_no_failure_of_echo() -> None:
    status, _, _ = await answer(b'{"messages":[{"role":"user","content":"a","\\ud800":1}],"\\ud800":1}')
    assert status == 200


def test_half_a_surrogate_pair_where_an_object_belongs_is_told() -> None:
    with pytest.raises(Unreadable) as caught:
        write_script(b'{"messages":[],"stream_options":"\\ud800"}', 0)
    assert (caught.value.status, caught.value.code) == (400, "invalid_value")


def test_an_unknown_model_is_told_which_there_are() -> None:
    with pytest.raises(Unreadable) as caught:
        write_script(b'{"model": "echo-x"}', 0)
    assert all(model in caught.value.message for model in MODELS)


WORDS = "type properties items $ref enum anyOf messages content tools echo fault stop".split()


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(WORDS), inner),
    )
)
def test_odd_requests_are_answered_or_refused(value: Any) -> None:
    sample(value, "t")
    with contextlib.suppress(Unreadable):
        assert write_script(json.dumps(value).encode(), 0).choices
