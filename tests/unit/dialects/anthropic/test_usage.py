"""Anthropic's token counts, read into OpenAI's arithmetic and written back."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.usage import Usage
from penstock.dialects.anthropic.usage import merged, read_usage, write_usage


def test_the_prompt_is_counted_with_its_cache() -> None:
    given_counts = {
        "input_tokens": 60,
        "cache_read_input_tokens": 30,
        "cache_creation_input_tokens": 10,
        "output_tokens": 20,
        "cache_creation": {"ephemeral_5m_input_tokens": 6, "ephemeral_1h_input_tokens": 4},
        "output_tokens_details": {"thinking_tokens": 5},
        "server_tool_use": {"web_search_requests": 2},
    }
    expected = Usage(100, 20, 120, 30, 10, 5, cache_written_1h=4, searches=2, native=given_counts)
    assert read_usage(given_counts) == expected
    assert write_usage(expected) == given_counts


@pytest.mark.parametrize(
    ("counts", "prompt", "completion", "total"),
    [
        ({"input_tokens": 3, "output_tokens": 2}, 3, 2, 5),
        ({"output_tokens": 2}, None, 2, None),
        ({"input_tokens": 3}, 3, None, None),
        ({"cache_read_input_tokens": 4, "output_tokens": 1}, 4, 1, 5),
        ({"input_tokens": "3", "output_tokens": None}, None, None, None),
    ],
)
def test_counts_that_are_told_in_part(
    counts: dict[str, Any], prompt: int | None, completion: int | None, total: int | None
) -> None:
    usage = read_usage(counts)
    assert usage is not None
    assert (usage.prompt, usage.completion, usage.total) == (prompt, completion, total)


def test_no_counts() -> None:
    assert read_usage({}) is None
    assert write_usage(None) == {"input_tokens": 0, "output_tokens": 0}
    assert write_usage(Usage())["input_tokens"] == write_usage(Usage())["output_tokens"] == 0


def test_summaries_on_the_way_are_counted_too() -> None:
    compaction = {"type": "compaction", "input_tokens": 1000, "output_tokens": 50}
    message = {"type": "message", "input_tokens": 10, "output_tokens": 5}
    counts = {"input_tokens": 10, "output_tokens": 5, "iterations": [compaction, message, "odd"]}
    usage = read_usage(counts)
    assert usage is not None
    assert (usage.prompt, usage.completion) == (1010, 55)
    for iterations in ([message], None, "odd"):
        alone = read_usage({**counts, "iterations": iterations})
        assert alone is not None
        assert (alone.prompt, alone.completion) == (10, 5)


def test_later_counts_replace_earlier_ones() -> None:
    usage = {"input_tokens": 5, "output_tokens": 1}
    merged(usage, {"output_tokens": 9, "input_tokens": None})
    assert usage == {"input_tokens": 5, "output_tokens": 9}


COUNT = st.integers(0, 10**6)


@given(COUNT, COUNT, COUNT, COUNT)
def test_counts_come_back_as_they_were(fresh: int, cached: int, written: int, out: int) -> None:
    prompt = fresh + cached + written
    usage = Usage(prompt, out, prompt + out, cached, written)
    back = read_usage(write_usage(usage))
    assert back is not None
    assert msgspec.structs.replace(back, native={}) == usage


def test_a_cache_larger_than_the_prompt_makes_no_negative_count() -> None:
    assert write_usage(Usage(10, 1, 11, 30))["input_tokens"] == 0
