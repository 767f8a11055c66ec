"""Anthropic's blocks in a chat completion, in OpenAI's words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.core.body import Body
from penstock.dialects.openai.relay.anthropic_blocks import without_blocks

CALL = {"type": "tool_use", "id": "toolu_1", "name": "read_file", "input": {"path": "a"}}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "file body"}
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}
TEXT = {"type": "text", "text": "Looking"}
FUNCTION = {"id": "toolu_1", "type": "function", "function": {"name": "read_file", "arguments": '{"path":"a"}'}}
URL = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}


def told(**members: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    body, dropped = without_blocks(Body.parse(json.dumps(members).encode()))
    return json.loads(body.encode()), dropped


def test_calls_and_results() -> None:
    messages = [
        {"role": "user", "content": "read a"},
        {"role": "assistant", "content": [TEXT, CALL]},
        {"role": "user", "content": [{**RESULT, "is_error": True}, TEXT]},
        {"role": "assistant", "content": [CALL]},
        {"role": "user", "content": [{**RESULT, "content": [TEXT, IMAGE]}]},
        {"role": "user", "content": [IMAGE]},
    ]
    body, dropped = told(messages=messages)
    result = {"role": "tool", "tool_call_id": "toolu_1", "content": "file body"}
    assert body["messages"] == [
        messages[0],
        {"role": "assistant", "content": [TEXT], "tool_calls": [FUNCTION]},
        result,
        {"role": "user", "content": [TEXT]},
        {"role": "assistant", "content": None, "tool_calls": [FUNCTION]},
        {**result, "content": "Looking"},
        {"role": "user", "content": [URL]},
        {"role": "user", "content": [URL]},
    ]
    assert dropped == ("messages[2].content[0].is_error",)


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({"type": "auto"}, "auto"),
        ({"type": "any"}, "required"),
        ({"type": "none"}, "none"),
        ({"type": "tool", "name": "f"}, {"type": "function", "function": {"name": "f"}}),
        ({"type": "function", "function": {"name": "f"}}, {"type": "function", "function": {"name": "f"}}),
        ("required", "required"),
    ],
)
def test_tools_and_choices(choice: Any, expected: Any) -> None:
    tool = {"name": "f", "description": "d", "input_schema": {"type": "object"}}
    body, _ = told(tools=[tool], tool_choice=choice)
    function = {"name": "f", "description": "d", "parameters": {"type": "object"}}
    assert body["tools"] == [{"type": "function", "function": function}]
    assert body["tool_choice"] == expected


def test_a_serial_choice() -> None:
    body, _ = told(tool_choice={"type": "auto", "disable_parallel_tool_use": True})
    assert body == {"tool_choice": "auto", "parallel_tool_calls": False}


@pytest.mark.parametrize(
    "members",
    [
        {"messages": [{"role": "user", "content": 'say "tool_use" and "source"'}]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": '"tool_result"'}]}]},
        {"messages": "odd", "tools": "input_schema", "tool_choice": {}},
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": {"input_schema": {}}}}]},
        {"messages": [{"role": "user", "content": [{"type": "image", "source": "tool_use"}]}]},
    ],
)
def test_other_requests_keep_their_bytes(members: Any) -> None:
    data = json.dumps(members, indent=1).encode()
    body = Body.parse(data)
    assert without_blocks(body) == (body, ())
