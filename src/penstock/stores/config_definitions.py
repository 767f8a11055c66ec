"""What a saved config must be, wherever its definition comes from.

This module opens no file: configs that are elsewhere are fetched by its caller.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from penstock.stores.catalogue import NAME, SavedConfig, VirtualKey
from penstock.stores.config_json import NotAConfig, as_json
from penstock.stores.definition import Definition, Unusable

Check = Callable[[bytes, Mapping[str, VirtualKey]], str | None]
"""Judges the JSON of a config beside the virtual keys that it may name: a sentence when it can't be used."""


def saved_configs(
    definitions: Sequence[Definition],
    config_of: Callable[[Mapping[str, Any]], Any],
    check: Check | None,
    virtual_keys: Mapping[str, VirtualKey],
) -> dict[str, SavedConfig]:
    """Configs by name and by id. ``config_of`` gives the config that a definition's members hold or name, or raises
    Unusable."""
    configs = {each.name: SavedConfig(each.name, _body(each, config_of, check, virtual_keys)) for each in definitions}
    for definition in definitions:
        id_ = definition.text("id")
        if id_ is None:
            continue
        if not NAME.fullmatch(id_):
            definition.complain("an id has letters, digits, dots, dashes and underscores", "id")
        taken = configs.setdefault(id_, configs[definition.name])
        if taken.name != definition.name:
            definition.complain(f"{id_} already stands for the config {taken.name}: choose another", "id")
    return configs


def _body(
    definition: Definition,
    config_of: Callable[[Mapping[str, Any]], Any],
    check: Check | None,
    virtual_keys: Mapping[str, VirtualKey],
) -> bytes:
    try:
        body = _to_json(config_of(definition.values))
    except Unusable as unusable:
        definition.complain(str(unusable))
        return b"{}"
    problem = None if check is None else check(body, virtual_keys)
    if problem:
        definition.complain(problem)
    return body


def _to_json(config: Any) -> bytes:
    if not isinstance(config, dict):
        raise Unusable("the config must be an object")
    try:
        return as_json(config)
    except NotAConfig as bad:
        raise Unusable(str(bad)) from None
