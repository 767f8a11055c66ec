"""Converse's token counts, both ways: what was read from the cache and written to it is apart from the input, but not
from the total. Source: Amazon Bedrock API reference, "TokenUsage", "CacheDetail".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from penstock.core import json_text
from penstock.core.usage import Usage

_LASTING: Final = "1h"
_COUNTS: Final = ("inputTokens", "outputTokens", "totalTokens", "cacheReadInputTokens", "cacheWriteInputTokens")


def read_usage(usage: Mapping[str, Any]) -> Usage:
    """The counts of a ``usage`` member."""
    prompt, completion, total, cached, written = json_text.integers(usage, _COUNTS)
    if prompt is not None:
        prompt += (cached or 0) + (written or 0)
        if total is None and completion is not None:
            total = prompt + completion
    details = json_text.mappings(usage["cacheDetails"]) if "cacheDetails" in usage else ()
    lasting = sum(json_text.integer(each, "inputTokens") or 0 for each in details if each.get("ttl") == _LASTING)
    return Usage(prompt, completion, total, cached, written, cache_written_1h=lasting or None, native=usage)


def write_usage(usage: Usage | None) -> dict[str, Any]:
    """The ``usage`` member. Input, output and total are always numbers: AWS's clients read them without a look."""
    usage = usage or Usage()
    cached, written = usage.cached or 0, usage.cache_written or 0
    prompt, completion = usage.prompt or 0, usage.completion or 0
    found: dict[str, Any] = {
        "inputTokens": max(prompt - cached - written, 0),
        "outputTokens": completion,
        "totalTokens": prompt + completion if usage.total is None else usage.total,
    }
    if usage.cached is not None:
        found["cacheReadInputTokens"] = cached
    if usage.cache_written is not None:
        found["cacheWriteInputTokens"] = written
    if usage.cache_written_1h:
        shorter = max(written - usage.cache_written_1h, 0)
        found["cacheDetails"] = [
            {"ttl": ttl, "inputTokens": count}
            for ttl, count in (("5m", shorter), (_LASTING, usage.cache_written_1h))
            if count
        ]
    return found
