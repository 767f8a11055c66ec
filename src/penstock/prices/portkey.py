"""Reads price files in the format of Portkey-AI/models: one file a provider, US cents a token.

Source: https://github.com/Portkey-AI/models. Members that are unknown are left out with a warning; a value of the wrong
type is an error with its path. ``default`` entries hold zeros for models that nobody knows, and are left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec

from penstock.core.money import picos_from_cents
from penstock.core.whole_number import whole_number
from penstock.prices.charge import FORMULA_NAMES
from penstock.prices.classes import (
    PriceError,
    Scale,
    members_of,
    read_price,
    read_rates,
    without_placeholders,
)
from penstock.prices.formula import Formula, FormulaError, names_of, read_formula
from penstock.prices.rates import BATCH, REQUEST, TUNING, Case, ModelPrices, scaled
from penstock.prices.table import ProviderPrices

_CENTS: Final = Scale(picos_from_cents, picos_from_cents)
_DEFAULT: Final = "default"
_HALF: Final = (1, 2)
_CONFIG: Final = frozenset(
    {"pay_as_you_go", "batch_config", "finetune_config", "fixed_cost", "calculate", "currency", "type"}
)


class PriceFile(msgspec.Struct, frozen=True):
    """The prices of a file, and a sentence for each member that was left out."""

    prices: ProviderPrices
    warnings: tuple[str, ...] = ()


def read_file(text: str, provider: str) -> PriceFile:
    """The prices of a file. Raises PriceError."""
    try:
        value = json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise PriceError(f"{provider}: no JSON: {error}") from None
    warnings: list[str] = []
    models = {}
    for name, entry in members_of(value, provider).items():
        if name != _DEFAULT:
            cases = _Model(f"{provider}.{name}", warnings).read(entry)
            if cases:
                models[name] = ModelPrices(cases)
        else:
            _Model(f"{provider}.{name}", warnings).read(entry)
    return PriceFile(ProviderPrices(models), tuple(warnings))


class _Model:
    """Reads one entry. ``path`` is where it stands."""

    def __init__(self, path: str, warnings: list[str]) -> None:
        self._path = path
        self._warnings = warnings

    def read(self, entry: Any) -> tuple[Case, ...]:
        members = members_of(entry, self._path)
        self._warn_of_others(members, {"pricing_config", "custom_pricing"}, self._path)
        cases: list[Case] = []
        if members.get("pricing_config") is not None:
            cases += self._base(members["pricing_config"], f"{self._path}.pricing_config")
        if members.get("custom_pricing") is not None:
            common = {name: picos for case in cases[:1] for name, picos in case.rates.items() if name in _COMMON}
            for case in self._custom(members["custom_pricing"], f"{self._path}.custom_pricing"):
                cases.append(msgspec.structs.replace(case, rates={**common, **case.rates}))
        return tuple(cases)

    def _base(self, value: Any, path: str) -> Iterator[Case]:
        members = members_of(value, path)
        self._warn_of_others(members, _CONFIG, path)
        if members.get("currency", "USD") != "USD":
            raise PriceError(f"{path}.currency: expected USD")
        common = self._common(members, path)
        if members.get("pay_as_you_go") is None:
            return
        rates = self._rates(members["pay_as_you_go"], f"{path}.pay_as_you_go")
        formula = self._formula(members.get("calculate"), f"{path}.calculate")
        if rates or common:
            yield Case({**rates, **common}, formula=formula)
        if members.get("batch_config") is not None:
            # The file says what differs: all other tokens cost half, too.
            batch = self._rates(members["batch_config"], f"{path}.batch_config")
            yield Case({**scaled(rates, *_HALF), **batch, **common}, mode=BATCH)

    def _common(self, members: Mapping[str, Any], path: str) -> dict[str, int]:
        """Prices that no mode changes: a request's fixed cost, training."""
        found = {}
        if members.get("fixed_cost") is not None:
            where = f"{path}.fixed_cost"
            sides = members_of(members["fixed_cost"], where)
            self._warn_of_others(sides, {"request", "response"}, where)
            cost = sum(
                read_price(sides[side], f"{where}.{side}", _CENTS.units)
                for side in ("request", "response")
                if side in sides
            )
            if cost:
                found[REQUEST] = cost
        if members.get("finetune_config") is not None:
            where = f"{path}.finetune_config"
            for name, price in members_of(members["finetune_config"], where).items():
                found[TUNING + name] = read_price(price, f"{where}.{name}", _CENTS.units)
        return found

    def _rates(self, value: Any, path: str) -> dict[str, int]:
        return without_placeholders(read_rates(value, path, _CENTS, self._warnings))

    def _formula(self, value: Any, path: str) -> Formula | None:
        if value is None:
            return None
        try:
            formula = read_formula(value)
        except FormulaError as error:
            raise PriceError(f"{path}: {error}") from None
        unknown = sorted(names_of(formula) - FORMULA_NAMES)
        if unknown:
            raise PriceError(f"{path}: unknown value {unknown[0]}")
        return formula

    def _custom(self, value: Any, path: str) -> Iterator[Case]:
        members = members_of(value, path)
        self._warn_of_others(members, {"regions", "context_tier_map"}, path)
        above = _boundaries(members.get("context_tier_map", {}), f"{path}.context_tier_map")
        for names, region in members_of(members.get("regions", {}), f"{path}.regions").items():
            regions = () if names == _DEFAULT else tuple(name.strip() for name in names.split(","))
            where = f"{path}.regions.{names}"
            self._warn_of_others(members_of(region, where), {"execution_modes"}, where)
            modes = members_of(region.get("execution_modes", {}), f"{where}.execution_modes")
            for mode, prices in modes.items():
                yield from self._mode(prices, f"{where}.execution_modes.{mode}", Case({}, mode, regions), above)

    def _mode(self, value: Any, path: str, case: Case, above: Mapping[str, int]) -> Iterator[Case]:
        members = members_of(value, path)
        self._warn_of_others(members, {"pricing_config", "context_tiers"}, path)
        tiers = {"": members} if "pricing_config" in members else members_of(members.get("context_tiers", {}), path)
        for name, tier in tiers.items():
            where = f"{path}.context_tiers.{name}" if name else path
            if name and name not in above:
                raise PriceError(f"{where}: a size that context_tier_map doesn't name")
            config = members_of(members_of(tier, where).get("pricing_config"), f"{where}.pricing_config")
            self._warn_of_others(config, {"pay_as_you_go"}, f"{where}.pricing_config")
            rates = self._rates(config.get("pay_as_you_go", {}), f"{where}.pricing_config.pay_as_you_go")
            if rates:
                yield msgspec.structs.replace(case, rates=rates, above=above.get(name, 0))

    def _warn_of_others(self, members: Mapping[str, Any], known: frozenset[str] | set[str], path: str) -> None:
        self._warnings += [f"{path}.{name}: unknown member, left out" for name in members if name not in known]


_COMMON: Final = frozenset({REQUEST, TUNING + "pay_per_token", TUNING + "pay_per_hour"})


def _boundaries(value: Any, path: str) -> dict[str, int]:
    """The size of a prompt above which each tier holds: ``{"0": "lte-200k", "200000": "gt-200k"}``."""
    found = {}
    for size, name in members_of(value, path).items():
        tokens = whole_number(size)
        if tokens is None or not isinstance(name, str):
            raise PriceError(f"{path}.{size[:64]}: expected a number of tokens and a name")
        found[name] = tokens
    return found
