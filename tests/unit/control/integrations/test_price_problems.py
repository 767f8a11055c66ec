"""Prices of a body that can't be used are problems at their place in it."""

from __future__ import annotations

from penstock.control.integrations import price_problems
from penstock.control.members import VALUE, Fields, Members
from penstock.prices.classes import PriceError


def test_what_is_raised_and_what_is_warned_of_are_problems() -> None:
    def read(warnings: list[str]) -> None:
        warnings.append("price.a: unknown member, left out")
        raise PriceError("price.b.c: expected a number")

    members = Members({"price": {}}, Fields(price=VALUE), "/models/0")
    price_problems.tell(members, read)
    assert [(each.pointer, each.text) for each in members.problems] == [
        ("/models/0/price/a", "unknown member"),
        ("/models/0/price/b/c", "expected a number"),
    ]
    price_problems.tell(members, lambda _: None)
    assert len(members.problems) == 2
