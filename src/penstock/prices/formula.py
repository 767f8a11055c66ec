"""How an amount follows from counts and prices where a price file says it itself (``calculate``): sums and products.

A formula is a tree: ``["+", a, b]``, ``["*", a, b]``, a number as text, or a name: ``input_tokens`` is a count,
``rates.request_token`` a price. Every product holds at most one price, so that the result is an amount of money.
Source: https://github.com/Portkey-AI/models.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final, TypeAlias

Formula: TypeAlias = list[Any]
"""``[request, response]``: two trees whose results are added."""

PRICE: Final = "rates."
_DIGITS: Final = 18
_NUMBER: Final = re.compile(rf"[0-9]{{1,{_DIGITS}}}(\.[0-9]{{1,{_DIGITS}}})?")
_NAME: Final = re.compile(r"(rates\.)?[a-z][a-z0-9_]{0,63}")
_OPERATIONS: Final = {"sum": "+", "multiply": "*"}
_DEEPEST: Final = 16


class FormulaError(ValueError):
    """A tree that is none of the known kind. The message says why."""


def read_formula(value: Any) -> Formula:
    """The formula of a ``calculate`` member: ``{"request": TREE, "response": TREE}``. Raises FormulaError."""
    if not isinstance(value, dict) or not value.keys() <= {"request", "response"}:
        raise FormulaError("expected an object with request and response")
    return [_tree(value[side], 0) if side in value else "0" for side in ("request", "response")]


def _tree(node: Any, depth: int) -> Any:
    if depth > _DEEPEST:
        raise FormulaError(f"nested more than {_DEEPEST} deep")
    if not isinstance(node, dict):
        raise FormulaError("expected an object")
    if "value" in node:
        return _leaf(node["value"])
    operation, operands = node.get("operation"), node.get("operands")
    if not isinstance(operation, str) or operation not in _OPERATIONS:
        raise FormulaError(f"unknown operation {operation!r}: expected sum or multiply")
    if not isinstance(operands, list) or not operands:
        raise FormulaError("operands: expected a list")
    tree = [_OPERATIONS[operation], *(_tree(each, depth + 1) for each in operands)]
    _degree(tree)
    return tree


def _leaf(value: Any) -> str:
    text = value if isinstance(value, str) else _decimal_text(value)
    if _NUMBER.fullmatch(text) or _NAME.fullmatch(text):
        return text
    raise FormulaError(f"expected a number or a name, not {str(value)[:64]!r}")


def _decimal_text(value: Any) -> str:
    """A number without an exponent: ``0.0000001``, which ``str`` writes as ``1e-07``. Empty for what is none, or out of
    all bounds."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return ""
    number = value if isinstance(value, Decimal) else Decimal(repr(value))
    return f"{number:f}" if number.is_finite() and abs(number.adjusted()) < _DIGITS else ""


def _degree(tree: Any) -> int:
    """How many prices are multiplied with each other. Raises FormulaError for more than one."""
    if isinstance(tree, str):
        return int(tree.startswith(PRICE))
    degrees = [_degree(each) for each in tree[1:]]
    degree = sum(degrees) if tree[0] == "*" else max(degrees)
    if degree > 1:
        raise FormulaError("a product of two prices is no amount")
    return degree


def evaluate(formula: Formula, values: Mapping[str, int]) -> Fraction:
    """The amount in picodollars. A name without a value counts 0."""
    return sum((_value(tree, values) for tree in formula), Fraction(0))


def _value(tree: Any, values: Mapping[str, int]) -> Fraction:
    if isinstance(tree, str):
        return Fraction(tree) if tree[0].isdigit() else Fraction(values.get(tree, 0))
    operands = [_value(each, values) for each in tree[1:]]
    result = operands[0]
    for each in operands[1:]:
        result = result + each if tree[0] == "+" else result * each
    return result


def names_of(formula: Formula) -> set[str]:
    """The names of counts and prices in a formula."""
    found: set[str] = set()
    for tree in formula:
        if isinstance(tree, str):
            found |= set() if tree[0].isdigit() else {tree}
        else:
            found |= names_of(tree[1:])
    return found
