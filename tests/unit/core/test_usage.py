"""Counts of tokens: a later report wins count by count, and what is left out is never a guess."""

from penstock.core.usage import Usage


def test_a_later_report_wins_where_it_counts() -> None:
    first = Usage(10, 1, 11, cached=4, native={"a": 1, "b": 1})
    later = Usage(completion=7, total=17, native={"b": 2})
    assert first.merged(later) == Usage(10, 7, 17, cached=4, native={"a": 1, "b": 2})


def test_zero_is_a_count_and_none_is_not() -> None:
    assert Usage(cached=4).merged(Usage(cached=0)).cached == 0
    assert Usage(cached=4).merged(Usage()).cached == 4
