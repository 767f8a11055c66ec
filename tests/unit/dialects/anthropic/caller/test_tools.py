"""The tools of Anthropic's callers, and the choice among them."""

from __future__ import annotations

from typing import Any

import pytest

from anthropic_caller_requests import MARK, read, write, wrong
from penstock.core.body import Body
from penstock.core.chat import (
    ChatRequest,
    NativeTool,
    Owner,
    Tool,
    ToolChoice,
)
from penstock.core.failure import Failure
from penstock.dialects.anthropic.caller.request import read_request
from penstock.dialects.dialect import WriteContext
from penstock.dialects.registry import DIALECTS


def test_tools() -> None:
    raw = b'{"messages": [{"role": "user", "content": "x"}], "tools": [{"name": "f", "description": "d", '
    raw += b'"input_schema": {"type":  "object"}, "strict": true, "cache_control": {"type": "ephemeral"}, '
    raw += b'"defer_loading": true, "type": "custom"}, {"name": "DeferredToolPlaceholder", "input_schema": {}}, '
    raw += b'{"type": "web_search_20250305", "name": "web_search"}, {"type": "bash_20250124", "name": "bash"}]}'
    request = read_request(Body.parse(raw))
    assert isinstance(request, ChatRequest)
    function, search, bash = request.parameters["tools"]
    assert function == Tool("f", "d", b'{"type":  "object"}', True, MARK, {"defer_loading": True})
    value = {"type": "web_search_20250305", "name": "web_search"}
    assert search == NativeTool("web_search_20250305", value, Owner.ANTHROPIC, "web_search", path="tools[2]")
    assert bash.function.name == "bash"


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({"type": "auto"}, {"tool_choice": ToolChoice("auto")}),
        (
            {"type": "any", "disable_parallel_tool_use": True},
            {"tool_choice": ToolChoice("required"), "parallel_tool_calls": False},
        ),
        ({"type": "none"}, {"tool_choice": ToolChoice("none")}),
        ({"type": "tool", "name": "f"}, {"tool_choice": ToolChoice("required", ("f",))}),
    ],
)
def test_the_choice_among_tools(choice: Any, expected: Any) -> None:
    assert read(tool_choice=choice).parameters == {"max_completion_tokens": 10, **expected}


def test_a_forced_search_becomes_googles_own() -> None:
    body, dropped = write(
        "gemini",
        "gemini-2.5-pro",
        tools=[{"type": "web_search_20250305", "name": "web_search", "max_uses": 8}],
        tool_choice={"type": "tool", "name": "web_search"},
    )
    assert body["tools"] == [{"googleSearch": {}}]
    assert dropped == ("tools[0].max_uses",)


@pytest.mark.parametrize("dialect", ["openai_chat", "cohere", "ollama"])
def test_a_forced_search_that_nobody_has_is_refused(dialect: str) -> None:
    request = read(
        tools=[{"type": "web_search_20250305", "name": "web_search"}],
        tool_choice={"type": "tool", "name": "web_search"},
    )
    failure = DIALECTS[dialect].write(request, WriteContext("m"))
    assert isinstance(failure, Failure)
    assert (failure.status, failure.param) == (400, "tool_choice")


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"tools": {}}, "tools"),
        ({"tools": [1]}, "tools"),
        ({"tools": [{"name": ""}]}, "tools[0].name"),
        ({"tools": [{"type": 1}]}, "tools[0].type"),
        ({"tools": [{"name": "a", "input_schema": []}]}, "tools[0].input_schema"),
        ({"tools": [{"name": "a", "description": 1}]}, "tools[0].description"),
        ({"tool_choice": "auto"}, "tool_choice"),
        ({"tool_choice": {"type": "tool"}}, "tool_choice"),
        ({"tool_choice": {"type": {}}}, "tool_choice"),
    ],
)
def test_what_is_wrong_is_named_in_the_callers_words(members: dict[str, Any], param: str) -> None:
    assert wrong(**members) == param
