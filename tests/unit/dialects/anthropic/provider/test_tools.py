"""Tools and the choice among them."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from claude_requests import CLOCK, FORECAST, NOTHING, request, sent, write
from matrix import (
    EPHEMERAL,
    MATRIX,
    SHELL,
    WEATHER,
    ask,
)
from penstock.core.chat import ChatRequest
from penstock.core.failure import Failure
from penstock.core.traits import Traits
from penstock.dialects.anthropic import DIALECT
from penstock.dialects.dialect import Payload, WriteContext
from penstock.dialects.openai.caller.request import read
from penstock.traits import resolve


def test_a_search_in_openais_words() -> None:
    place = {"city": "Rome", "country": "IT"}
    options = {"search_context_size": "low", "user_location": {"type": "approximate", "approximate": place}}
    search = {"type": "web_search_20250305", "name": "web_search"}

    def tools(body: dict[str, Any], variant: str = "") -> tuple[Any, tuple[str, ...]]:
        written, payload = write(body, variant=variant)
        return written.get("tools"), payload.dropped

    located = {**search, "user_location": {"type": "approximate", **place}}
    assert tools(ask(web_search_options=options)) == ([located], ("web_search_options.search_context_size",))
    assert tools(ask(tools=[WEATHER], web_search_options={})) == ([FORECAST, search], ())
    own = {**search, "max_uses": 3}
    assert tools(ask(tools=[own], web_search_options={})) == ([own], ("web_search_options",))
    assert tools(ask(web_search_options={}), "vertex") == ([search], ())
    assert tools(ask(web_search_options={}), "bedrock") == (None, ("web_search_options",))


def test_a_schema_keeps_its_bytes_unless_it_lacks_its_type() -> None:
    schema = '{"type":"object", "properties":{"n":{"maximum":1e400}}}'
    body = json.dumps(ask()).replace(
        '"model"', '"tools":[{"type":"function","function":{"name":"f","parameters":SCHEMA}}],"model"'
    )
    for given_schema, wanted in ((schema, schema), ('{"required":[]}', '{"type":"object","required":[]}')):
        found = read(body.replace("SCHEMA", given_schema).encode())
        assert isinstance(found, ChatRequest)
        payload = DIALECT.write(found, WriteContext("claude"))
        assert isinstance(payload, Payload)
        assert b'"input_schema":' + wanted.encode() in payload.body


def test_members_of_tools() -> None:
    known = {
        "defer_loading": True,
        "allowed_callers": ["direct"],
        "input_examples": [{}],
        "eager_input_streaming": True,
    }
    body, payload = write(ask(tools=[{**WEATHER, **known, "colour": "red"}]))
    assert body["tools"] == [{**FORECAST, **known}]
    assert payload.dropped == ("tools[0].colour",)


def test_strict_tools_need_a_family_that_keeps_to_schemas() -> None:
    body, payload = write(MATRIX["tool_strict"], Traits(json_schema=False))
    assert body["tools"] == [FORECAST]
    assert payload.dropped == ("tools[0].function.strict",)


# fmt: off
NATIVE_TOOLS: Final[list[tuple[Any, ...]]] = [
    ({"type": "mcp_toolset", "mcp_server_name": "a"}, {"type": "mcp_toolset", "mcp_server_name": "a"}),
    ({"type": "custom", "name": "f", "input_schema": NOTHING}, {"type": "custom", "name": "f", "input_schema": NOTHING}),
    ({"type": "computer", "computer": {"name": "computer_20250124", "display_width_px": 9}, "cache_control": EPHEMERAL},
     {"type": "computer_20250124", "name": "computer", "display_width_px": 9, "cache_control": EPHEMERAL}),
    ({"type": "web_search_preview"}, None),
    ({"type": "custom", "custom": {"name": "shell"}},
     {"name": "shell", "description": "Give the raw text as the value of input.", "input_schema": SHELL["parameters"]}),
]
# fmt: on


@pytest.mark.parametrize(("tool", "written"), NATIVE_TOOLS)
def test_tools_of_anthropic_pass_in_either_form(tool: dict[str, Any], written: dict[str, Any] | None) -> None:
    body, payload = write(ask(tools=[tool]))
    assert body.get("tools") == ([written] if written else None)
    assert payload.dropped == (() if written else ("tools[0]",))


def allowed(mode: str, *names: str) -> dict[str, Any]:
    tools = [{"type": "function", "function": {"name": name}} for name in names]
    return {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": tools}}


def test_of_several_allowed_tools_the_others_are_not_offered() -> None:
    tools = [
        WEATHER,
        {"type": "function", "function": {"name": "get_time"}},
        {"type": "function", "function": {"name": "f"}},
    ]
    body, _ = write(
        ask(tools=tools, tool_choice=allowed("required", "get_weather", "get_time"), parallel_tool_calls=False)
    )
    assert body["tools"] == [FORECAST, CLOCK]
    assert body["tool_choice"] == {"type": "any", "disable_parallel_tool_use": True}
    body, _ = write(ask(tools=tools, tool_choice=allowed("auto", "get_time")))
    assert body["tools"] == [CLOCK]
    assert body["tool_choice"] == {"type": "auto"}


def test_a_choice_of_a_tool_that_is_not_there_is_the_callers_mistake() -> None:
    choice = {"type": "function", "function": {"name": "get_time"}}
    failure = DIALECT.write(request(ask(tools=[WEATHER], tool_choice=choice)), WriteContext("claude"))
    assert isinstance(failure, Failure)
    assert failure.param == "tool_choice"


def test_a_choice_without_tools() -> None:
    assert write(ask(tool_choice="auto", parallel_tool_calls=False))[1].dropped == ()
    body, payload = write(ask(tool_choice="required"))
    assert "tool_choice" not in body
    assert payload.dropped == ("tool_choice",)


def test_a_family_without_tools() -> None:
    body, payload = write(MATRIX["choice_required"], Traits(tools=False))
    assert body == sent()
    assert payload.dropped == ("tools", "tool_choice")


# Properties.


def strict_tool(name: str, **parameters: Any) -> dict[str, Any]:
    schema = {"type": "object", "additionalProperties": False, "properties": {}, **parameters}
    return {"type": "function", "function": {"name": name, "strict": True, "parameters": schema}}


def test_no_more_is_enforced_than_anthropic_compiles() -> None:
    """Claude docs, "Structured outputs", explicit limits: 20 strict tools, 24 optional members, 16 unions a request."""

    def strict(*tools: dict[str, Any], **more: Any) -> tuple[list[int], tuple[str, ...]]:
        body, payload = write(ask(tools=list(tools), **more), resolve("claude-opus-4-8"))
        return [at for at, tool in enumerate(body["tools"]) if tool.get("strict")], payload.dropped

    assert strict(*[strict_tool(f"f{n}") for n in range(22)]) == (
        list(range(20)),
        ("tools[20].function.strict", "tools[21].function.strict"),
    )
    text = {"type": "string"}
    thirteen = {f"m{n}": text for n in range(13)}
    assert strict(strict_tool("a", properties=thirteen), strict_tool("b", properties=thirteen), strict_tool("c")) == (
        [0, 2],
        ("tools[1].function.strict",),
    )
    needed = {"properties": thirteen, "required": list(thirteen)}
    assert strict(strict_tool("a", **needed), strict_tool("b", **needed)) == ([0, 1], ())
    unions = {f"m{n}": {"type": ["string", "null"]} if n % 2 else {"anyOf": [text, {"type": "null"}]} for n in range(9)}
    either = {"properties": unions, "required": list(unions)}
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object", **either}}}
    assert strict(strict_tool("a", **either)) == ([0], ())
    assert strict(strict_tool("a", **either), response_format=form) == ([], ("tools[0].function.strict",))
