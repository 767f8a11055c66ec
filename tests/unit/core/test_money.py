"""Amounts are integers; dollars and cents at the edges are exact."""

from __future__ import annotations

import random
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.money import (
    LARGEST,
    LARGEST_IN_DOUBLES,
    MOST_CHARGED,
    NANOS,
    dollars_fixed,
    dollars_number,
    dollars_text,
    nanos_from_dollars,
    nanos_reserved,
    nanos_settled,
    picos_from_cents,
    picos_from_dollars,
)

AMOUNTS = st.integers(-LARGEST, LARGEST)


@given(AMOUNTS)
def test_dollars_come_back(nanos: int) -> None:
    assert nanos_from_dollars(dollars_text(nanos)) == nanos
    assert nanos_from_dollars(dollars_fixed(nanos)) == nanos


@given(st.integers(0, 8_000_000 * NANOS))
def test_json_numbers_come_back(nanos: int) -> None:
    assert nanos_from_dollars(dollars_number(nanos)) == nanos


@pytest.mark.parametrize("picos", [10**18, 10**18 + 1, 10**300])
def test_no_request_is_charged_more_than_a_million_dollars(picos: int) -> None:
    assert nanos_settled(picos) == nanos_reserved(picos) == MOST_CHARGED == 10**15


@given(st.integers(0, 10**18))
def test_a_charge_is_rounded_half_even_and_an_estimate_up(picos: int) -> None:
    exact = Decimal(picos) / 1000
    assert nanos_settled(picos) == exact.quantize(Decimal(1), ROUND_HALF_EVEN)
    assert nanos_reserved(picos) == exact.quantize(Decimal(1), ROUND_CEILING)
    assert nanos_reserved(picos) >= nanos_settled(picos)


def test_a_million_small_charges_are_their_exact_sum() -> None:
    chance = random.Random(28)
    charges = [chance.randrange(1, 5_000) for _ in range(1_000_000)]
    total = sum((Decimal(charge) for charge in charges), Decimal(0)).scaleb(-9)
    assert Decimal(dollars_text(sum(charges))) == total


@pytest.mark.parametrize(
    ("nanos", "dollars"),
    [
        (0, "0"),
        (1, "0.000000001"),
        (12 * NANOS, "12"),
        (500_000_000, "0.5"),
        (-1_500_000_000, "-1.5"),
        (10_000_000, "0.01"),
    ],
)
def test_texts(nanos: int, dollars: str) -> None:
    assert dollars_text(nanos) == dollars


def test_a_float_is_its_shortest_text() -> None:
    assert nanos_from_dollars(0.1) == 100_000_000
    assert nanos_from_dollars(5) == 5 * NANOS
    assert type(dollars_number(3 * NANOS)) is int


@pytest.mark.parametrize("number", [True, None, "", "x", float("nan"), float("inf"), "1e999", "1" * 400, [], 10**400])
def test_what_is_no_number(number: Any) -> None:
    for convert in (nanos_from_dollars, picos_from_dollars, picos_from_cents):
        with pytest.raises(ValueError, match=r"expected|large"):
            convert(number)


@pytest.mark.parametrize("number", ["0.0000000001", 1e-10, 10**10, "9223372036.854775808"])
def test_what_nanodollars_cannot_hold(number: Any) -> None:
    with pytest.raises(ValueError, match=r"decimals|large"):
        nanos_from_dollars(number)


def test_prices_are_rounded_to_picodollars() -> None:
    assert picos_from_cents("0.00005999999999999999") == 600_000
    assert picos_from_cents(3e-8) == 300
    assert picos_from_dollars("0.0000000000005") == 0
    assert picos_from_dollars("0.0000000000015") == 2
    assert picos_from_dollars(100) == 100 * 10**12


def test_doubles_hold_their_largest_amount_exactly() -> None:
    assert LARGEST_IN_DOUBLES < 2**53
    assert int(float(LARGEST_IN_DOUBLES)) == LARGEST_IN_DOUBLES
