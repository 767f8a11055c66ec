"""Counts of tokens: a later report wins count by count, and what is left out is never a guess."""

import pytest

from penstock.core.usage import MOST, Usage, with_reasoning


def test_a_later_report_wins_where_it_counts() -> None:
    first = Usage(10, 1, 11, cached=4, native={"a": 1, "b": 1})
    later = Usage(completion=7, total=17, native={"b": 2})
    assert first.merged(later) == Usage(10, 7, 17, cached=4, native={"a": 1, "b": 2})


def test_zero_is_a_count_and_none_is_not() -> None:
    assert Usage(cached=4).merged(Usage(cached=0)).cached == 0
    assert Usage(cached=4).merged(Usage()).cached == 4


def test_two_calls_cost_what_both_cost() -> None:
    total = Usage(10, 1, 11, cached=4, native={"a": 1}).plus(Usage(1, 2, 3, reasoning=0, native={"b": 1}))
    assert total == Usage(11, 3, 14, cached=4, reasoning=0)


def test_what_neither_reports_stays_unknown() -> None:
    total = Usage(searches=1).plus(Usage(searches=2))
    assert total == Usage(searches=3)
    assert Usage().plus(Usage()) == Usage()


@pytest.mark.parametrize(
    ("prompt", "completion", "total", "reasoning", "whole"),
    [
        (9, 2, 17, 6, 8),
        (9, 8, 17, 6, 8),
        (9, 2, 18, 6, 2),
        (9, 2, None, 6, 2),
        (None, 2, 8, 6, 2),
        (9, None, 15, 6, None),
    ],
)
def test_reasoning_that_a_host_counts_beside_the_completion(
    prompt: int | None, completion: int | None, total: int | None, reasoning: int, whole: int | None
) -> None:
    assert with_reasoning(prompt, completion, total, reasoning) == whole


@pytest.mark.parametrize("impossible", [-1, -(10**12), MOST + 1, 1 << 63, 10**30])
def test_a_count_that_no_call_can_have_is_none(impossible: int) -> None:
    """A negative one would pay a budget back; a huge one is more than counters and columns hold."""
    assert Usage(impossible, 2, 3, reasoning=impossible) == Usage(None, 2, 3)
    assert Usage(MOST, MOST).plus(Usage(1, 0)) == Usage(None, MOST)
