"""Anthropic's tools that run at the caller, as functions for every model."""

from __future__ import annotations

import json

import pytest

from penstock.dialects.anthropic.client_tools import as_function


@pytest.mark.parametrize(
    ("kind", "commands"),
    [
        ("text_editor_20241022", ["view", "create", "str_replace", "insert", "undo_edit"]),
        ("text_editor_20250124", ["view", "create", "str_replace", "insert", "undo_edit"]),
        ("text_editor_20250728", ["view", "create", "str_replace", "insert"]),
        ("memory_20250818", ["view", "create", "str_replace", "insert", "delete", "rename"]),
    ],
)
def test_the_commands_of_an_editor(kind: str, commands: list[str]) -> None:
    tool = as_function(kind, "edit")
    assert tool is not None
    assert tool.name == "edit"
    assert tool.description
    schema = json.loads(tool.parameters)
    assert schema["type"] == "object"
    assert schema["properties"]["command"]["enum"] == commands
    assert set(schema["required"]) <= set(schema["properties"])


def test_a_shell_takes_a_command_or_starts_anew() -> None:
    tool = as_function("bash_20250124", "bash")
    assert tool is not None
    schema = json.loads(tool.parameters)
    assert set(schema["properties"]) == {"command", "restart"}
    assert schema["required"] == []


@pytest.mark.parametrize(
    ("kind", "name"),
    [("web_search_20250305", "web_search"), ("computer_20250124", "computer"), ("bash_20250124", ""), ("", "x")],
)
def test_no_function_stands_for_the_others(kind: str, name: str) -> None:
    assert as_function(kind, name) is None
