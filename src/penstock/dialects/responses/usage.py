"""The ``usage`` member of a response, in both directions.

Source: OpenAI API reference, "The response object". All counts are required by clients' types.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from penstock.core.json_text import integer, integers, mapping
from penstock.core.usage import Usage, with_reasoning
from penstock.dialects.service_tier import with_tier

_COUNTS: Final = ("input_tokens", "output_tokens", "total_tokens")
_OF_CACHES: Final = ("cached_tokens", "cache_write_tokens")
_DETAILS: Final = frozenset({"input_tokens_details", "output_tokens_details", "server_tool_use"})


def read_usage(counts: Any) -> Usage | None:
    """The counts of a ``usage`` member; None where there are none."""
    if not isinstance(counts, dict) or not counts:
        return None
    prompt, completion, total = integers(counts, _COUNTS)
    if _DETAILS.isdisjoint(counts):
        return Usage(prompt, completion, total, native=counts)
    cached, written = integers(mapping(counts, "input_tokens_details"), _OF_CACHES)
    reasoning = integer(mapping(counts, "output_tokens_details"), "reasoning_tokens")
    searches = None
    if "server_tool_use" in counts:
        searches = integer(mapping(mapping(counts, "server_tool_use"), "web_search"), "num_requests")
    completion = with_reasoning(prompt, completion, total, reasoning)
    return Usage(prompt, completion, total, cached, written, reasoning, searches=searches, native=counts)


def write_usage(usage: Usage | None) -> dict[str, Any] | None:
    """The ``usage`` member; null where the provider reported nothing at all."""
    if usage is None or (usage.prompt is None and usage.completion is None and usage.total is None):
        return None
    prompt, completion = usage.prompt or 0, usage.completion or 0
    return {
        "input_tokens": prompt,
        "input_tokens_details": {"cached_tokens": usage.cached or 0, "cache_write_tokens": usage.cache_written or 0},
        "output_tokens": completion,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning or 0},
        "total_tokens": prompt + completion if usage.total is None else usage.total,
    }


def usage_of(response: Mapping[str, Any]) -> Usage | None:
    """The usage of a decoded response, with the tier of service that it tells beside its counts."""
    return with_tier(read_usage(mapping(response, "usage")), response.get("service_tier"))
