"""What an alias of models must be: ``[models."PATTERN"]`` of penstock.toml, and the same below a gateway key.

``target`` and ``config`` may name only what exists: a mistyped name would be found out by a caller.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

import msgspec

from penstock.core.did_you_mean import hint
from penstock.core.model_aliases import STAR, ModelAlias, ModelAliases
from penstock.stores.catalogue import GatewayKey
from penstock.stores.definition import Definition

MOST: Final = 1000
"""Entries of one table: each pattern may be compared with the model of each request."""
_LONGEST: Final = 256
"""Characters of a pattern, of a model and of a name that people see."""
_STORED: Final = "model_aliases"
"""The member that holds the aliases of a gateway key in the database."""
_EXPECTED: Final = 'expected sections, such as fast = { target = "@groq/openai/gpt-oss-20b" }'
_MEMBERS: Final = ("target", "config", "show", "hide")


class AliasNames:
    """What aliases may lead to: virtual keys and providers by name, and saved configs, of which an id means a name.
    None: any name, since what there is may change before a request asks for it."""

    def __init__(self, targets: Collection[str] | None = None, configs: Mapping[str, str] | None = None) -> None:
        self.targets = targets
        self.configs = configs


def aliases_of(definitions: Iterable[Definition], names: AliasNames) -> ModelAliases | None:
    """The table of aliases; None without any."""
    entries: list[ModelAlias] = []
    for definition in definitions:
        if len(entries) == MOST:
            definition.complain(f"{MOST} aliases at most can be set")
            break
        entries.append(_alias(definition, names))
    return ModelAliases(tuple(entries)) if entries else None


def with_aliases(
    keys: Iterable[GatewayKey], definitions: Iterable[Definition], names: AliasNames
) -> tuple[GatewayKey, ...]:
    """Gateway keys with the aliases of their definitions, which are in the same order."""
    return tuple(
        [
            key if (aliases := _of_key(each, names)) is None else msgspec.structs.replace(key, aliases=aliases)
            for key, each in zip(keys, definitions, strict=True)
        ]
    )


def of_stored_key(entries: Any) -> tuple[ModelAliases | None, list[str]]:
    """The aliases of a gateway key in the database, and what is wrong with them, a sentence each."""
    problems: list[str] = []
    if entries is None:
        return None, problems
    if not _are_sections(entries):
        return None, [f"{_STORED}: {_EXPECTED}"]
    definitions = (Definition(_STORED, pattern, values, problems) for pattern, values in entries.items())
    return aliases_of(definitions, AliasNames()), problems


def _of_key(key: Definition, names: AliasNames) -> ModelAliases | None:
    """The aliases of one gateway key; None without any."""
    entries = key.values.get("aliases")
    if entries is None:
        return None
    if not _are_sections(entries):
        key.complain(_EXPECTED, "aliases")
        return None
    return aliases_of((key.below("aliases", pattern, values) for pattern, values in entries.items()), names)


def _are_sections(entries: Any) -> bool:
    return isinstance(entries, dict) and all(isinstance(values, dict) for values in entries.values())


def _alias(definition: Definition, names: AliasNames) -> ModelAlias:
    _check_pattern(definition)
    for key in definition.values:
        if key not in _MEMBERS:
            rest = f"there are {', '.join(_MEMBERS)}"
            definition.complain(f"unknown setting: {hint(key, _MEMBERS, rest)}", key)
    has_target, has_config = "target" in definition.values, "config" in definition.values
    if has_target == has_config:
        problem = "say one of them" if has_target else "one of them says who answers"
        definition.complain(f"target and config: {problem}")
    target, model = _target(definition, names)
    return ModelAlias(
        definition.name,
        target,
        model,
        _config(definition, names),
        _bounded(definition, "show"),
        definition.switch("hide", default=False),
    )


def _check_pattern(definition: Definition) -> None:
    pattern = definition.name
    if not pattern or len(pattern) > _LONGEST or not pattern.isprintable():
        definition.complain(f"a model's name has 1 to {_LONGEST} printable characters")
    elif pattern.startswith("@"):
        definition.complain("a model that begins with @ names a virtual key or a provider, and is no alias")
    elif pattern.count(STAR) > 1:
        definition.complain("a pattern has one * at most")


def _target(definition: Definition, names: AliasNames) -> tuple[str | None, str | None]:
    """``@NAME`` and the model of ``@NAME/model``."""
    text = _bounded(definition, "target")
    if text is None:
        return None, None
    name, slash, model = text.removeprefix("@").partition("/")
    if not text.startswith("@"):
        definition.complain(f"expected @NAME or @NAME/model: a target begins with @, as in @{text}", "target")
    elif names.targets is not None and name not in names.targets:
        rest = "the file must set it, or 'penstock providers' list it"
        definition.complain(f"there is no virtual key or provider {name}: {hint(name, names.targets, rest)}", "target")
    elif slash and not model:
        definition.complain("expected a model after the /, or none", "target")
    return f"@{name}", model or None


def _config(definition: Definition, names: AliasNames) -> str | None:
    text = _bounded(definition, "config")
    if text is None:
        return None
    if names.configs is None:
        return text
    name = names.configs.get(text)
    if name is None:
        definition.complain(f"there is no config {text}: {hint(text, names.configs, 'the file must set it')}", "config")
    return name


def _bounded(definition: Definition, key: str) -> str | None:
    text = definition.text(key)
    if text is not None and len(text) > _LONGEST:
        definition.complain(f"expected at most {_LONGEST} characters", key)
    return text
