"""The ``usage`` member of a response, in both directions.

Source: OpenAI API reference, "The response object". All counts are required by clients' types.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.core.json_text import integer, mapping
from penstock.core.usage import Usage


def read_usage(counts: Any) -> Usage | None:
    """The counts of a ``usage`` member; None where there are none."""
    if not isinstance(counts, dict) or not counts:
        return None
    prompt_details, made = mapping(counts, "input_tokens_details"), mapping(counts, "output_tokens_details")
    searches = integer(mapping(mapping(counts, "server_tool_use"), "web_search"), "num_requests")
    return Usage(
        integer(counts, "input_tokens"),
        integer(counts, "output_tokens"),
        integer(counts, "total_tokens"),
        integer(prompt_details, "cached_tokens"),
        integer(prompt_details, "cache_write_tokens"),
        integer(made, "reasoning_tokens"),
        searches=searches,
        native=counts,
    )


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
    """The usage of a decoded response."""
    return read_usage(mapping(response, "usage"))
