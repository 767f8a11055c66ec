"""Usage in both directions."""

from __future__ import annotations

from penstock.core.usage import Usage
from penstock.dialects.responses.usage import read_usage, usage_of, write_usage

COUNTS = {
    "input_tokens": 9,
    "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2},
    "output_tokens": 5,
    "output_tokens_details": {"reasoning_tokens": 3},
    "total_tokens": 14,
}


def test_there_and_back() -> None:
    usage = usage_of({"usage": COUNTS})
    assert usage is not None
    assert (usage.prompt, usage.completion, usage.cached, usage.cache_written, usage.reasoning) == (9, 5, 4, 2, 3)
    assert write_usage(usage) == COUNTS


def test_nothing_known() -> None:
    assert read_usage(None) is None
    assert usage_of({}) is None
    assert write_usage(None) is None
    assert write_usage(Usage(cached=3)) is None


def test_a_total_that_nobody_told() -> None:
    told = write_usage(Usage(2, 3))
    assert told is not None
    assert told["total_tokens"] == 5
