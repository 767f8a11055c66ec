"""Blocks that only Anthropic has, in words that every model reads: searches and their results, documents of blocks.

Sources: Claude docs, "Web search tool", "Search results", "Citations", "Compaction".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from penstock.core import json_text
from penstock.core.json_text import write_json

_INPUT_LIMIT: Final = 500
_RESULT_LIMIT: Final = 4000
"""Characters of a call's input, and of a result, that are told."""


def in_words(block: Mapping[str, Any]) -> str:
    """The block as text; empty where it holds nothing for other models."""
    kind = block.get("type")
    match kind:
        case "search_result":
            return "\n".join(filter(None, (json_text.text(block, "title"), _address(block), _texts(block))))
        case "document":
            titled = json_text.text(block, "title")
            return "\n".join(filter(None, (titled, _texts(json_text.mapping(block, "source")))))
        case "compaction":
            return json_text.text(block, "content")
        case "server_tool_use" | "mcp_tool_use":
            arguments = write_json(block.get("input")).decode()[:_INPUT_LIMIT]
            return f"[{json_text.text(block, 'name')} {arguments}]"
        case str() if kind.endswith("_tool_result"):
            return _result(kind.removesuffix("_tool_result"), block.get("content"))
        case _:
            return ""


def _address(block: Mapping[str, Any]) -> str:
    return json_text.text(block, "source")


def _texts(holder: Mapping[str, Any]) -> str:
    """The text of a content, a string or blocks."""
    content = holder.get("content")
    if isinstance(content, str):
        return content
    return "\n".join(json_text.text(piece, "text") for piece in json_text.mappings(content))


def _result(name: str, content: Any) -> str:
    pages = [_page(each) for each in json_text.mappings(content)]
    text = "; ".join(filter(None, pages)) or write_json(content).decode()
    return f"[{name}: {text[:_RESULT_LIMIT]}]"


def _page(result: Mapping[str, Any]) -> str:
    return " ".join(_words(result))


def _words(result: Mapping[str, Any]) -> Iterator[str]:
    for name in ("title", "url", "text"):
        word = json_text.text(result, name)
        if word:
            yield word
