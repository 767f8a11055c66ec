"""The tools of a caller of Converse, and the choice among them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.core.body import Body
from penstock.core.chat import NativeTool, Owner, Tool, ToolChoice
from penstock.dialects.bedrock.caller.tools import read_choice, read_tools
from penstock.dialects.malformed import Malformed

SPEC = {"name": "f", "description": "d", "inputSchema": {"json": {"type":  "object"}}, "strict": True}  # fmt: skip


def tools(*given: Any) -> Any:
    return read_tools(Body.parse(json.dumps({"tools": list(given)}).encode()))


def test_functions_keep_their_schemas() -> None:
    (found,) = tools({"toolSpec": {**SPEC, "odd": 1}})
    assert found == Tool("f", "d", b'{"type": "object"}', True, None, {"odd": 1})
    assert tools({"toolSpec": {"name": "f", "inputSchema": {}}}) == (Tool("f"),)


def test_a_cache_point_marks_the_tool_before_it() -> None:
    one, two = tools({"toolSpec": SPEC}, {"cachePoint": {"type": "default"}}, {"toolSpec": {"name": "g"}})
    assert (one.cache, two.cache) == ({"type": "ephemeral"}, None)
    assert (one.path, two.path) == ("", "tools[2]")
    assert tools({"cachePoint": {"type": "default"}}, {"new": {}})[0].path == "tools[1]"
    assert tools({"cachePoint": {"type": "default"}}) == ()


def test_tools_that_bedrock_runs() -> None:
    (found,) = tools({"systemTool": {"name": "nova_grounding"}})
    assert isinstance(found, NativeTool)
    assert (found.type, found.owner, found.kind) == ("nova_grounding", Owner.AMAZON, "web_search")
    assert tools({"new": {}})[0].type == "new"


@pytest.mark.parametrize(
    ("choice", "read"),
    [
        (None, None),
        ({"auto": {}}, ToolChoice("auto")),
        ({"any": {}}, ToolChoice("required")),
        ({"tool": {"name": "f"}}, ToolChoice("required", ("f",))),
    ],
)
def test_choices(choice: Any, read: Any) -> None:
    assert read_choice(choice) == read


@pytest.mark.parametrize("choice", [{}, "auto", {"tool": {}}, []])
def test_a_choice_that_is_none(choice: Any) -> None:
    with pytest.raises(Malformed):
        read_choice(choice)


@pytest.mark.parametrize(
    "tool",
    [1, {"toolSpec": 1}, {"toolSpec": {}}, {"toolSpec": {"name": "f", "inputSchema": 1}},
     {"toolSpec": {"name": "f", "inputSchema": {"json": 1}}}],
)  # fmt: skip
def test_a_tool_that_is_none(tool: Any) -> None:
    with pytest.raises(Malformed):
        tools(tool)
