"""What a gateway key must be, wherever its definition comes from: it names only what exists."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from penstock.core.did_you_mean import hint
from penstock.core.permissions import EVERY
from penstock.limits.definition import MEMBERS
from penstock.settings.load import is_network
from penstock.stores.catalogue import GatewayKey, SavedConfig, VirtualKey
from penstock.stores.definition import NO_ALIASES, Definition

_HASH: Final = re.compile(r"sha256:([0-9A-Fa-f]{64})")
_OF_KEY: Final = (
    *("hash", "virtual_keys", "configs", "config", "labels", "providers", "models", "inline_configs", "custom_hosts"),
    *("lend", "hosts", "aliases", *MEMBERS),
)
_OTHER_SPELLINGS: Final = {"allowed_providers": "providers", "allowed_models": "models"}
"""Members of a gateway key under the names that they have in the admin API."""
_HOST: Final = re.compile(r"[^\s,]+")
_MOST_LABELS: Final = 20
_LONGEST_LABEL: Final = 64
"""Characters of a label's name and of its value: labels stand in every record of a request."""


def gateway_keys(
    definitions: Iterable[Definition],
    virtual_keys: Mapping[str, VirtualKey],
    configs: Mapping[str, SavedConfig],
    providers: Collection[str] | None = None,
    aliases: Mapping[str, str] = NO_ALIASES,
) -> tuple[GatewayKey, ...]:
    """Gateway keys, each with a digest of its own. They may name only virtual keys, configs and providers that exist.

    ``providers`` are the slugs there are, None where they aren't known; ``aliases`` the slugs of other names.
    """
    keys: list[GatewayKey] = []
    key_names = {name: name for name in virtual_keys}
    config_names = {name: config.name for name, config in configs.items()}
    for definition in definitions:
        _respell(definition)
        _check_members(definition)
        digest = _digest(definition)
        for other in keys:
            if digest and other.digest == digest:
                definition.complain(f"it is that of {other.name} too: every key needs its own", "hash")
        allowed_keys = _names(definition, "virtual_keys", key_names, "virtual key")
        allowed = _names(definition, "configs", config_names, "config")
        key = GatewayKey(
            definition.name,
            digest,
            allowed_keys,
            allowed,
            _default_config(definition, config_names, allowed),
            _labels(definition),
            providers=_slugs(definition, "providers", providers, aliases),
            models=definition.texts("models"),
            inline_configs=definition.switch("inline_configs", default=True),
            custom_hosts=definition.switch("custom_hosts", default=True),
            lend=_slugs(definition, "lend", providers, aliases) or frozenset(),
            hosts=_hosts(definition),
        )
        if key.hosts and not key.custom_hosts:
            definition.complain("of no use with custom_hosts = false: leave one of them out", "hosts")
        keys.append(key)
    return tuple(keys)


def _respell(definition: Definition) -> None:
    """Give the members their names in the file. A table ``models`` holds aliases."""
    if isinstance(definition.values.get("models"), dict):
        if "aliases" in definition.values:
            definition.complain("it is the table models under another name: leave one of them out", "aliases")
        others = {key: value for key, value in definition.values.items() if key != "models"}
        definition.values = {**others, "aliases": definition.values["models"]}
    for other, name in _OTHER_SPELLINGS.items():
        if other not in definition.values:
            continue
        if name in definition.values:
            definition.complain(f"it is {name} under another name: leave one of them out", other)
        values = {name if key == other else key: value for key, value in definition.values.items()}
        definition.values = values


def _slugs(
    definition: Definition, key: str, providers: Collection[str] | None, aliases: Mapping[str, str]
) -> frozenset[str] | None:
    """A list of providers, in which ``*`` stands for all of them; None without a list."""
    listed = definition.texts(key)
    if listed is None:
        return None
    slugs = frozenset(aliases.get(name, name) for name in listed)
    for slug in slugs:
        if providers is not None and slug not in providers and slug != EVERY:
            suggestion = hint(slug, providers, "penstock providers lists all")
            definition.complain(f"there is no provider {slug}: {suggestion}", key)
    return slugs


def _hosts(definition: Definition) -> tuple[str, ...]:
    """Private hosts as ``core.address.AddressPolicy`` wants them: names, ``*.suffix``, addresses, networks."""
    hosts = definition.texts("hosts") or ()
    for host in hosts:
        if not _HOST.fullmatch(host) or ("/" in host and not is_network(host)):
            definition.complain(f"{host} is no host, such as localhost, *.gpu.lan or 10.1.0.0/16", "hosts")
    return tuple(host.lower().strip("[]") for host in hosts)


def _check_members(definition: Definition) -> None:
    rest = f"there are {', '.join(_OF_KEY)}"
    for key in definition.values:
        if key not in _OF_KEY:
            definition.complain(f"unknown setting: {hint(key, _OF_KEY, rest)}", key)


def _digest(definition: Definition) -> bytes:
    value = definition.values.get("hash")
    digits = _HASH.fullmatch(value) if isinstance(value, str) else None
    if digits is None:
        definition.complain(
            "expected sha256: and 64 hexadecimal digits; penstock key make makes both key and hash", "hash"
        )
        return b""
    return bytes.fromhex(digits[1])


def _names(definition: Definition, key: str, known: Mapping[str, str], kind: str) -> frozenset[str] | None:
    """What a list of names and ids stands for; None, for all there are, where there is no list."""
    listed = definition.texts(key)
    if listed is None:
        return None
    return frozenset(name for each in listed if (name := _name(definition, key, each, known, kind)))


def _name(definition: Definition, key: str, word: str, known: Mapping[str, str], kind: str) -> str | None:
    name = known.get(word)
    if name is None:
        definition.complain(f"there is no {kind} {word}: {hint(word, known, 'the file must set it')}", key)
    return name


def _default_config(definition: Definition, known: Mapping[str, str], allowed: frozenset[str] | None) -> str | None:
    word = definition.text("config")
    name = None if word is None else _name(definition, "config", word, known, "config")
    if name is not None and allowed is not None and name not in allowed:
        definition.complain(f"{word} is not among the configs of this key: add it there", "config")
    return name


def _labels(definition: Definition) -> dict[str, str]:
    labels = definition.values.get("labels", {})
    if not isinstance(labels, dict) or not all(isinstance(value, str) for value in labels.values()):
        definition.complain('expected texts by name, such as { team = "search" }', "labels")
        return {}
    if len(labels) > _MOST_LABELS:
        definition.complain(f"there are {len(labels)} labels, and {_MOST_LABELS} at most may be set", "labels")
    for name, value in labels.items():
        if not name or max(len(name), len(value)) > _LONGEST_LABEL:
            problem = f"name and value of a label have at most {_LONGEST_LABEL} characters, and the name at least one"
            definition.complain(problem, f"labels.{name[:_LONGEST_LABEL]}")
    return labels
