"""Anthropic's token counts, in OpenAI's arithmetic and back: at Anthropic the prompt is counted without what its cache
gave and took. Sources: Anthropic API reference, "Create a Message"; Claude docs, "Prompt caching", "Compaction".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from penstock.core import json_text
from penstock.core.usage import Usage

_DETAILS: Final = frozenset({"output_tokens_details", "cache_creation", "server_tool_use"})
_COUNTS: Final = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "output_tokens")


def read_usage(usage: Mapping[str, Any]) -> Usage | None:
    """The counts of a ``usage`` member; None for an empty one."""
    if not usage:
        return None
    counts = _with_compaction(usage) if "iterations" in usage else usage
    prompt, cached, written, completion = json_text.integers(counts, _COUNTS)
    if cached is not None or written is not None:
        prompt = (prompt or 0) + (cached or 0) + (written or 0)
    total = None if prompt is None or completion is None else prompt + completion
    if _DETAILS.isdisjoint(usage):
        return Usage(prompt, completion, total, cached, written, native=usage)
    return Usage(
        prompt,
        completion,
        total,
        cached,
        written,
        _inside(usage, "output_tokens_details", "thinking_tokens"),
        cache_written_1h=_inside(usage, "cache_creation", "ephemeral_1h_input_tokens") or None,
        searches=_inside(usage, "server_tool_use", "web_search_requests") or None,
        native=usage,
    )


def _inside(usage: Mapping[str, Any], name: str, count: str) -> int | None:
    """A count in an object of the usage."""
    return json_text.integer(json_text.mapping(usage, name), count)


def _with_compaction(usage: Mapping[str, Any]) -> Mapping[str, Any]:
    """The counts with those of summaries that were made on the way: they are billed and not in the totals (Claude docs,
    "Compaction", "Understanding usage")."""
    iterations = usage["iterations"]
    made = (
        [each for each in iterations if isinstance(each, dict) and each.get("type") == "compaction"]
        if isinstance(iterations, list)
        else []
    )
    if not made:
        return usage
    sums = {name: sum(json_text.integer(each, name) or 0 for each in (usage, *made)) for name in _COUNTS}
    return {**usage, **sums}


def merged(usage: dict[str, Any], later: Mapping[str, Any]) -> None:
    """Take over later counts, which replace earlier ones: they are running totals."""
    usage |= {name: value for name, value in later.items() if value is not None}


def write_usage(usage: Usage | None) -> dict[str, Any]:
    """The ``usage`` member. Input and output are always numbers: clients read them without a look."""
    if usage is None:
        return {"input_tokens": 0, "output_tokens": 0}
    cached, written = usage.cached or 0, usage.cache_written or 0
    found: dict[str, Any] = {
        "input_tokens": max((usage.prompt or 0) - cached - written, 0),
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": cached,
        "output_tokens": usage.completion or 0,
    }
    if usage.cache_written_1h:
        lasting = usage.cache_written_1h
        found["cache_creation"] = {
            "ephemeral_5m_input_tokens": max(written - lasting, 0),
            "ephemeral_1h_input_tokens": lasting,
        }
    if usage.reasoning is not None:
        found["output_tokens_details"] = {"thinking_tokens": usage.reasoning}
    if usage.searches:
        found["server_tool_use"] = {"web_search_requests": usage.searches}
    return found
