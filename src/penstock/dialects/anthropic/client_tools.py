"""Anthropic's tools that the caller's own machine runs, as functions that every model can call.

A call of a tool that Anthropic knows by its type is told the caller in the same words as one of a function, so nothing
needs to be remembered. Sources: Claude docs, "Bash tool", "Text editor tool", "Memory tool".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from penstock.core.chat import Tool
from penstock.core.json_text import write_json

_TEXT: Final = {"type": "string"}
_LINE: Final = {"type": "integer"}
_RANGE: Final = {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2}


def _schema(required: tuple[str, ...], **properties: Any) -> bytes:
    return write_json({"type": "object", "properties": properties, "required": list(required)})


def _command(*commands: str) -> dict[str, Any]:
    return {"type": "string", "enum": list(commands)}


_BASH: Final = _schema(
    (),
    command={**_TEXT, "description": "The command to run. Required unless restart is true."},
    restart={"type": "boolean", "description": "True starts the shell anew."},
)
_EDITED: Final = {"path": _TEXT, "old_str": _TEXT, "new_str": _TEXT, "insert_line": _LINE, "file_text": _TEXT}
_EDITOR: Final = _schema(
    ("command", "path"),
    command=_command("view", "create", "str_replace", "insert"),
    **_EDITED,
    insert_text=_TEXT,
    view_range=_RANGE,
)
_OLD_EDITOR: Final = _schema(
    ("command", "path"),
    command=_command("view", "create", "str_replace", "insert", "undo_edit"),
    **_EDITED,
    view_range=_RANGE,
)
_MEMORY: Final = _schema(
    ("command",),
    command=_command("view", "create", "str_replace", "insert", "delete", "rename"),
    **_EDITED,
    insert_text=_TEXT,
    old_path=_TEXT,
    new_path=_TEXT,
    view_range=_RANGE,
)

_KINDS: Final[Mapping[str, tuple[str, bytes]]] = {
    "bash_": ("Runs commands in a persistent shell and gives their output.", _BASH),
    "text_editor_20241022": ("Views and edits text files.", _OLD_EDITOR),
    "text_editor_20250124": ("Views and edits text files.", _OLD_EDITOR),
    "text_editor_": ("Views and edits text files.", _EDITOR),
    "memory_": ("Keeps notes in files under /memories that outlast the conversation.", _MEMORY),
}
"""By the beginning of the type; the first that fits counts."""


def as_function(kind: str, name: str) -> Tool | None:
    """The function that a tool of this type comes to; None for tools that Anthropic runs, or that need its models."""
    for beginning, (description, schema) in _KINDS.items():
        if kind.startswith(beginning) and name:
            return Tool(name, description, schema)
    return None
