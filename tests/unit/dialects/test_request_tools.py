"""Tools as callers write them, and the choice among them."""

import json
from typing import Any

import pytest

from penstock.core.body import Body
from penstock.core.chat import NativeTool, Tool, ToolChoice
from penstock.dialects.malformed import Malformed
from penstock.dialects.request_tools import read_choice, read_tools


def tools(*given: Any) -> Body:
    return Body.parse(json.dumps({"tools": given}).encode())


def test_functions_keep_their_schemas() -> None:
    function = {"name": "f", "description": "d", "parameters": {"type": "object", "x": 1.50}}
    tool, other = read_tools(tools({"type": "function", "function": function}, {"type": "web", "a": 1}))
    assert isinstance(tool, Tool)
    assert (tool.name, tool.description, tool.schema()) == ("f", "d", {"type": "object", "x": 1.5})
    assert other == NativeTool("web", {"type": "web", "a": 1})


@pytest.mark.parametrize("wrong", [3, {"type": "function"}, {"type": "function", "function": {"name": ""}}])
def test_what_is_no_tool(wrong: Any) -> None:
    with pytest.raises(Malformed):
        read_tools(tools(wrong))


def test_choices() -> None:
    assert read_choice("required") == ToolChoice("required")
    assert read_choice({"type": "function", "function": {"name": "f"}}) == ToolChoice("required", ("f",))
    with pytest.raises(Malformed):
        read_choice("maybe")
