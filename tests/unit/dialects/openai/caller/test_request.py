"""OpenAI chat requests, read whole: parts of every kind, tools, formats, reasoning, and what is told of bad ones."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asking import json_values, request
from matrix import MATRIX, WEATHER, ask
from penstock.core.chat import (
    ChatRequest,
    Format,
    NativeTool,
    Tool,
    ToolChoice,
)
from penstock.core.chat import Reasoning as Thought
from penstock.core.failure import Failure
from penstock.dialects.openai.caller.request import read


@pytest.mark.parametrize("name", MATRIX)
def test_the_whole_matrix_can_be_read(name: str) -> None:
    found = request(MATRIX[name])
    assert len(found.messages) == len(MATRIX[name]["messages"])
    assert found.stream is MATRIX[name].get("stream", False)
    assert not {"stream", "stream_options", "model", "messages"} & found.parameters.keys()


def test_a_schema_keeps_its_bytes() -> None:
    body = b'{"model":"m","messages":[{"role":"user","content":"x"}],"tools":[{"type":"function","function":{"name":"f","parameters":{"a": 1.10,  "b":1e400, "c":12345678901234567890123}}}]}'
    found = read(body)
    assert isinstance(found, ChatRequest)
    (tool,) = found.parameters["tools"]
    assert tool.parameters == b'{"a": 1.10,  "b":1e400, "c":12345678901234567890123}'


def test_tools_choices_and_formats() -> None:
    assert request(ask(functions=[WEATHER["function"]], function_call={"name": "get_weather"})).parameters == {
        "tools": request(ask(tools=[WEATHER])).parameters["tools"],
        "tool_choice": ToolChoice("required", ("get_weather",)),
    }
    native = {"type": "web_search", "max_uses": 3}
    assert request(ask(tools=[native])).parameters["tools"] == (NativeTool("web_search", native),)
    more = {"type": "function", "function": {"name": "f", "x": 1}, "cache_control": {"type": "ephemeral"}, "y": 2}
    assert request(ask(tools=[more])).parameters["tools"] == (
        Tool("f", cache={"type": "ephemeral"}, extras={"x": 1, "y": 2}),
    )
    assert request(MATRIX["choice_allowed"]).parameters["tool_choice"] == ToolChoice("required", ("get_time",))
    assert request(ask(tool_choice="any")).parameters["tool_choice"] == ToolChoice("required")
    assert "response_format" not in request(MATRIX["format_text"]).parameters
    assert request(MATRIX["format_json"]).parameters["response_format"] == Format("json_object")


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"reasoning_effort": "high"}, Thought("high")),
        ({"reasoning": {"effort": "low"}}, Thought("low")),
        ({"reasoning": {"max_tokens": 99, "enabled": True}}, Thought("", 99, True)),
        ({"thinking": {"type": "disabled"}}, Thought("", None, False, {"type": "disabled"})),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 9}, "reasoning_effort": "low"},
            Thought("low", 9, True, {"type": "enabled", "budget_tokens": 9}),
        ),
        ({"thinking": True}, Thought("", None, True, {"type": "enabled"})),
        ({"reasoning_effort": None}, None),
    ],
)
def test_reasoning_in_every_spelling(parameters: dict[str, Any], expected: Thought | None) -> None:
    assert request(ask(**parameters)).parameters.get("reasoning") == expected


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"{", None),
        (b'{"model":"m"}', "messages"),
        (b'{"messages":[]}', "messages"),
        (b'{"messages":[1]}', "messages[0]"),
        (b'{"messages":[{"role":"wizard","content":"x"}]}', "messages[0].role"),
        (b'{"messages":[{"role":["user"],"content":"x"}]}', "messages[0].role"),
        (b'{"messages":[{"role":"user","content":7}]}', "messages[0].content"),
        (b'{"messages":[{"role":"user","content":[{"type":"text"}]}]}', "messages[0].content[0].text"),
        (b'{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{}}]}]}', "messages[0].content[0].image_url.url"),
        (b'{"messages":[{"role":"user","content":[{"type":"image_url","image_url":"data:x"}]}]}', "messages[0].content[0].image_url.url"),
        (b'{"messages":[{"role":"tool","content":"x"}]}', "messages[0].tool_call_id"),
        (b'{"messages":[{"role":"assistant","tool_calls":[{"id":"c"}]}]}', "messages[0].tool_calls[0].function.name"),
        (b'{"messages":[{"role":"user","content":"x"}],"max_tokens":"9"}', "max_tokens"),
        (b'{"messages":[{"role":"user","content":"x"}],"n":true}', "n"),
        (b'{"messages":[{"role":"user","content":"x"}],"stop":[1]}', "stop"),
        (b'{"messages":[{"role":"user","content":"x"}],"tools":{}}', "tools"),
        (b'{"messages":[{"role":"user","content":"x"}],"tools":[{"type":"function"}]}', "tools[0].function"),
        (b'{"messages":[{"role":"user","content":"x"}],"tools":[{"type":"function","function":{"name":"f","parameters":[]}}]}', "tools[0].function.parameters"),
        (b'{"messages":[{"role":"user","content":"x"}],"tool_choice":"maybe"}', "tool_choice"),
        (b'{"messages":[{"role":"user","content":"x"}],"response_format":{"type":"xml"}}', "response_format.type"),
        (b'{"messages":[{"role":"user","content":"x"}],"reasoning_effort":3}', "reasoning_effort"),
    ],
)  # fmt: skip
def test_a_bad_request_is_told_where_it_is_bad(body: bytes, param: str | None) -> None:
    found = read(body)
    assert isinstance(found, Failure)
    assert (found.status, found.param) == (400, param)
    assert param is None or f"{param} must be" in found.message


def test_a_schema_is_looked_at_to_its_depths() -> None:
    """Found by coverage_fuzz.py: bytes that are no UTF-8, deep in a schema whose bytes are kept."""
    start = (
        b'{"messages":[{"role":"user","content":"x"}],"tools":[{"type":"function","function":{"name":"f","parameters":'
    )
    for broken in (b'{"a":"\x94"}', b'{"a":[1,}', b"[" * 3000):
        found = read(start + broken + b"}}]}")
        assert isinstance(found, Failure)
        assert found.status == 400
    found = read(start + b'{"a":"\\ud800"}' + b"}}]}")
    assert isinstance(found, ChatRequest)
    assert found.parameters["tools"][0].schema() == {"a": "\ud800"}


def test_lone_surrogates_survive() -> None:
    found = read(
        b'{"messages":[{"role":"user","content":"\\ud800"}],"tools":[{"type":"function","function":{"name":"f","description":"\\ud800"}}]}'
    )
    assert isinstance(found, ChatRequest)
    assert found.messages[0].text == "\ud800"
    assert found.parameters["tools"][0].description == "\ud800"


members = st.sampled_from(
    "messages tools tool_choice response_format reasoning thinking stop functions function_call max_tokens".split()
)


@given(st.dictionaries(members, json_values))
def test_any_json_is_a_request_or_a_failure(body: dict[str, Any]) -> None:
    assert isinstance(read(json.dumps(body).encode()), ChatRequest | Failure)


def test_tools_that_come_again_are_not_read_again() -> None:
    tools: Any = [{"type": "function", "function": {"name": "come_again", "parameters": {"type": "object"}}}]
    first, again = (read(json.dumps(ask(tools=tools, n=n)).encode()) for n in (1, 2))
    assert isinstance(first, ChatRequest)
    assert isinstance(again, ChatRequest)
    assert first.parameters["tools"] is again.parameters["tools"]
    assert (first.parameters["n"], again.parameters["n"]) == (1, 2)


def test_wrong_tools_are_wrong_every_time() -> None:
    for _ in range(2):
        failure = read(json.dumps(ask(tools=[{"type": "function", "function": {}}])).encode())
        assert isinstance(failure, Failure)
        assert failure.param == "tools[0].function.name"


@pytest.mark.parametrize(("number", "is_fine"), [(b"1e999", False), (b"-1e999", False), (b"1e308", True), (b"2", True)])
def test_a_number_without_end_can_not_be_written_again(number: bytes, is_fine: bool) -> None:
    found = read(b'{"messages":[{"role":"user","content":"x"}],"temperature":' + number + b"}")
    assert isinstance(found, ChatRequest if is_fine else Failure)


def test_a_whole_number_may_have_a_point() -> None:
    found = read(b'{"messages":[{"role":"user","content":"x"}],"max_tokens":10.0}')
    assert isinstance(found, ChatRequest)
    assert repr(found.parameters["max_tokens"]) == "10"
