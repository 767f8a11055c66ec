"""Files of prices that an operator loads: Portkey-AI/models' format, one JSON file a provider, or sections of the
operator's own prices in TOML or JSON (``[prices."provider/model"]``)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import msgspec

from penstock.prices.classes import PriceError
from penstock.prices.overlay import read_overlay
from penstock.prices.portkey import read_file
from penstock.prices.rates import ModelPrices
from penstock.prices.table import PriceTable, ProviderPrices, encode
from penstock.settings.text_file import BadToml, TooLarge, parse_toml, read_text

_LARGEST: Final = 32 << 20
"""Bytes of a file."""
_SECTIONS: Final = "prices"
LOADED: Final = "loaded"
"""The source of tables that were loaded, the beginning of their version."""


class Files(msgspec.Struct):
    """What files hold: whole ``providers``, single ``models`` by provider, a sentence for each member left out."""

    providers: dict[str, ProviderPrices] = {}
    models: dict[str, dict[str, ModelPrices]] = {}
    warnings: list[str] = []


def read_files(paths: Iterable[Path], aliases: Mapping[str, str]) -> Files:
    """All files, and those of folders: ``*.json`` and ``*.toml``. A JSON file is named after its provider's slug.

    Raises PriceError with the path of the first value that is wrong.
    """
    found = Files()
    for path in paths:
        for each in sorted(path.iterdir()) if path.is_dir() else [path]:
            if each.suffix in {".json", ".toml"}:
                _read(each, aliases, found)
            elif each == path:
                raise PriceError(f"{path}: expected a .json or .toml file, or a folder of such files")
    if not found.providers and not found.models:
        raise PriceError("there is no price to load")
    return found


def _read(path: Path, aliases: Mapping[str, str], found: Files) -> None:
    try:
        text = read_text(path, _LARGEST)
    except (OSError, TooLarge, UnicodeDecodeError) as error:
        raise PriceError(f"{path}: {getattr(error, 'strerror', None) or error}") from None
    sections = _own(path, text)
    if sections is None:
        file = read_file(text, path.stem)
        found.providers[aliases.get(path.stem, path.stem)] = file.prices
        found.warnings += file.warnings
        return
    overlay, problems = read_overlay(sections, _SECTIONS, aliases)
    if problems:
        raise PriceError(f"{path}: {problems[0]}")
    for (provider, model), entry in overlay.entries.items():
        found.models.setdefault(provider, {})[model] = entry.prices


def _own(path: Path, text: str) -> Any:
    """The sections of a file of the operator's own prices; None for a file of Portkey's format. Raises PriceError."""
    if path.suffix == ".toml":
        try:
            value: Any = parse_toml(text)
        except BadToml as error:
            raise PriceError(f"{path}: no TOML: {error}") from None
        if value.keys() != {_SECTIONS}:
            raise PriceError(f'{path}: expected sections [prices."PROVIDER/MODEL"] and nothing else')
        return value[_SECTIONS]
    try:
        value = json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError):
        return None  # told by the reader of the other format
    return value[_SECTIONS] if isinstance(value, dict) and value.keys() == {_SECTIONS} else None


def merged(files: Files, before: PriceTable | None) -> PriceTable:
    """The table that is in force after loading: a provider's file replaces all prices of the provider, a section the
    prices of its model; all other prices stay as they were ``before``. Raises TableError."""
    providers = {} if before is None else {slug: before.provider(slug) for slug in before.providers}
    providers |= files.providers
    for slug, models in files.models.items():
        known = providers.get(slug, ProviderPrices())
        providers[slug] = msgspec.structs.replace(known, models={**known.models, **models})
    return PriceTable(encode(LOADED, providers))
