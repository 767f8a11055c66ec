"""What a virtual key, a saved config and a gateway key must be, wherever their definitions come from.

A definition is a map of members as TOML or JSON gives them. Every function returns a value even for a definition that
can't be used: the catalogue may be put in force only if ``problems`` stays empty. No problem quotes a credential. This
module opens no file and reads no environment: credentials and configs that are elsewhere are fetched by its caller.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from penstock.core import custom_headers
from penstock.core.did_you_mean import hint, nearest
from penstock.core.permissions import EVERY
from penstock.core.secret import Secret
from penstock.limits.definition import MEMBERS
from penstock.settings.load import is_network, listed
from penstock.stores.catalogue import NAME, GatewayKey, SavedConfig, VirtualKey
from penstock.stores.config_json import NotAConfig, as_json

_HASH: Final = re.compile(r"sha256:([0-9A-Fa-f]{64})")
_NO_ALIASES: Final[Mapping[str, str]] = MappingProxyType({})
_OF_VIRTUAL_KEY: Final = (
    *("provider", "credential", "base_url", "models", "default_params", "forward_headers", "headers"),
    *MEMBERS,
)
_OF_KEY: Final = (
    *("hash", "virtual_keys", "configs", "config", "labels", "providers", "models", "inline_configs", "custom_hosts"),
    *("lend", "hosts", "aliases", *MEMBERS),
)
_OTHER_SPELLINGS: Final = {"allowed_providers": "providers", "allowed_models": "models"}
"""Members of a gateway key under the names that they have in the admin API."""
REFERENCES: Final = ("env:", "file:", "keyring:")
"""How a setting begins that stands elsewhere."""
_HOST: Final = re.compile(r"[^\s,]+")
_SLIP: Final = 0.8
"""How like a member of a virtual key another must be to be taken for it, and not for a provider's own setting."""
_MOST_LABELS: Final = 20
_LONGEST_LABEL: Final = 64
"""Characters of a label's name and of its value: labels stand in every record of a request."""

Check = Callable[[bytes, Mapping[str, VirtualKey]], str | None]
"""Judges the JSON of a config beside the virtual keys that it may name: a sentence when it can't be used."""


class CatalogueError(Exception):
    """A catalogue can't be used. ``problems`` says why, a sentence each; ``configs`` are the names and ids of its
    configs, None where they aren't known."""

    def __init__(self, problems: Iterable[str], configs: Collection[str] | None = None) -> None:
        self.problems = listed(problems)
        self.configs = configs
        super().__init__("\n".join(self.problems))


class Unusable(Exception):
    """A credential or a config can't be had: the reason, to stand after where it is named."""


class Definition:
    """The members of one virtual key, config or gateway key, and the list that its problems are added to.

    ``section`` is ``virtual_keys``, ``configs`` or ``keys``; ``where`` names the source, for example
    ``in penstock.toml``.
    """

    def __init__(
        self, section: str, name: str, values: Mapping[str, Any], problems: list[str], where: str = ""
    ) -> None:
        self.name = name
        self.values = values
        self._path = f"{section}.{name}"
        self._problems = problems
        self._where = f" {where}" if where else ""

    def complain(self, text: str, key: str | None = None) -> None:
        """Add a problem of a member, or of the definition as a whole."""
        path = self._path if key is None else f"{self._path}.{key}"
        self._problems.append(f"{path}{self._where}: {text}")

    def below(self, key: str, name: str, values: Mapping[str, Any]) -> Definition:
        """The entry ``name`` of a member that is a table of definitions."""
        return Definition(f"{self._path}.{key}", name, values, self._problems, self._where.strip())

    def text(self, key: str) -> str | None:
        """A member that is a text of at least one character."""
        value = self.values.get(key)
        if value is None or (isinstance(value, str) and value):
            return value
        self.complain("expected text", key)
        return None

    def switch(self, key: str, *, default: bool) -> bool:
        """A member that is true or false."""
        value = self.values.get(key, default)
        if isinstance(value, bool):
            return value
        self.complain("expected true or false", key)
        return default

    def texts(self, key: str) -> tuple[str, ...] | None:
        """A member that is a list of texts."""
        value = self.values.get(key)
        if value is None:
            return None
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(value)
        self.complain("expected a list of texts", key)
        return None


def name_problem(name: str) -> str | None:
    """Why something can't have this name; None if it can."""
    if NAME.fullmatch(name):
        return None
    return "a name has letters, digits, dots, dashes and underscores, and begins with a letter or digit"


# Virtual keys.


def virtual_key(
    definition: Definition,
    providers: Collection[str],
    resolve: Callable[[str], str],
    aliases: Mapping[str, str] = _NO_ALIASES,
    resolve_setting: Callable[[str], str] | None = None,
) -> VirtualKey:
    """A virtual key. ``providers`` are the slugs there are, ``aliases`` the slugs of other names.

    ``resolve`` fetches the credential that a reference such as ``env:OPENAI_API_KEY`` leads to, or raises Unusable.
    ``resolve_setting`` does the same for the base URL, which may have a path after the reference, and for the
    provider's settings; without it these are what they say.
    """
    if resolve_setting is not None:
        _resolve_settings(definition, resolve_setting)
    provider = definition.text("provider") or ""
    provider = aliases.get(provider, provider)
    if "provider" not in definition.values:
        definition.complain("missing: a virtual key belongs to a provider", "provider")
    elif provider and provider not in providers:
        suggestion = hint(provider, providers, "penstock providers lists all")
        definition.complain(f"there is no provider {provider}: {suggestion}", "provider")
    base_url = definition.text("base_url")
    if base_url and not _is_url(base_url):
        definition.complain("expected a URL such as https://llm.example/v1", "base_url")
    return VirtualKey(
        definition.name,
        provider,
        _credential(definition, resolve),
        base_url,
        definition.texts("models"),
        _default_params(definition),
        dict(_options(definition)),
        tuple(name.strip().lower() for name in definition.texts("forward_headers") or ()),
        _headers(definition, resolve_setting),
    )


def _headers(definition: Definition, resolve: Callable[[str], str] | None) -> dict[str, Secret]:
    """The header fields of a virtual key's own, in lower case. A value may be a reference, as a setting may."""
    given = definition.values.get("headers", {})
    if not isinstance(given, dict) or len(given) > custom_headers.MOST:
        definition.complain(f"expected at most {custom_headers.MOST} names with texts", "headers")
        return {}
    headers = {}
    for name, value in given.items():
        where = f"headers.{name[:64]}"
        if not isinstance(value, str):
            definition.complain("expected text", where)
            continue
        try:
            text = resolve(value) if resolve is not None and value.startswith(REFERENCES) else value
        except Unusable as unusable:
            definition.complain(str(unusable), where)
            continue
        problem = custom_headers.problem(name, text)
        if problem is None:
            headers[name.lower()] = Secret(text)
        else:
            definition.complain(problem, where)
    return headers


def _resolve_settings(definition: Definition, resolve: Callable[[str], str]) -> None:
    """Put what references lead to in their place: ``env:AZURE_API_BASE/openai`` is a base URL with a path."""
    settings = {key: value for key, value in definition.values.items() if _is_reference(key, value)}
    values = dict(definition.values)
    for key, reference in settings.items():
        beginning, slash, path = reference.partition("/") if key == "base_url" else (reference, "", "")
        try:
            text = resolve(beginning)
        except Unusable as unusable:
            definition.complain(str(unusable), key)
            del values[key]
        else:
            values[key] = text.rstrip("/") + slash + path if slash else text
    definition.values = values


def _is_reference(key: str, value: Any) -> bool:
    if not isinstance(value, str) or not value.startswith(REFERENCES):
        return False
    return key == "base_url" or nearest(key, _OF_VIRTUAL_KEY, _SLIP) is None


def _credential(definition: Definition, resolve: Callable[[str], str]) -> Secret | None:
    reference = definition.text("credential")
    if reference is None:
        return None
    try:
        return Secret(resolve(reference))
    except Unusable as unusable:
        definition.complain(str(unusable), "credential")
        return None


def _default_params(definition: Definition) -> dict[str, bytes]:
    params = definition.values.get("default_params", {})
    if not isinstance(params, dict):
        definition.complain("expected parameters, such as { temperature = 0.2 }", "default_params")
        return {}
    return {key: msgspec.json.encode(value) for key, value in params.items()}


def _options(definition: Definition) -> Iterator[tuple[str, str]]:
    """The provider's own settings: every member that is none of ours."""
    for key, value in definition.values.items():
        if key in _OF_VIRTUAL_KEY:
            continue
        near = nearest(key, _OF_VIRTUAL_KEY, _SLIP)
        if near:
            definition.complain(f"did you mean {near}?", key)
        elif "-" in key:
            definition.complain(f"a provider's setting is written with underscores: {key.replace('-', '_')}", key)
        elif isinstance(value, str):
            yield key, value
        elif isinstance(value, bool | int | float):
            yield key, msgspec.json.encode(value).decode()
        else:
            definition.complain("expected text, a number, true or false", key)


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


# Saved configs.


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


# Gateway keys.


def gateway_keys(
    definitions: Iterable[Definition],
    virtual_keys: Mapping[str, VirtualKey],
    configs: Mapping[str, SavedConfig],
    providers: Collection[str] | None = None,
    aliases: Mapping[str, str] = _NO_ALIASES,
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
