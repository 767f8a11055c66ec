"""Tools for free text that lie flat are nested as chat completions have them; all others keep their bytes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.core.body import Body
from penstock.dialects.openai.relay.flat_tools import with_nested_tools

FUNCTION = b'{"type": "function",  "function": {"name": "custom", "parameters": {"type":"object"}}}'
NESTED = {"type": "custom", "custom": {"name": "patch"}}


def sent(*tools: Any) -> list[Any]:
    body = with_nested_tools(Body.parse(json.dumps({"messages": [], "tools": tools}).encode()))
    nested: list[Any] = body.value("tools")
    return nested


def test_a_flat_tool_is_nested_beside_functions_that_keep_their_bytes() -> None:
    body = Body.parse(b'{"tools": [' + FUNCTION + b', {"type": "custom", "name": "patch", "description": "d"}]}')
    raw = with_nested_tools(body).raw("tools")
    assert raw == b"[" + FUNCTION + b',{"type":"custom","custom":{"name":"patch","description":"d"}}]'


def test_a_grammar_has_an_object_of_its_own() -> None:
    form = {"type": "grammar", "syntax": "lark", "definition": "start: /.+/"}
    (tool,) = sent({"type": "custom", "name": "patch", "format": form})
    grammar = {"syntax": "lark", "definition": "start: /.+/"}
    assert tool == {"type": "custom", "custom": {"name": "patch", "format": {"type": "grammar", "grammar": grammar}}}


def test_other_formats_stay() -> None:
    text, nested = {"type": "text"}, {"type": "grammar", "grammar": {"syntax": "lark", "definition": "x"}}
    for form in (text, nested, "odd"):
        assert sent({"type": "custom", "name": "patch", "format": form})[0]["custom"]["format"] == form


def test_a_flat_choice_is_nested_whatever_form_the_tool_has() -> None:
    chosen = {"type": "custom", "name": "patch"}
    body = with_nested_tools(Body.parse(json.dumps({"tools": [NESTED], "tool_choice": chosen}).encode()))
    assert body.value("tool_choice") == {"type": "custom", "custom": {"name": "patch"}}


@pytest.mark.parametrize("choice", ["custom", {"type": "custom", "custom": {"name": "patch"}}, ["custom"], None])
def test_other_choices_stay(choice: Any) -> None:
    body = Body.parse(json.dumps({"tools": [NESTED], "tool_choice": choice}).encode())
    assert with_nested_tools(body) is body


@pytest.mark.parametrize(
    "tools",
    [
        [NESTED],
        [{"type": "custom", "name": "f", "input_schema": {"type": "object"}}],
        [{"type": "custom"}],
        ["custom"],
        {"type": "custom"},
        "custom",
        None,
    ],
)
def test_all_else_stays_as_it_is(tools: Any) -> None:
    body = Body.parse(json.dumps({"tools": tools}).encode())
    assert with_nested_tools(body) is body
