"""Whole numbers as text."""

from __future__ import annotations

import pytest

from penstock.core.whole_number import whole_number


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("007", 7), ("999999999", 999_999_999)])
def test_a_few_digits_are_a_number(text: str, number: int) -> None:
    assert whole_number(text) == number


@pytest.mark.parametrize("text", ["", "-1", "+1", " 1", "1_0", "1.0", "٣", "²", "1000000000", "9" * 5000])
def test_nothing_else_is(text: str) -> None:
    assert whole_number(text) is None
