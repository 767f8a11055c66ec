"""Items that only OpenAI has, in words that every model reads: calls of its own tools with what they found.

Source: OpenAI API reference, "Create a model response" (``input``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from penstock.core import json_text
from penstock.core.json_text import write_json

_LIMIT: Final = 4000
"""Characters that are told of one item."""


def in_words(item: Mapping[str, Any]) -> str:
    """The item as text; empty where it holds nothing for other models."""
    match item.get("type"):
        case "web_search_call":
            action = json_text.mapping(item, "action")
            searched = json_text.text(action, "query") or json_text.text(action, "url")
            return _told("web_search", searched, _sources(action))
        case "file_search_call":
            return _told("file_search", _listed(item.get("queries")), _listed(item.get("results")))
        case "code_interpreter_call":
            return _told("code_interpreter", json_text.text(item, "code"), _listed(item.get("outputs")))
        case "mcp_call":
            call = f"{json_text.text(item, 'name')} {json_text.text(item, 'arguments')}".strip()
            return _told("mcp", call, json_text.text(item, "output") or _listed(item.get("error")))
        case "image_generation_call":
            return "[image_generation: an image]"
        case _:
            return ""


def _told(name: str, asked: str, found: str) -> str:
    return f"[{name} {asked}: {found}]"[:_LIMIT] if asked or found else ""


def _sources(action: Mapping[str, Any]) -> str:
    return "; ".join(json_text.text(source, "url") for source in json_text.mappings(action.get("sources")))


def _listed(value: Any) -> str:
    return "" if value in (None, [], "") else write_json(value).decode("utf-8", "surrogatepass")
