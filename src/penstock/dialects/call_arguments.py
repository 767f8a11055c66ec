"""The arguments of a tool call for wires that take nothing but a JSON object: Anthropic's and Converse's.

Gemini, Ollama and Oracle's Cohere name what is no object otherwise, and read it otherwise: each has its own reader.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from penstock.core.chat import ToolCall
from penstock.core.json_text import read_json

BROKEN_ARGUMENTS: Final = "The model wrote arguments for the tool {name!r} that are no JSON object."
"""What a caller is told whose wire has no place for such arguments."""
_INVALID_JSON: Final = "INVALID_JSON"
"""Where Anthropic's documentation puts arguments that are no JSON object ("Fine-grained tool streaming")."""


def arguments_object(call: ToolCall) -> dict[str, Any] | msgspec.Raw:
    """The arguments as the caller wrote them if they are a JSON object, byte by byte; otherwise an object around them.

    ``{"input": "ls"}`` for a custom tool, ``{}`` for none at all, ``{"INVALID_JSON": "[1"}`` for any other text.
    """
    text = call.arguments
    if call.custom:
        return {"input": text}
    if not text.strip():
        return {}
    data = text.encode("utf-8", "surrogatepass")
    try:
        is_object = isinstance(read_json(data), dict)
    except ValueError:
        is_object = False
    return msgspec.Raw(data) if is_object else {_INVALID_JSON: text}


def is_object(arguments: str) -> bool:
    """Whether the arguments of a call are a JSON object; none at all count as an empty one."""
    text = arguments.strip()
    if not text.startswith("{"):
        return not text
    try:
        return isinstance(read_json(text.encode("utf-8", "surrogatepass")), dict)
    except ValueError:
        return False
