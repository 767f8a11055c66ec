"""What requests took before: measured, bounded, and the newer ones first."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.limits.estimate import FIRST_BYTES_PER_TOKEN, TypicalUsage
from penstock.limits.usage_statistics import UsageStatistics, _edge


def test_without_requests_there_is_a_first_guess() -> None:
    assert UsageStatistics().typical("k", "m") == TypicalUsage(FIRST_BYTES_PER_TOKEN, None)


def test_bytes_per_token_approach_what_is_measured() -> None:
    measured = UsageStatistics()
    for _ in range(3000):
        measured.learn("k", "m", 4500, 1000, 10)
    assert measured.typical("other", "m").bytes_per_token == pytest.approx(4.5, rel=0.01)
    assert measured.typical("k", "other").bytes_per_token == FIRST_BYTES_PER_TOKEN
    for _ in range(3000):
        measured.learn("k", "m", 2500, 1000, 10)
    assert measured.typical("k", "m").bytes_per_token == pytest.approx(2.5, rel=0.05)


def test_one_prompt_turns_nothing() -> None:
    measured = UsageStatistics()
    measured.learn("k", "m", 100_000_000, 10, 1)
    assert measured.typical("k", "m").bytes_per_token == pytest.approx(3, rel=0.02)
    measured.learn("k", "m", 10, 100_000_000, 1)
    measured.learn("k", "m", 900_000_000, 100_000_000, 1)
    measured.learn("k", "m", 0, 5, 1)
    measured.learn("k", "m", 5, 0, 1)
    assert 2 < measured.typical("k", "m").bytes_per_token < 6


def test_99_of_100_answers_are_no_longer() -> None:
    measured = UsageStatistics()
    for number in range(1000):
        measured.learn("k", "m", 0, 0, 4000 if number % 200 == 0 else 300)
    output = measured.typical("k", "m").output
    assert output is not None
    assert 300 <= output <= 375
    for number in range(1000):
        measured.learn("k", "m", 0, 0, 4000 if number % 20 == 0 else 300)
    output = measured.typical("k", "m").output
    assert output is not None
    assert 4000 <= output <= 5000


def test_earlier_answers_fade() -> None:
    measured = UsageStatistics()
    for _ in range(1000):
        measured.learn("k", "m", 0, 0, 8000)
    for _ in range(12_000):
        measured.learn("k", "m", 0, 0, 100)
    assert (measured.typical("k", "m").output or 0) <= 125


@given(st.integers(0, 10**7))
def test_a_bin_is_at_most_a_quarter_above_its_lengths(tokens: int) -> None:
    assert tokens <= _edge(tokens) <= tokens * 1.25
    assert _edge(_edge(tokens)) == _edge(tokens)
