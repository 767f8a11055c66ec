"""Converse's token counts, both ways."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from penstock.core.usage import Usage
from penstock.dialects.bedrock.usage import read_usage, write_usage

COUNT = st.integers(0, 1000)


@given(COUNT, COUNT, COUNT, COUNT)
def test_what_is_written_is_read_again(fresh: int, completion: int, cached: int, written: int) -> None:
    usage = Usage(fresh + cached + written, completion, fresh + cached + written + completion, cached, written)
    told = read_usage(write_usage(usage))
    assert (told.prompt, told.completion, told.total) == (usage.prompt, usage.completion, usage.total)
    assert (told.cached, told.cache_written) == (cached, written)


def test_what_was_written_for_an_hour() -> None:
    told = write_usage(Usage(10, 1, 11, 0, 8, cache_written_1h=5))
    assert told["cacheDetails"] == [{"ttl": "5m", "inputTokens": 3}, {"ttl": "1h", "inputTokens": 5}]
    assert read_usage(told).cache_written_1h == 5


def test_numbers_that_nobody_told_are_zero() -> None:
    assert write_usage(None) == {"inputTokens": 0, "outputTokens": 0, "totalTokens": 0}
    assert read_usage({"inputTokens": 3, "outputTokens": 2}).total == 5
