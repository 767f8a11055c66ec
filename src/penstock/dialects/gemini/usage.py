"""Gemini's token counts: read from its replies, and written for its callers.

Google leaves out zeros; its total is the sum of its parts. Thoughts are counted apart from the answer, and what its
own tools added is counted apart from the prompt. Source: Gemini API reference, "UsageMetadata".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from penstock.core import json_text
from penstock.core.usage import Usage

_COUNTS: Final = (
    "promptTokenCount",
    "candidatesTokenCount",
    "thoughtsTokenCount",
    "toolUsePromptTokenCount",
    "totalTokenCount",
    "cachedContentTokenCount",
)
COUNTED: Final = frozenset(_COUNTS[:-1])
"""The members that count tokens."""
_NOTHING_COUNTED: Final = (None,) * len(COUNTED)


def read_usage(usage: Mapping[str, Any]) -> Usage:
    """The counts of a ``usageMetadata`` that isn't empty."""
    prompt, completion, thought, tools, total, cached = json_text.integers(usage, _COUNTS)
    asked = answered = None
    if (prompt, completion, thought, tools, total) != _NOTHING_COUNTED:
        asked, answered = (prompt or 0) + (tools or 0), (completion or 0) + (thought or 0)
        total = asked + answered if total is None else total
    return Usage(
        asked,
        answered,
        total,
        cached,
        reasoning=thought,
        audio_in=_sound(usage["promptTokensDetails"]) if "promptTokensDetails" in usage else None,
        audio_out=_sound(usage["candidatesTokensDetails"]) if "candidatesTokensDetails" in usage else None,
        tool_prompt=tools,
        native=usage,
    )


def _sound(details: Any) -> int | None:
    """The tokens of sound among those of all kinds; None when the kinds aren't told or sound isn't among them."""
    if not isinstance(details, list):
        return None
    counts = [
        json_text.integer(item, "tokenCount") or 0
        for item in details
        if isinstance(item, dict) and item.get("modality") == "AUDIO"
    ]
    return sum(counts) if counts else None


def write_usage(usage: Usage | None) -> dict[str, int]:
    """The ``usageMetadata`` of a reply; empty where nothing is known."""
    if usage is None:
        return {}
    prompt, completion, tools = usage.prompt, usage.completion, usage.tool_prompt or 0
    if prompt is None and completion is None:
        return {} if usage.total is None else {"totalTokenCount": usage.total}
    counts = {
        "promptTokenCount": max((prompt or 0) - tools, 0),
        "candidatesTokenCount": max((completion or 0) - (usage.reasoning or 0), 0),
        "totalTokenCount": (prompt or 0) + (completion or 0) if usage.total is None else usage.total,
    }
    others = {
        "cachedContentTokenCount": usage.cached,
        "thoughtsTokenCount": usage.reasoning,
        "toolUsePromptTokenCount": usage.tool_prompt,
    }
    return {**counts, **{name: count for name, count in others.items() if count}}
