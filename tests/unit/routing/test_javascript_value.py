"""Values as JavaScript sees them. What conditions make of them: test_conditions.py."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.routing.javascript_value import MISSING, Value


class Counted(list[Any]):
    """A list that counts how many of its elements are looked at."""

    looked_at = 0

    def __iter__(self) -> Any:
        for each in super().__iter__():
            self.looked_at += 1
            yield each


@pytest.mark.parametrize(
    ("value", "text"),
    [([1, None, [2, "a"]], "1,,2,a"), ([None, None], ","), ([[], []], ","), (MISSING, "undefined"), ([{}], "[object Object]")],
)  # fmt: skip
def test_texts(value: Any, text: str) -> None:
    assert Value(value).text() == text


def test_no_more_of_an_array_is_looked_at_than_its_text_needs() -> None:
    some: list[Any] = ["a", None, [], {}, ["b"] * 9]
    for element in some:
        elements = Counted([element] * 1_000_000)
        assert len(Value(elements).text()) <= 2000
        assert elements.looked_at <= 2001


def test_text_and_number_are_made_once() -> None:
    elements = Counted(["12px"])
    value = Value(elements)
    assert (value.number(), value.number(), value.text()) == (12.0, 12.0, "12px")
    assert elements.looked_at == 1


def test_an_array_equals_itself_only() -> None:
    value = Value([1])
    assert value.identity() == value.identity() != Value([1]).identity()
    assert Value("a").identity() == Value("a").identity() != Value(MISSING).identity()
