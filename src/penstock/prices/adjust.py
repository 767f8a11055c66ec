"""Prices of an integration's own: fixed prices of models, models that are priced as another one, multipliers.

They come from the admin API: ``pricing_config`` of a model (here in **dollars for a million tokens**, and in dollars a
call for additional units) and ``pricing_adjustments`` of the integration (docs/prices.md#own-prices).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Final

import msgspec

from penstock.core.money import picos_from_dollars, picos_from_dollars_per_million
from penstock.prices.classes import TOKENS, PriceError, Scale, members_of, read_rates
from penstock.prices.rates import CACHE_WRITE_1H, IMAGE, OF_TOKENS, REQUEST, UNIT, Case, ModelPrices, Rates, times
from penstock.prices.table import Found

_DOLLARS: Final = Scale(picos_from_dollars_per_million, picos_from_dollars)
_DEFAULT: Final = "default"
_IMAGES: Final = "image.default"
_UNITS: Final = "unit.default"
_LARGEST: Final = 1_000_000
"""A multiplier beyond it is a mistake of units."""

Multipliers = Mapping[str, tuple[int, int]]
"""By class a fraction, numerator and denominator; ``default``, ``image.default`` and ``unit.default`` hold for classes
that aren't named."""


class OwnPrices(msgspec.Struct, frozen=True, eq=False):
    """``models`` have prices of their own, ``bases`` the prices of another model; ``multipliers`` change all prices but
    those. ``version`` tells the content."""

    version: str
    models: Mapping[str, ModelPrices] = {}
    bases: Mapping[str, str] = {}
    multipliers: Multipliers = {}

    def adjusted(self, found: Found) -> Found:
        """The prices times the multipliers, each rounded half-even to a picodollar."""
        cases = tuple(
            msgspec.structs.replace(case, rates=_multiplied(case.rates, self.multipliers))
            for case in found.prices.cases
        )
        return msgspec.structs.replace(found, prices=ModelPrices(cases))


def own_prices(
    models: Mapping[str, Any], bases: Mapping[str, str], adjustments: Any, warnings: list[str]
) -> OwnPrices | None:
    """The prices of an integration; None if it has none. ``models`` are ``pricing_config`` objects by model,
    ``adjustments`` is ``pricing_adjustments``. Raises PriceError."""
    prices = {model: read_pricing_config(value, model, warnings) for model, value in models.items()}
    multipliers = read_adjustments(adjustments, "pricing_adjustments", warnings)
    if not prices and not bases and not multipliers:
        return None
    content = msgspec.json.encode([prices, bases, multipliers], order="sorted")
    return OwnPrices(f"own@{hashlib.sha256(content).hexdigest()[:8]}", prices, dict(bases), multipliers)


def read_pricing_config(value: Any, path: str, warnings: list[str]) -> ModelPrices:
    """``{"type": "static", "pay_as_you_go": {"request_token": {"price": 2.5}, …}}``. Raises PriceError."""
    members = members_of(value, path)
    if members.get("type", "static") != "static":
        raise PriceError(f"{path}.type: expected static")
    warnings += [
        f"{path}.{name}: unknown member, left out" for name in members if name not in {"type", "pay_as_you_go"}
    ]
    if "pay_as_you_go" not in members:
        raise PriceError(f"{path}.pay_as_you_go: missing")
    return ModelPrices((Case(read_rates(members["pay_as_you_go"], f"{path}.pay_as_you_go", _DOLLARS, warnings)),))


def read_adjustments(value: Any, path: str, warnings: list[str]) -> dict[str, tuple[int, int]]:
    """The multipliers of ``{"multiplier": {"default": 1.1, "request_token": 0.9, "image": {"default": 1},
    "additional_units": {"web_search": 2}}}``. Raises PriceError."""
    if value is None:
        return {}
    members = members_of(value, path)
    warnings += [f"{path}.{name}: unknown member, left out" for name in members if name != "multiplier"]
    path = f"{path}.multiplier"
    found: dict[str, tuple[int, int]] = {}
    for name, each in members_of(members.get("multiplier", {}), path).items():
        where = f"{path}.{name}"
        if name == "additional_units":
            found |= _of_units(each, where)
        elif name == "image":
            found[_IMAGES] = _factor(members_of(each, where).get(_DEFAULT), f"{where}.{_DEFAULT}")
        elif name in {_DEFAULT, _IMAGES} or name in TOKENS:
            found[TOKENS.get(name, name)] = _factor(each, where)
        else:
            warnings.append(f"{where}: unknown member, left out")
    return found


def _of_units(value: Any, path: str) -> dict[str, tuple[int, int]]:
    if not isinstance(value, dict):
        return {_UNITS: _factor(value, path)}
    found = {}
    for name, each in value.items():
        key = CACHE_WRITE_1H if name == "cache_write_1h" else UNIT + name
        found[key] = _factor(each, f"{path}.{name}")
    return found


def _factor(value: Any, path: str) -> tuple[int, int]:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise PriceError(f"{path}: expected a number")
    try:
        fraction = Fraction(str(value))
    except ValueError:
        raise PriceError(f"{path}: expected a finite number") from None
    if not 0 <= fraction <= _LARGEST:
        raise PriceError(f"{path}: expected a number from 0 to {_LARGEST}")
    return fraction.numerator, fraction.denominator


def _multiplied(rates: Rates, multipliers: Multipliers) -> dict[str, int]:
    return {name: times(picos, *_multiplier(name, multipliers)) for name, picos in rates.items()}


def _multiplier(name: str, multipliers: Multipliers) -> tuple[int, int]:
    known = multipliers.get(name)
    if known is None and name.startswith(IMAGE):
        known = multipliers.get(_IMAGES)
    if known is None and name.startswith(UNIT):
        known = multipliers.get(_UNITS)
    if known is None and (name in OF_TOKENS or name == REQUEST or name.startswith((IMAGE, UNIT))):
        known = multipliers.get(_DEFAULT)
    return known or (1, 1)
