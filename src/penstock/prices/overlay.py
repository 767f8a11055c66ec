"""The operator's own prices: ``[prices."provider/model"]`` in penstock.toml, or a file of such sections.

Prices are in dollars for a million tokens, of a request, a call or a picture in dollars (docs/prices.md#overlay).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from penstock.core.did_you_mean import hint
from penstock.core.money import picos_from_dollars, picos_from_dollars_per_million
from penstock.prices.book import NO_OVERLAY, Overlay, OverlayEntry
from penstock.prices.classes import PriceError, members_of, read_number
from penstock.prices.rates import BATCH, IMAGE, OF_INPUT, OF_OUTPUT, REQUEST, STANDARD, UNIT, Case, ModelPrices

_TOKENS: Final = (*OF_INPUT, *OF_OUTPUT)
_RATES: Final = (*_TOKENS, REQUEST, "units", "images")
_MODES: Final = (BATCH, "flex", "priority", "fast")
_MEMBERS: Final = (*_RATES, "above", *_MODES, "replaces")
_TIER: Final = (*_RATES, "prompt")


def read_overlay(sections: Any, path: str, aliases: Mapping[str, str] | None = None) -> tuple[Overlay, list[str]]:
    """The overlay of sections by ``provider/model``, and all that is wrong with them. ``aliases`` are the slugs of
    providers' other names."""
    problems: list[str] = []
    if not isinstance(sections, dict):
        return NO_OVERLAY, [f'{path}: expected sections, [{path}."PROVIDER/MODEL"]']
    entries: dict[tuple[str, str], OverlayEntry] = {}
    for name, values in sections.items():
        try:
            provider, model = _names(name, f"{path}.{name}")
            entries[(aliases or {}).get(provider, provider), model] = _entry(values, f"{path}.{name}")
        except PriceError as error:
            problems.append(str(error))
    if not entries:
        return NO_OVERLAY, problems
    content = msgspec.json.encode(sorted(([*key, entry] for key, entry in entries.items()), key=lambda each: each[:2]))
    return Overlay(f"overlay@{hashlib.sha256(content).hexdigest()[:8]}", entries), problems


def _names(name: str, path: str) -> tuple[str, str]:
    provider, slash, model = name.partition("/")
    if not provider or not slash or not model:
        raise PriceError(f'{path}: expected the name of a provider and a model, "openai/gpt-5"')
    return provider, model


def _entry(value: Any, path: str) -> OverlayEntry:
    members = members_of(value, path)
    _refuse_others(members, _MEMBERS, path)
    replaces = members.get("replaces", False)
    if not isinstance(replaces, bool):
        raise PriceError(f"{path}.replaces: expected true or false")
    cases = [*_cases(members, path, STANDARD)]
    for mode in _MODES:
        if mode in members:
            where = f"{path}.{mode}"
            of_mode = members_of(members[mode], where)
            _refuse_others(of_mode, (*_RATES, "above"), where)
            cases += _cases(of_mode, where, mode)
    if not cases:
        raise PriceError(f"{path}: holds no price")
    return OverlayEntry(ModelPrices(tuple(cases)), replaces)


def _cases(members: Mapping[str, Any], path: str, mode: str) -> list[Case]:
    """The prices of one mode; those of a large prompt hold what they don't say as the plain ones do."""
    rates = _rates(members, path)
    cases = [Case(rates, mode)] if rates else []
    tiers = members.get("above", [])
    if not isinstance(tiers, list):
        raise PriceError(f"{path}.above: expected a list")
    for number, tier in enumerate(tiers):
        where = f"{path}.above[{number}]"
        _refuse_others(members_of(tier, where), _TIER, where)
        prompt = tier.get("prompt")
        if isinstance(prompt, bool) or not isinstance(prompt, int) or prompt < 1:
            raise PriceError(f"{where}.prompt: expected a number of tokens")
        cases.append(Case({**rates, **_rates(tier, where)}, mode, above=prompt))
    return cases


def _rates(members: Mapping[str, Any], path: str) -> dict[str, int]:
    rates = {
        name: read_number(members[name], f"{path}.{name}", picos_from_dollars_per_million)
        for name in _TOKENS
        if name in members
    }
    if REQUEST in members:
        rates[REQUEST] = read_number(members[REQUEST], f"{path}.{REQUEST}", picos_from_dollars)
    for name, price in members_of(members.get("units", {}), f"{path}.units").items():
        rates[UNIT + name] = read_number(price, f"{path}.units.{name}", picos_from_dollars)
    for quality, sizes in members_of(members.get("images", {}), f"{path}.images").items():
        for size, price in members_of(sizes, f"{path}.images.{quality}").items():
            where = f"{path}.images.{quality}.{size}"
            rates[f"{IMAGE}{quality}.{size}"] = read_number(price, where, picos_from_dollars)
    return rates


def _refuse_others(members: Mapping[str, Any], known: tuple[str, ...], path: str) -> None:
    for name in members:
        if name not in known:
            raise PriceError(f"{path}.{name}: unknown member: {hint(name, known, f'expected {known[0]} and the like')}")
