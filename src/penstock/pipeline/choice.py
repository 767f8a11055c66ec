"""Stage, within compile: who a request asks for where its headers don't say: its path, its model, or the operator.

In this order: the headers; ``/@NAME/v1/…``; ``model: "@NAME/model"``; the aliases of the gateway key, then the
operator's; ``model: "provider/model"``; an id that says what has it; the config of the gateway key, and the default
config; the default provider; the provider that is usual at the path. Whatever names a target stands for the header that
does, so that the same permissions are asked.
Source: docs/headers.md#who-answers.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from penstock.core.did_you_mean import hint, nearest
from penstock.core.failure import Failure, Kind
from penstock.core.json_text import write_json
from penstock.core.model_aliases import ModelAlias, ModelAliases
from penstock.core.permissions import EVERYTHING, Permissions, among, includes
from penstock.dialects.caller import RequestBody
from penstock.pipeline.call import Call
from penstock.stores.catalogue import Catalogue, GatewayKey

NAMING: Final = frozenset({b"x-portkey-provider", b"x-portkey-config", b"x-portkey-virtual-key"})
"""The headers that name a target."""
PATH: Final = "path"
ONLY_CONFIG: Final = "c/"
"""How a name in a path begins that can be a saved config's only."""
MODEL: Final = "model"
ID: Final = "id"
_NAMESPACES: Final = frozenset({"cf", "hf"})
"""How Cloudflare's names of models begin: ``@cf/meta/llama-3.1-8b-instruct``.
https://developers.cloudflare.com/workers-ai/models"""


class Choice(NamedTuple):
    """Who answers, apart from the headers.

    ``provider`` is a slug, an alias or ``@NAME``, ``config`` the name of a saved config; ``where`` is the part of the
    request that says so. ``unknown``: the path has a name that nothing has.
    """

    provider: str | None = None
    config: str | None = None
    where: str = ""
    unknown: str | None = None


NO_CHOICE: Final = Choice()


class Names(msgspec.Struct, frozen=True):
    """What there is to name, beside the catalogue. ``default`` is the provider, or ``@NAME`` of a virtual key, for
    requests that say nothing. ``many_makers`` are hosts whose models' names hold slashes."""

    providers: Collection[str]
    aliases: Mapping[str, str] = {}
    many_makers: Collection[str] = frozenset()
    default: str | None = None

    def has_provider(self, name: str) -> bool:
        """Whether a name is a provider's slug, or an alias of one."""
        return name in self.providers or name in self.aliases

    def keeps_slashes(self, catalogue: Catalogue) -> bool:
        """Whether requests that say nothing go to a host whose models' names hold slashes."""
        if self.default is None:
            return False
        key = catalogue.virtual_keys.get(self.default.removeprefix("@"))
        slug = key.provider if key is not None and self.default.startswith("@") else self.default.removeprefix("@")
        return self.aliases.get(slug, slug) in self.many_makers


def choose(call: Call, names: Names, catalogue: Catalogue, *, has_config: bool) -> Choice:
    """Who the call asks for by its path, its model or the ids in it. Changes the call's model as ``_said`` says."""
    choice = _said(call, names, catalogue, has_config=has_config)
    return _by_id(call) if choice is NO_CHOICE else choice


def _by_id(call: Call) -> Choice:
    """Who the bound ids of a call ask for. A key's pinned config serves all of its requests."""
    name, key = "" if call.ids is None else call.ids.name, call.caller.key
    if not name or call.fields.keys() & NAMING or (key is not None and key.pins_config):
        return NO_CHOICE
    config = name.removeprefix(ONLY_CONFIG)
    return Choice(name, where=ID) if config == name else Choice(config=config, where=ID)


def _said(call: Call, names: Names, catalogue: Catalogue, *, has_config: bool) -> Choice:
    """Who the call asks for by its path or its model. Removes ``@NAME/`` and ``provider/`` from the call's model, and
    puts the model of an alias in its place.

    ``has_config``: a config of the operator's serves requests that say nothing. A provider's name without ``@`` is then
    part of the model's, as it is where a header or the path names a target.
    """
    path = NO_CHOICE if call.path_name is None else _by_path(call.path_name, names, catalogue)
    request = call.request
    if request is None or request.model is None:
        return path
    alias = _alias(call, request.model, catalogue)
    if alias is not None:
        if alias.model is not None:
            _rename(call, request, alias.model)
        return Choice(alias.target, alias.config, MODEL)
    if "/" not in request.model:
        return path
    name, _, rest = request.model.partition("/")
    if not name or not rest:
        return path
    is_free = call.path_name is None and not (call.fields.keys() & NAMING)
    if name[0] == "@":
        name = name[1:]
        is_key = name in catalogue.virtual_keys
        is_known = is_key or (names.has_provider(name) and (is_free or _names_provider(call, name, names)))
        # Of Cloudflare's own names it is only the operator's default that says who is asked.
        is_named = is_key or (is_free and not (name in _NAMESPACES and (has_config or names.default)))
        found = Choice(f"@{name}", where=MODEL) if is_named else NO_CHOICE
    else:
        is_known = is_free and not has_config and names.has_provider(name) and not names.keeps_slashes(catalogue)
        found = Choice(name, where=MODEL) if is_known else NO_CHOICE
    if is_known:
        _rename(call, request, rest)
    return found if path is NO_CHOICE else path


def _names_provider(call: Call, provider: str, names: Names) -> bool:
    """Whether the path, or else the header, names the provider that the model's name begins with, too."""
    named = call.path_name or call.fields.get(b"x-portkey-provider", b"").decode("latin-1")
    slug = named.removeprefix("@")
    return names.aliases.get(slug, slug) == names.aliases.get(provider, provider)


def model_may_choose(call: Call, catalogue: Catalogue) -> bool:
    """Whether the name of the call's model, or an id, may say who answers: what an earlier request with the same
    headers came to says nothing of this one then."""
    if call.ids is not None and call.ids.name:
        return True
    model = None if call.request is None else call.request.model
    return model is not None and ("/" in model or _alias(call, model, catalogue) is not None)


def _rename(call: Call, request: RequestBody, model: str) -> None:
    body = request.body.replaced({"model": write_json(model)})
    call.request = msgspec.structs.replace(request, body=body, model=model)


def _alias(call: Call, model: str, catalogue: Catalogue) -> ModelAlias | None:
    """The alias that the model is: the gateway key's own, else the operator's.

    None where something before the model names a target, and where the key's config serves all of its requests.
    """
    key = call.caller.key
    if catalogue.aliases is None and (key is None or key.aliases is None):
        return None
    if call.path_name is not None or call.fields.keys() & NAMING:
        return None
    return alias_of(model, tables_of(key, catalogue))


def alias_of(model: str, tables: Sequence[ModelAliases]) -> ModelAlias | None:
    """The alias that a model's name is: that of the first table which has one."""
    if model.startswith("@"):
        return None
    found = (table.find(model) for table in tables)
    return next((each for each in found if each is not None), None)


def tables_of(key: GatewayKey | None, catalogue: Catalogue) -> tuple[ModelAliases, ...]:
    """The tables of aliases that hold for a caller, the strongest first."""
    own = None if key is None or key.pins_config else key.aliases
    general = None if key is not None and key.pins_config else catalogue.aliases
    return tuple(table for table in (own, general) if table is not None)


def with_near_alias(failure: Failure, call: Call, names: Names, catalogue: Catalogue) -> Failure:
    """The failure of a request that names no target, with the alias that its model is nearly."""
    tables, key = tables_of(call.caller.key, catalogue), call.caller.key
    if failure.kind is not Kind.MISSING_PROVIDER or not tables or call.request is None:
        return failure
    permissions = EVERYTHING if key is None else key.permissions
    usable = [
        entry.pattern
        for table in tables
        for entry in table.entries
        if not entry.is_pattern and _may_use(entry, permissions, names, catalogue)
    ]
    near = nearest(call.request.model or "", usable)
    if near is None:
        return failure
    return dataclasses.replace(failure, message=f"{failure.message} Or did you mean the model '{near}'?")


def _may_use(entry: ModelAlias, permissions: Permissions, names: Names, catalogue: Catalogue) -> bool:
    if entry.config is not None:
        return includes(permissions.configs, entry.config)
    name = (entry.target or "").removeprefix("@")
    if name in catalogue.virtual_keys:
        return includes(permissions.virtual_keys, name)
    return includes(permissions.providers, names.aliases.get(name, name))


def _by_path(name: str, names: Names, catalogue: Catalogue) -> Choice:
    config = name.removeprefix(ONLY_CONFIG)
    if config != name:
        known = config in catalogue.configs
        return Choice(config=config, where=PATH) if known else Choice(where=PATH, unknown=name)
    if name in catalogue.virtual_keys:
        return Choice(f"@{name}", where=PATH)
    if name in catalogue.configs:
        return Choice(config=name, where=PATH)
    if names.has_provider(name):
        return Choice(name, where=PATH)
    return Choice(where=PATH, unknown=name)


def unknown_name(name: str, names: Names, catalogue: Catalogue, permissions: Permissions) -> Failure:
    """The failure for a path that names nothing. Only names that the caller may use are suggested."""
    usable = [
        *among(catalogue.virtual_keys, permissions.virtual_keys),
        *(each for each, saved in catalogue.configs.items() if includes(permissions.configs, saved.name)),
        *among(names.providers, permissions.providers),
    ]
    way_out = hint(name, usable, "'penstock providers' lists the providers there are.", quote="'")
    name = name.removeprefix(ONLY_CONFIG)
    text = f"The path names '{name[:64]}', which is no virtual key, saved config or provider: {way_out}"
    return Failure(Kind.UNKNOWN_PROVIDER, text, PATH)
