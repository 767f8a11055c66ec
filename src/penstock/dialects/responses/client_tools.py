"""OpenAI's tools that the caller's own machine runs, as functions that every model can call, and their calls again in
OpenAI's form.

Sources: OpenAI docs, "Local shell", "Shell", "Apply patch", "Tool search"; OpenAI API reference, "Create a model
response" (``tools``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from penstock.core import json_text
from penstock.core.chat import Tool
from penstock.core.json_text import read_json_or_none, write_json

_TEXT: Final = {"type": "string"}
_NUMBER: Final = {"type": "integer"}
_TEXTS: Final = {"type": "array", "items": _TEXT}


def _schema(required: tuple[str, ...], **properties: Any) -> bytes:
    return write_json({"type": "object", "properties": properties, "required": list(required)})


class ClientTool(msgspec.Struct, frozen=True):
    """One typed tool: how it is described to other makers' models, and where its calls keep the arguments.

    ``call`` is the type of its calls, ``result`` that of their results; ``member`` the member of a call that holds the
    arguments.
    """

    description: str
    schema: bytes
    call: str
    result: str
    member: str
    fixed: Mapping[str, Any] = {}
    """Members of the call's own member that are always the same."""
    empty: Mapping[str, Any] = {}
    """Members that clients demand, as they are before the arguments are known."""


CLIENT_TOOLS: Final[Mapping[str, ClientTool]] = {
    "local_shell": ClientTool(
        "Runs a command on the user's machine and gives its output.",
        _schema(
            ("command",),
            command={**_TEXTS, "description": "The program and its arguments."},
            working_directory=_TEXT,
            timeout_ms=_NUMBER,
        ),
        "local_shell_call",
        "local_shell_call_output",
        "action",
        fixed={"type": "exec", "env": {}},
        empty={"command": []},
    ),
    "shell": ClientTool(
        "Runs shell commands on the user's machine and gives their output.",
        _schema(("commands",), commands=_TEXTS, timeout_ms=_NUMBER, max_output_length=_NUMBER),
        "shell_call",
        "shell_call_output",
        "action",
        empty={"commands": [], "timeout_ms": None, "max_output_length": None},
    ),
    "apply_patch": ClientTool(
        "Creates, updates or deletes one file. The diff is in the V4A format.",
        _schema(
            ("type", "path"),
            type={"type": "string", "enum": ["create_file", "update_file", "delete_file"]},
            path=_TEXT,
            diff=_TEXT,
        ),
        "apply_patch_call",
        "apply_patch_call_output",
        "operation",
        empty={"type": "update_file", "path": "", "diff": ""},
    ),
}
"""By the type of the tool, which is its name, too."""

TOOL_SEARCH: Final = "tool_search"
CALLS: Final[Mapping[str, str]] = {tool.call: kind for kind, tool in CLIENT_TOOLS.items()}
"""The types of tools by those of their calls."""
RESULTS: Final = frozenset(tool.result for tool in CLIENT_TOOLS.values())


def as_function(kind: str) -> Tool | None:
    """The function that a typed tool comes to; None for tools that OpenAI runs."""
    tool = CLIENT_TOOLS.get(kind)
    return None if tool is None else Tool(kind, tool.description, tool.schema)


def called(kind: str, arguments: str) -> dict[str, Any]:
    """The member of a typed call that holds its arguments, by its name."""
    tool = CLIENT_TOOLS[kind]
    value = read_json_or_none(arguments.encode("utf-8", "surrogatepass"))
    return {tool.member: {**tool.fixed, **tool.empty, **(value if isinstance(value, dict) else {})}}


def arguments_of(kind: str, item: Mapping[str, Any]) -> str:
    """The arguments of the function for a typed call that comes back."""
    tool = CLIENT_TOOLS[kind]
    arguments = json_text.mapping(item, tool.member)
    kept = {name: value for name, value in arguments.items() if value is not None and name not in tool.fixed}
    return write_json(kept).decode("utf-8", "surrogatepass")
