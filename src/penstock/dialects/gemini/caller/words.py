"""Parts that only Google has, in words that every model reads: code and its output, calls of Google's own tools.

Source: Gemini API reference, "Part".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from penstock.core.json_text import text, write_json
from penstock.dialects.gemini.spelling import own_members

_LIMIT: Final = 4000
"""Characters of a part that are told."""


def in_words(part: Mapping[str, Any]) -> str:
    """The part as text; empty where it holds nothing for other models."""
    code, result = own_members(part.get("executableCode")), own_members(part.get("codeExecutionResult"))
    if code:
        return f"```{text(code, 'language').lower()}\n{text(code, 'code')[:_LIMIT]}\n```"
    if result:
        return f"[{text(result, 'outcome') or 'output'}: {text(result, 'output')[:_LIMIT]}]"
    for name in ("toolCall", "toolResponse"):
        if part.get(name):
            return f"[{name}: {write_json(part[name]).decode()[:_LIMIT]}]"
    return ""
