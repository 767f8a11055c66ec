"""What a request will take: strict estimates are upper bounds, normal ones are always possible."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.prices import Prices
from penstock.limits.estimate import (
    ModelBounds,
    NotBounded,
    RequestSize,
    TypicalUsage,
    normal_estimate,
    read_count,
    strict_estimate,
)
from penstock.limits.limit import Amounts

PRICES = Prices(input=2_500_000, output=10_000_000, request=1_000_000)
"""2.5 and 10 dollars for a million tokens, and a tenth of a cent for 100 requests."""
BOUNDS = ModelBounds(max_output=1000, media={"image": 1500})


def test_a_strict_estimate_is_bytes_and_messages_and_the_whole_answer() -> None:
    size = RequestSize(text_bytes=100, messages=2, media={"image": 2}, max_tokens=50, choices=3)
    tokens = 100 + 2 * 16 + 2 * 1500
    cost = (tokens * 2_500_000 + 150 * 10_000_000 + 1_000_000) // 1000
    assert strict_estimate(size, PRICES, BOUNDS) == Amounts(cost, tokens, 150)


@pytest.mark.parametrize(
    ("asked", "most", "output"), [(50, 1000, 50), (5000, 1000, 1000), (None, 1000, 1000), (5000, None, 5000)]
)
def test_an_answer_is_bounded_by_the_caller_or_the_model(asked: int | None, most: int | None, output: int) -> None:
    assert strict_estimate(RequestSize(1, max_tokens=asked), PRICES, ModelBounds(most)).output == output


@pytest.mark.parametrize(
    ("size", "reason"),
    [
        (RequestSize(1), "max_tokens"),
        (RequestSize(1, max_tokens=1, media={"audio": 1}), "audio"),
        (RequestSize(1, max_tokens=1, paid_tools={"web_search": None}), "max_uses"),
        (RequestSize(1, max_tokens=1, paid_tools={"web_search": 3}), "price"),
        (RequestSize(1, max_tokens=1, held_by_provider="previous_response_id"), "previous_response_id"),
    ],
)
def test_what_has_no_bound(size: RequestSize, reason: str) -> None:
    with pytest.raises(NotBounded, match=reason):
        strict_estimate(size, PRICES, ModelBounds())
    assert normal_estimate(size, PRICES).cost


def test_costs_are_rounded_up() -> None:
    assert strict_estimate(RequestSize(1, has_output=False), Prices(1, 0)) == Amounts(1, 1, 0)


def test_tools_that_are_paid_by_call() -> None:
    prices = Prices(0, 0, calls={"web_search": 10_000_000})
    size = RequestSize(0, max_tokens=1, paid_tools={"web_search": 5})
    assert strict_estimate(size, prices).cost == 50_000
    assert normal_estimate(RequestSize(0, paid_tools={"web_search": None}), prices).cost == 10_000


def test_an_unknown_price_leaves_the_cost_open() -> None:
    assert strict_estimate(RequestSize(1, max_tokens=1), None).cost is None
    assert normal_estimate(RequestSize(1), None).cost is None


@pytest.mark.parametrize(
    ("size", "typical", "input_tokens", "output"),
    [
        (RequestSize(300), TypicalUsage(), 100, 256),
        (RequestSize(300), TypicalUsage(4.0, 900), 75, 900),
        (RequestSize(300, max_tokens=50), TypicalUsage(4.0, 900), 75, 50),
        (RequestSize(300, max_tokens=5000), TypicalUsage(4.0, 900), 75, 900),
        (RequestSize(300, choices=2), TypicalUsage(), 100, 512),
        (RequestSize(300, has_output=False), TypicalUsage(), 100, 0),
        (RequestSize(0, media={"image": 1, "audio": 1}), TypicalUsage(), 2500, 256),
    ],
)
def test_a_normal_estimate_follows_typical_usage(
    size: RequestSize, typical: TypicalUsage, input_tokens: int, output: int
) -> None:
    bounds = ModelBounds(media={"image": 1500})
    amounts = normal_estimate(size, PRICES, bounds, typical)
    assert (amounts.input, amounts.output) == (input_tokens, output)


@pytest.mark.parametrize(
    ("value", "count"),
    [(5, 5), (5.0, 5), (0, None), (-3, None), ("5", None), (5.5, None), (True, None), (None, None), ([5], None)],
)
def test_counts_are_numbers_and_never_read_from_text(value: object, count: int | None) -> None:
    assert read_count(value) == count


def test_what_is_no_finite_number_is_no_count() -> None:
    assert read_count(float("inf")) is None
    assert read_count(float("nan")) is None


@given(st.integers(0, 10**9), st.integers(0, 100), st.integers(1, 10**6), st.integers(1, 8))
def test_a_strict_estimate_covers_every_answer_within_its_bounds(size: int, messages: int, most: int, n: int) -> None:
    strict = strict_estimate(RequestSize(size, messages, max_tokens=most, choices=n), PRICES, BOUNDS)
    used = size * 2_500_000 + min(most, 1000) * n * 10_000_000 + 1_000_000
    assert strict.cost is not None
    assert strict.cost * 1000 >= used
