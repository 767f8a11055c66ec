"""A model's prices as an entry of Portkey's price files has them: the other direction of portkey.py.

Source: https://github.com/Portkey-AI/models. Prices are US cents a token, or a unit.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from penstock.prices.book import PriceBook
from penstock.prices.classes import TOKENS
from penstock.prices.formula import Formula
from penstock.prices.rates import BATCH, CACHE_WRITE_1H, IMAGE, REQUEST, TUNING, UNIT, Case, Rates

_PICOS_OF_CENT: Final = 10**10
_NAMES: Final = {class_: name for name, class_ in reversed(list(TOKENS.items()))}
"""The member of each class of tokens; of several members, the first."""
_OPERATIONS: Final = {"+": "sum", "*": "multiply"}


def pricing_config(book: PriceBook, provider: str, model: str, at: float) -> dict[str, Any] | None:
    """The ``pricing_config`` of a model at a time, in seconds since 1970; None where no price is known.

    The prices are those of a short prompt in the standard mode, and of batches where these have prices of their own.
    """
    price = book.look_up(provider, model)
    if price is None:
        return None
    case = price.case(0, at)
    config: dict[str, Any] = {"pay_as_you_go": _pay_as_you_go(case.rates), "currency": "USD"}
    if REQUEST in case.rates:
        config["fixed_cost"] = {"request": _price(case.rates[REQUEST])}
    tuning = {name.removeprefix(TUNING): _price(picos) for name, picos in case.rates.items() if name.startswith(TUNING)}
    if tuning:
        config["finetune_config"] = tuning
    if case.formula is not None:
        config["calculate"] = _calculate(case.formula)
    batch = _batch(book, provider, model, at)
    if batch is not None:
        config["batch_config"] = _pay_as_you_go(batch.rates)
    return config


def _batch(book: PriceBook, provider: str, model: str, at: float) -> Case | None:
    price = book.look_up(provider, model, mode=BATCH)
    case = None if price is None else price.case(0, at)
    # Without prices of its own a batch costs half, which readers of these files know.
    return case if case is not None and case.mode == BATCH else None


def _pay_as_you_go(rates: Rates) -> dict[str, Any]:
    members: dict[str, Any] = {name: _price(rates[class_]) for class_, name in _NAMES.items() if class_ in rates}
    units = {name.removeprefix(UNIT): _price(picos) for name, picos in rates.items() if name.startswith(UNIT)}
    if CACHE_WRITE_1H in rates:
        units["cache_write_1h"] = _price(rates[CACHE_WRITE_1H])
    if units:
        members["additional_units"] = units
    images = _images(rates)
    if images:
        members["image"] = images
    return members


def _images(rates: Rates) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for name, picos in rates.items():
        if name.startswith(IMAGE):
            quality, _, size = name.removeprefix(IMAGE).partition(".")
            found.setdefault(quality, {})[size] = _price(picos)
    return found


def _price(picos: int) -> Mapping[str, float]:
    """A price in cents: the double whose shortest text is the exact decimal number."""
    return {"price": float(Decimal(picos) / _PICOS_OF_CENT)}


def _calculate(formula: Formula) -> dict[str, Any]:
    return {side: _node(tree) for side, tree in zip(("request", "response"), formula, strict=True)}


def _number(text: str) -> int | float:
    return int(text) if text.isdigit() else float(text)


def _node(tree: Any) -> dict[str, Any]:
    if isinstance(tree, str):
        return {"value": _number(tree) if tree[0].isdigit() else tree}
    return {"operation": _OPERATIONS[tree[0]], "operands": [_node(each) for each in tree[1:]]}
