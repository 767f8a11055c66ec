"""Gemini's token counts, both ways."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.usage import Usage
from penstock.dialects.gemini.usage import read_usage, write_usage

COUNT = st.integers(0, 1000)


@given(COUNT, COUNT, COUNT, COUNT, COUNT)
def test_counts_come_back_the_same(prompt: int, said: int, thought: int, tools: int, cached: int) -> None:
    usage = Usage(
        prompt + tools, said + thought, prompt + tools + said + thought, cached or None, reasoning=thought or None,
        tool_prompt=tools or None,
    )  # fmt: skip
    again = read_usage(write_usage(usage))
    names = ("prompt", "completion", "total", "cached", "reasoning", "tool_prompt")
    assert [getattr(again, name) for name in names] == [getattr(usage, name) for name in names]


@pytest.mark.parametrize(("usage", "told"), [(None, {}), (Usage(), {}), (Usage(total=3), {"totalTokenCount": 3})])
def test_nothing_is_made_up(usage: Usage | None, told: dict[str, int]) -> None:
    assert write_usage(usage) == told
