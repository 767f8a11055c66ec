"""The length of a prompt and its limit are read off any provider's words, or not at all."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.dialects.prompt_length import PromptLength, told_length


@pytest.mark.parametrize(
    ("text", "tokens", "limit"),
    [
        ("This model's maximum context length is 128000 tokens. However, you sent 150001 tokens.", 150001, 128000),
        ("The input token count (1,200,000) exceeds the maximum number of tokens allowed (1048576).", 1200000, 1048576),
        ("prompt is too long: 210000 tokens > 200000 maximum", 210000, 200000),
        ("size limit exceeded by 500 tokens. The limit for this model is 2000 tokens.", 2500, 2000),
    ],
)
def test_both_are_told(text: str, tokens: int, limit: int) -> None:
    assert told_length(text) == PromptLength(tokens, limit)


@pytest.mark.parametrize(
    "text",
    ["", "Please reduce the length.", "maximum context length is 128000 tokens", "the limit is 2000, you sent 1500"],
)
def test_where_one_is_missing_or_they_make_no_sense_nothing_is(text: str) -> None:
    assert told_length(text) is None


@given(st.text(max_size=200))
def test_a_length_is_above_its_limit(text: str) -> None:
    length = told_length(text)
    assert length is None or length.tokens > length.limit > 0


@pytest.mark.parametrize("word", ["max", "exceed", "limit ", "1,", "1 tokens "])
def test_a_long_message_takes_no_time(word: str) -> None:
    began = time.process_time()
    told_length(word * 20_000)
    assert time.process_time() - began < 0.5
