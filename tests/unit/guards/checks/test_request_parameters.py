"""Which tools and which parameters a request may have."""

from __future__ import annotations

from typing import Any

import pytest

from judging import judged, refused

BODY: dict[str, Any] = {
    "model": "m",
    "messages": [],
    "temperature": 1,
    "stream": True,
    "tools": [
        {"type": "function", "function": {"name": "get_weather"}},
        {"type": "web_search"},
        {"name": "claude_tool", "input_schema": {}},
        {"functionDeclarations": [{"name": "gemini_tool"}]},
    ],
}


def found(parameters: dict[str, Any]) -> tuple[list[Any], list[Any]]:
    judgement = judged("requestParametersCheck", parameters, BODY)
    data = judgement.data
    assert judgement.verdict is not bool(data["blockedToolsFound"] or data["blockedParamsFound"])
    tools = [(each["name"], *each["reasons"]) for each in data["blockedToolsFound"]]
    return tools, [(each["param"], each["value"], *each["reasons"]) for each in data["blockedParamsFound"]]


@pytest.mark.parametrize(
    ("parameters", "tools", "params"),
    [
        ({"tools": {"blockedTypes": ["web_search"]}}, [("web_search", "type_blocked")], []),
        ({"tools": {"allowedTypes": ["function"]}}, [("web_search", "type_not_allowed")], []),
        ({"tools": {"blockedFunctionNames": ["claude_tool", "gemini_tool"]}}, [("claude_tool", "name_blocked"), ("gemini_tool", "name_blocked")], []),
        (
            {"tools": {"allowedFunctionNames": ["get_weather", "claude_tool", "gemini_tool"]}},
            [("web_search", "name_not_allowed")],
            [],
        ),
        ({"params": {"blockedKeys": ["temperature"]}}, [], [("temperature", 1, "key_blocked")]),
        ({"params": {"allowedKeys": ["model", "messages", "tools", "stream"]}}, [], [("temperature", 1, "key_not_allowed")]),
        ({"params": {"values": {"temperature": {"allowedValues": [0, 0.5]}}}}, [], [("temperature", 1, "value_not_allowed")]),
        ({"params": {"values": {"temperature": {"blockedValues": [1.0]}, "top_p": {"allowedValues": [1]}}}}, [], [("temperature", 1, "value_blocked")]),
        ({"params": {"values": {"stream": {"blockedValues": [1, "true"]}}}}, [], []),
        ({"tools": {"allowedTypes": []}}, [], []),
    ],
)  # fmt: skip
def test_rules(parameters: dict[str, Any], tools: list[Any], params: list[Any]) -> None:
    assert found(parameters) == (tools, params)


@pytest.mark.parametrize(
    ("parameters", "path"),
    [
        ({}, "p.tools"),
        ({"tools": {"allowedTypes": ["a"], "blockedTypes": ["a"]}}, "p.tools.allowedTypes"),
        ({"params": {"values": {"n": {"allowedValues": [1], "blockedValues": [1]}}}}, "p.params.values.n"),
        ({"params": {"values": {"n": 1}}}, "p.params.values.n"),
        ({"params": {"maxKeys": 1}}, "p.params.maxKeys"),
    ],
)
def test_what_is_refused(parameters: dict[str, Any], path: str) -> None:
    assert refused("requestParametersCheck", parameters) == path
