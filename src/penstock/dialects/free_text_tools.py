"""Tools that take free text, which OpenAI calls custom, as functions that every model can call: the function takes one
text. Its calls become free text again in the caller's wire.

Sources: OpenAI docs, "Custom tools"; OpenAI API reference, "Create chat completion" (``tools``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from penstock.core import json_text
from penstock.core.chat import Tool
from penstock.core.json_text import read_json_or_none, write_json

CUSTOM: Final = "custom"
"""OpenAI's type of such a tool and of its calls."""
_INPUT: Final = "input"
"""The function's only parameter."""
_SCHEMA: Final = write_json({"type": "object", "properties": {_INPUT: {"type": "string"}}, "required": [_INPUT]})
_MOST_GRAMMAR: Final = 4096
"""Characters of a grammar that the model is told."""


def free_text_function(name: str, description: str, form: Mapping[str, Any]) -> Tool:
    """The function that a custom tool comes to: it takes one text. A grammar is told, not enforced, and so named."""
    grammar = json_text.text(form, "definition") or json_text.text(json_text.mapping(form, "grammar"), "definition")
    sentences = [description, "Give the raw text as the value of input."]
    if grammar:
        sentences.append(f"The text must match this grammar:\n{grammar[:_MOST_GRAMMAR]}")
    return Tool(name, "\n\n".join(filter(None, sentences)), _SCHEMA, extras={"format": form} if grammar else {})


def free_text(arguments: str) -> str:
    """The text of a custom tool's call: its member ``input``; whatever else the model wrote is taken whole."""
    value = read_json_or_none(arguments.encode("utf-8", "surrogatepass"))
    if isinstance(value, str):
        return value
    if isinstance(value, dict) and isinstance(value.get(_INPUT), str):
        text: str = value[_INPUT]
        return text
    return arguments


def with_free_text(text: str) -> str:
    """The arguments of the function that stands for a custom tool."""
    return write_json({_INPUT: text}).decode("utf-8", "surrogatepass")
