"""Cohere's counts, both ways."""

from penstock.core.usage import Usage
from penstock.dialects.cohere.usage import number, read_usage, write_usage


def test_counts_go_there_and_back() -> None:
    told = write_usage(Usage(9, 4, 13, cached=2))
    assert told == {
        "billed_units": {"input_tokens": 9, "output_tokens": 4},
        "tokens": {"input_tokens": 9, "output_tokens": 4},
        "cached_tokens": 2,
    }
    usage = read_usage(told)
    assert (usage.prompt, usage.completion, usage.total, usage.cached) == (9, 4, 13, 2)
    assert (write_usage(None), write_usage(Usage())) == ({}, {})


def test_numbers() -> None:
    assert [number({"x": value}, "x") for value in (3.0, 3.5, True, "3", None)] == [3, None, None, None, None]
