"""Prices in a body that can't be used: a misspelt one would be kept, and change no charge."""

from __future__ import annotations

from collections.abc import Callable

from penstock.control.members import Members
from penstock.control.refusal import Problem
from penstock.prices.classes import PriceError


def tell(members: Members, read: Callable[[list[str]], object]) -> None:
    """Add to the problems of ``members`` what ``read`` raises as PriceError and what it warns of: it gets the list of
    its warnings. Both begin with the path of a member, its names with dots between."""
    problems: list[str] = []
    try:
        read(problems)
    except PriceError as error:
        problems.append(str(error))
    for each in problems:
        path, _, text = each.partition(": ")
        members.problems.append(Problem(f"{members.pointer}/{path.replace('.', '/')}", text.removesuffix(", left out")))
