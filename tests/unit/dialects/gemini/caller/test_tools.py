"""Gemini's tools and the choice among them."""

from typing import Any

import pytest

from gemini_caller import asked, refused
from penstock.core.chat import NativeTool, Owner, Tool, ToolChoice


def tools(*given: Any) -> tuple[Any, ...]:
    found: tuple[Any, ...] = asked(tools=list(given)).parameters["tools"]
    return found


def test_functions_stand_one_by_one() -> None:
    functions = [
        {"name": "f", "description": "d", "parameters": {"type": "OBJECT", "properties": {"type": {"type": "STRING"}}}},
        {"name": "g", "parameters_json_schema": {"type": "object"}, "behavior": "BLOCKING"},
    ]
    f, g = tools({"function_declarations": functions})
    assert f == Tool(
        "f", "d", b'{"type":"object","properties":{"type":{"type":"string"}}}', path="tools[0].functionDeclarations[0]"
    )
    assert (g.parameters, dict(g.extras)) == (b'{"type": "object"}', {"behavior": "BLOCKING"})
    assert g.path == "tools[0].functionDeclarations[1]"


@pytest.mark.parametrize(
    ("name", "kind"), [("googleSearch", "web_search"), ("url_context", "fetch"), ("codeExecution", "code")]
)
def test_googles_own_tools(name: str, kind: str) -> None:
    (tool,) = tools({name: {"excludeDomains": ["x"]}})
    assert isinstance(tool, NativeTool)
    assert (tool.owner, tool.kind, tool.value["excludeDomains"]) == (Owner.GOOGLE, kind, ["x"])
    assert tool.path == f"tools[0].{tool.type}"


@pytest.mark.parametrize(
    ("calling", "choice"),
    [
        ({"mode": "ANY", "allowedFunctionNames": ["f"]}, ToolChoice("required", ("f",))),
        ({"mode": "any"}, ToolChoice("required")),
        ({"mode": "NONE"}, ToolChoice("none")),
        ({"mode": "VALIDATED"}, ToolChoice("auto")),
        ({}, None),
    ],
)
def test_the_choice(calling: Any, choice: ToolChoice | None) -> None:
    for name, member in (("toolConfig", "functionCallingConfig"), ("tool_config", "function_calling_config")):
        assert asked(**{name: {member: calling}}).parameters.get("tool_choice") == choice


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"tools": 3}, "tools"),
        ({"tools": [{"functionDeclarations": 3}]}, "tools[0].functionDeclarations"),
        ({"tools": [{"functionDeclarations": [{}]}]}, "tools[0].functionDeclarations[0].name"),
        ({"toolConfig": {"functionCallingConfig": {"mode": "X"}}}, "toolConfig.functionCallingConfig.mode"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(members: Any, param: str) -> None:
    assert refused(**members).param == param
