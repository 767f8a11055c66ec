"""When prices hold, and prices times a fraction."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.prices.rates import Case, scaled, times

HOUR = 3600


def test_large_prompts() -> None:
    case = Case({}, above=128_000)
    assert not case.holds(128_000, 0)
    assert case.holds(128_001, 0)
    assert Case({}).holds(0, 0)


def test_from_a_day_on() -> None:
    assert not Case({}, since=100).holds(1, 99)
    assert Case({}, since=100).holds(1, 100)


@pytest.mark.parametrize(("hour", "holds"), [(0, False), (1, True), (3, True), (4, False), (23, False)])
def test_hours_of_the_day(hour: int, holds: bool) -> None:
    assert Case({}, daily=(HOUR, 4 * HOUR)).holds(1, 86_400 * 20_000 + hour * HOUR) is holds


@pytest.mark.parametrize(("hour", "holds"), [(0, True), (1, False), (16, True), (23, True)])
def test_hours_over_midnight(hour: int, holds: bool) -> None:
    assert Case({}, daily=(16 * HOUR, HOUR)).holds(1, 86_400 * 20_000 + hour * HOUR) is holds


def test_half_of_what_tokens_cost() -> None:
    assert scaled({"input": 10, "unit.web_search": 10, "request": 3}, 1, 2) == {
        "input": 5, "unit.web_search": 10, "request": 3,
    }  # fmt: skip


@pytest.mark.parametrize(("picos", "half"), [(1, 0), (3, 2), (5, 2), (7, 4), (8, 4)])
def test_halves_are_rounded_to_even(picos: int, half: int) -> None:
    assert times(picos, 1, 2) == half


@given(st.integers(0, 10**15), st.integers(0, 10**6), st.integers(1, 10**6))
def test_a_fraction_is_the_nearest_whole_number(picos: int, numerator: int, denominator: int) -> None:
    result = times(picos, numerator, denominator)
    assert abs(2 * (result * denominator - picos * numerator)) <= denominator
