"""Names of functions in allowed characters, and the caller's own in the answer."""

import json
from typing import Any

import pytest

from penstock.core.chat import ChatRequest, ToolCall, ToolResult
from penstock.core.events import Event, Text, ToolStart
from penstock.core.failure import Failure
from penstock.dialects.function_names import (
    ANTHROPIC,
    GEMINI,
    OPENAI,
    NameRule,
    with_allowed_names,
    with_callers_names,
    with_piece,
)
from penstock.dialects.openai.caller.request import read


def ask(*names: str, **members: Any) -> ChatRequest:
    call = {"id": "1", "type": "function", "function": {"name": names[0], "arguments": "{}"}}
    body = {
        "model": "m",
        "messages": [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "1", "content": "r"},
        ],
        "tools": [{"type": "function", "function": {"name": name}} for name in names],
        **members,
    }
    request = read(json.dumps(body).encode())
    assert not isinstance(request, Failure)
    return request


def test_a_name_that_begins_with_a_digit() -> None:
    choice = {"type": "function", "function": {"name": "1c_reload"}}
    request, names = with_allowed_names(ask("1c_reload", "other", tool_choice=choice), GEMINI)
    assert names == {"_1c_reload": "1c_reload"}
    assert [tool.name for tool in request.parameters["tools"]] == ["_1c_reload", "other"]
    assert request.parameters["tool_choice"].names == ("_1c_reload",)
    call, result = request.messages[1].parts[0], request.messages[2].parts[0]
    assert isinstance(call, ToolCall)
    assert isinstance(result, ToolResult)
    assert (call.name, result.name) == ("_1c_reload", "_1c_reload")


@pytest.mark.parametrize("name", ["a b", "käse", "a/b", "x" * 200, "", "$"])
@pytest.mark.parametrize("rule", [GEMINI, OPENAI, ANTHROPIC])
def test_every_name_becomes_an_allowed_one(name: str, rule: NameRule) -> None:
    request, names = with_allowed_names(ask(name or "%", "a_b", "_"), rule)
    found = [tool.name for tool in request.parameters["tools"]]
    assert all(rule.pattern.fullmatch(each) for each in found)
    assert len(set(found)) == 3
    assert names[found[0]] == (name or "%")


def test_allowed_names_stay() -> None:
    request = ask("get_weather", "a.b:c-d")
    assert with_allowed_names(request, GEMINI) == (request, {})


def test_the_answer_calls_functions_by_the_callers_names() -> None:
    events: list[Event] = [Text("x"), ToolStart(0, "_1c", "id"), ToolStart(1, "f", "id2")]
    found = with_callers_names(events, {"_1c": "1c"})
    assert found == [Text("x"), ToolStart(0, "1c", "id"), ToolStart(1, "f", "id2")]


def test_pieces_of_a_name_and_repetitions() -> None:
    assert with_piece("", "get_") == "get_"
    assert with_piece("get_", "weather") == "get_weather"
    assert with_piece("get_weather", "get_weather") == "get_weather"
    assert with_piece("get_weather", "") == "get_weather"
