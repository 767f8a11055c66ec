"""Formulas of price files."""

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from penstock.prices.formula import FormulaError, evaluate, names_of, read_formula


def product(*names: str) -> dict[str, Any]:
    return {"operation": "multiply", "operands": [{"value": name} for name in names]}


BOTH = {
    "request": {
        "operation": "sum",
        "operands": [product("input_tokens", "rates.request_token"), product("2", "rates.image")],
    },
    "response": product("output_tokens", "rates.response_token"),
}


def test_sums_and_products() -> None:
    formula = read_formula(BOTH)
    values = {
        "input_tokens": 10,
        "rates.request_token": 3,
        "rates.image": 7,
        "output_tokens": 2,
        "rates.response_token": 5,
    }
    assert evaluate(formula, values) == 10 * 3 + 2 * 7 + 2 * 5
    assert names_of(formula) == set(values)


def test_fractions_are_exact() -> None:
    formula = read_formula({"request": product("0.1", "rates.request_token")})
    assert evaluate(formula, {"rates.request_token": 3}) == Fraction(3, 10)


@pytest.mark.parametrize("number", [2.5e-7, Decimal("0.00000025"), "0.00000025"])
def test_a_small_number_is_read_as_it_is(number: float | Decimal | str) -> None:
    assert read_formula({"request": {"value": number}}) == ["0.00000025", "0"]


@pytest.mark.parametrize("number", [math.inf, math.nan, 10**400, Decimal("1e999999999"), Decimal("1e-999999999")])
def test_a_number_out_of_all_bounds_is_refused(number: float | Decimal) -> None:
    with pytest.raises(FormulaError, match="expected a number or a name"):
        read_formula({"request": {"value": number}})


def test_what_has_no_value_counts_nothing() -> None:
    assert evaluate(read_formula(BOTH), {}) == 0


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ([], "expected an object with request and response"),
        ({"request": []}, "expected an object"),
        ({"request": {"operation": "divide", "operands": [{"value": "1"}]}}, "unknown operation 'divide'"),
        ({"request": {"operation": ["sum"], "operands": [{"value": "1"}]}}, "unknown operation"),
        ({"request": {"operation": "sum", "operands": []}}, "expected a list"),
        ({"request": {"value": "__import__('os')"}}, "expected a number or a name"),
        ({"request": {"value": True}}, "expected a number or a name"),
        ({"request": product("rates.a", "rates.b")}, "a product of two prices is no amount"),
        ({"total": product("1", "rates.a")}, "request and response"),
    ],
)
def test_what_is_no_formula(value: Any, reason: str) -> None:
    with pytest.raises(FormulaError, match=reason):
        read_formula(value)


def test_depth_is_bounded() -> None:
    tree: dict[str, Any] = {"value": "1"}
    for _ in range(40):
        tree = {"operation": "sum", "operands": [tree]}
    with pytest.raises(FormulaError, match="nested"):
        read_formula({"request": tree})
