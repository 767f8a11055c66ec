"""Tools of chat completions in the words of Responses."""

from __future__ import annotations

import json
from typing import Any

from penstock.core.chat import ChatRequest, NativeTool, ToolChoice
from penstock.core.parameters import Parameters
from penstock.dialects.openai.caller.request import read
from penstock.dialects.responses.provider.tools import write_tools

FUNCTION = {"type": "function", "function": {"name": "f", "description": "d", "strict": True}}


def tools(**members: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], **members}
    request = read(json.dumps(body).encode())
    assert isinstance(request, ChatRequest)
    parameters = Parameters(request)
    found = write_tools(parameters)
    assert isinstance(found, dict)
    return json.loads(json.dumps(found, default=lambda raw: json.loads(bytes(raw)))), parameters.dropped()


def test_free_text_with_a_grammar() -> None:
    grammar = {"type": "grammar", "grammar": {"syntax": "lark", "definition": "G"}}
    found, _ = tools(tools=[{"type": "custom", "custom": {"name": "x", "description": "d", "format": grammar}}],
                     tool_choice={"type": "custom", "custom": {"name": "x"}})  # fmt: skip
    form = {"type": "grammar", "syntax": "lark", "definition": "G"}
    assert found["tools"] == [{"type": "custom", "name": "x", "description": "d", "format": form}]
    assert found["tool_choice"] == {"type": "custom", "name": "x"}


def test_several_allowed_tools() -> None:
    other = {"type": "function", "function": {"name": "g"}}
    allowed = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [FUNCTION, other]}}
    found, _ = tools(tools=[FUNCTION, other], tool_choice=allowed)
    assert found["tool_choice"] == {
        "type": "allowed_tools",
        "mode": "auto",
        "tools": [{"type": "function", "name": "f"}, {"type": "function", "name": "g"}],
    }


def test_openais_own_tools() -> None:
    found, dropped = tools(
        tools=[{"type": "code_interpreter"}, {"type": "file_search", "vector_store_ids": ["v"]}, {"type": "unknown"}],
        tool_choice="required",
    )
    assert found["tools"][0] == {"type": "code_interpreter", "container": {"type": "auto"}}
    assert found["tools"][1]["vector_store_ids"] == ["v"]
    assert dropped == ("tools[2]",)


def test_a_search_of_the_web() -> None:
    place = {"type": "approximate", "approximate": {"city": "Rome"}}
    found, dropped = tools(web_search_options={"search_context_size": "low", "user_location": place, "new": 1})
    (search,) = found["tools"]
    assert search == {
        "type": "web_search",
        "search_context_size": "low",
        "user_location": {"type": "approximate", "city": "Rome"},
    }
    assert dropped == ("web_search_options.new",)
    assert tools(web_search_options={})[0]["tools"] == [{"type": "web_search"}]


def test_nothing_to_call() -> None:
    assert tools(tool_choice="required", parallel_tool_calls=False) == ({}, ("tool_choice",))
    assert tools(tool_choice="none") == ({}, ())


def test_markers_and_extras_are_named() -> None:
    _, dropped = tools(tools=[{**FUNCTION, "cache_control": {"type": "ephemeral"}, "new": 1}])
    assert dropped == ("tools[0].cache_control", "tools[0].new")


def test_a_tool_of_openais_is_chosen_by_its_type() -> None:
    tool = NativeTool("image_generation", {"type": "image_generation"})
    request = ChatRequest("m", (), {"tools": (tool,), "tool_choice": ToolChoice("required", ("image_generation",))})
    found = write_tools(Parameters(request))
    assert isinstance(found, dict)
    assert found["tool_choice"] == {"type": "image_generation"}
