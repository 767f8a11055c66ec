"""Stage, within compile: who a request asks for where its headers don't say: its path, its model, or the operator.

In this order: the headers; ``/@NAME/v1/…``; ``model: "@NAME/model"`` and ``model: "provider/model"``; the config of the
gateway key, and the default config; the default provider; the provider that is usual at the path. Whatever names a
target stands for the header that does, so that the same permissions are asked. Source: docs/headers.md#who-answers.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

import msgspec

from penstock.core.did_you_mean import hint
from penstock.core.failure import Failure, Kind
from penstock.core.json_text import write_json
from penstock.core.permissions import Permissions, among, includes
from penstock.pipeline.call import Call
from penstock.stores.catalogue import Catalogue

NAMING: Final = frozenset({b"x-portkey-provider", b"x-portkey-config", b"x-portkey-virtual-key"})
"""The headers that name a target."""
PATH: Final = "path"
MODEL: Final = "model"
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
    """Who the call asks for by its path or its model. Removes ``@NAME/`` and ``provider/`` from the call's model.

    ``has_config``: a config of the operator's serves requests that say nothing. A provider's name without ``@`` is then
    part of the model's, as it is where a header or the path names a target.
    """
    path = NO_CHOICE if call.path_name is None else _by_path(call.path_name, names, catalogue)
    request = call.request
    if request is None or request.model is None or "/" not in request.model:
        return path
    name, _, rest = request.model.partition("/")
    if not name or not rest:
        return path
    is_free = call.path_name is None and not (call.fields.keys() & NAMING)
    if name[0] == "@":
        name = name[1:]
        is_key = name in catalogue.virtual_keys
        is_known = is_key or (is_free and names.has_provider(name))
        # Of Cloudflare's own names it is only the operator's default that says who is asked.
        is_named = is_key or (is_free and not (name in _NAMESPACES and (has_config or names.default)))
        found = Choice(f"@{name}", where=MODEL) if is_named else NO_CHOICE
    else:
        is_known = is_free and not has_config and names.has_provider(name) and not names.keeps_slashes(catalogue)
        found = Choice(name, where=MODEL) if is_known else NO_CHOICE
    if is_known:
        body = request.body.replaced({"model": write_json(rest)})
        call.request = msgspec.structs.replace(request, body=body, model=rest)
    return found if path is NO_CHOICE else path


def _by_path(name: str, names: Names, catalogue: Catalogue) -> Choice:
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
    text = f"The path names '{name[:64]}', which is no virtual key, saved config or provider: {way_out}"
    return Failure(Kind.UNKNOWN_PROVIDER, text, PATH)
