"""Tools of every kind as functions of unique names, and the choice among them."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.core.chat import NativeTool, Owner, Tool, ToolChoice, ToolForm
from penstock.dialects.malformed import Malformed
from penstock.dialects.responses.caller.tools import Tools, read_choice, read_tools

F: dict[str, Any] = {
    "type": "function",
    "name": "f",
    "description": "d",
    "parameters": {"type": "object"},
    "strict": True,
}


def tools(*given: Any) -> Tools:
    return read_tools([(list(given), "tools")])


def test_a_function_keeps_all_it_has() -> None:
    (tool,) = tools({**F, "defer_loading": True, "nothing": None}).offered
    assert tool == Tool("f", "d", b'{"type":"object"}', True, None, {"defer_loading": True})


def test_free_text_becomes_one_text() -> None:
    made = tools({"type": "custom", "name": "exec", "format": {"type": "grammar", "syntax": "lark", "definition": "G"}})
    (tool,) = made.offered
    assert isinstance(tool, Tool)
    assert b'"input"' in tool.parameters
    assert "G" in tool.description
    assert tool.extras.keys() == {"format"}
    assert made.forms == {"exec": ToolForm("custom", "exec")}


def test_namespaces_are_flattened() -> None:
    one = {"type": "namespace", "name": "a", "description": "x", "tools": [F, {"type": "function", "name": "g"}]}
    two = {"type": "namespace", "name": "b", "tools": [F]}
    made = tools(one, two)
    assert [tool.name for tool in made.offered if isinstance(tool, Tool)] == ["a__f", "g", "b__f"]
    assert [tool.path for tool in made.offered] == ["tools[0].tools[0]", "tools[0].tools[1]", "tools[1].tools[0]"]
    assert made.forms["g"] == ToolForm("function", "g", "a")
    assert made.forms["b__f"] == ToolForm("function", "f", "b")
    assert made.dropped == ("tools[0].description",)
    assert (made.name_of("a", "f"), made.name_of("c", "h"), made.name_of("", "h")) == ("a__f", "c__h", "h")


def test_tools_that_the_client_runs() -> None:
    made = tools({"type": "local_shell"}, {"type": "apply_patch"}, {"type": "tool_search", "execution": "client"})
    assert [tool.name for tool in made.offered if isinstance(tool, Tool)] == [
        "local_shell",
        "apply_patch",
        "tool_search",
    ]
    assert {form.kind for form in made.forms.values()} == {"local_shell", "apply_patch", "tool_search"}


def test_settings_of_tools_that_the_client_runs_are_kept_to_be_named() -> None:
    free, patch, shell = tools(
        {"type": "custom", "name": "exec", "format": {"type": "text"}, "defer_loading": True},
        {"type": "apply_patch", "allowed_callers": ["direct"]},
        {"type": "shell", "environment": {"type": "local"}},
    ).offered
    assert [each.extras for each in (free, patch, shell) if isinstance(each, Tool)] == [
        {"defer_loading": True},
        {"allowed_callers": ["direct"]},
        {},
    ]


@pytest.mark.parametrize("kind", ["container_auto", "container_reference"])
def test_a_shell_in_a_container_is_run_by_openai(kind: str) -> None:
    made = tools({"type": "shell", "environment": {"type": kind}})
    (shell,) = made.offered
    assert isinstance(shell, NativeTool)
    assert (shell.owner, shell.type, made.forms) == (Owner.OPENAI, "shell", {})


def test_tools_that_openai_runs() -> None:
    search, code, files = tools(
        {"type": "web_search_preview"}, {"type": "code_interpreter", "container": "c"}, {"type": "file_search"}
    ).offered
    assert isinstance(search, NativeTool)
    assert (search.kind, search.owner, search.value["name"]) == ("web_search", Owner.OPENAI, "web_search_preview")
    assert [tool.kind for tool in (code, files) if isinstance(tool, NativeTool)] == ["code", ""]


def test_a_tool_that_is_declared_again() -> None:
    made = read_tools([([F], "tools"), ([{**F, "description": "new"}], "input[0].tools"), (None, "input[1].tools")])
    (tool,) = made.offered
    assert isinstance(tool, Tool)
    assert tool.description == "new"


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ("x", "tools"),
        (["x"], "tools[0]"),
        ([{"type": "function"}], "tools[0].name"),
        ([{**F, "description": 5}], "tools[0].description"),
        ([{**F, "parameters": 5}], "tools[0].parameters"),
        ([{"type": "namespace", "name": "a", "tools": [5]}], "tools[0].tools[0]"),
    ],
)
def test_what_is_no_tool(given: Any, path: str) -> None:
    with pytest.raises(Malformed) as wrong:
        read_tools([(given, "tools")])
    assert wrong.value.path == path


@pytest.mark.parametrize(
    ("given", "choice"),
    [
        (None, None),
        ("required", ToolChoice("required")),
        ({"type": "function", "name": "f"}, ToolChoice("required", ("f",))),
        ({"type": "function", "name": "g"}, ToolChoice("required", ("g",))),
        ({"type": "function", "name": "g", "namespace": "a"}, ToolChoice("required", ("g",))),
        ({"type": "custom", "name": "unknown"}, ToolChoice("required", ("unknown",))),
        ({"type": "web_search"}, ToolChoice("required", ("web_search",))),
        (
            {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}, {}]},
            ToolChoice("auto", ("f",)),
        ),
    ],
)
def test_choices(given: Any, choice: ToolChoice | None) -> None:
    made = tools(F, {"type": "namespace", "name": "a", "tools": [{"type": "function", "name": "g"}]})
    assert read_choice(given, made) == choice


@pytest.mark.parametrize("given", ["sometimes", 5, {}])
def test_what_is_no_choice(given: Any) -> None:
    with pytest.raises(Malformed):
        read_choice(given, Tools())
