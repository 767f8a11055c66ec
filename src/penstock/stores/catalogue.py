"""The catalogue: the operator's virtual keys, saved configs and gateway keys, by name. Values only; a
``CatalogueSource`` (base.py) supplies them."""

from __future__ import annotations

import base64
import functools
import hashlib
import itertools
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeVar

import msgspec

from penstock.core.model_aliases import ModelAliases
from penstock.core.permissions import Permissions
from penstock.core.restrictions import Restrictions
from penstock.core.virtual_key import VirtualKey
from penstock.limits.applied import Applied
from penstock.limits.in_force import NOTHING_IN_FORCE, LimitsInForce
from penstock.limits.limit import Limit
from penstock.prices.adjust import OwnPrices
from penstock.prices.book import NO_OVERLAY, Overlay
from penstock.prices.table import PriceTable

__all__ = [
    "EMPTY", "NAME", "STALE", "Catalogue", "CatalogueChange", "GatewayKey", "SavedConfig", "SavedGuardrail",
    "VirtualKey", "compare", "digest_of", "key_digest",
]  # fmt: skip

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
"""The pattern of a name, which is used in headers, in the model (``@NAME/model``) and in logs."""
_SEPARATORS: Final = re.compile(r"""[\s,;:="'/?&@#|<>(){}\[\]]+""")
"""What stands around a key in a header value or in a URL."""


class SavedConfig(msgspec.Struct, frozen=True):
    """A config that callers use by its name. ``body`` is the config's JSON, which may hold credentials. ``workspace``
    is the id of the only workspace that knows the name; None: every workspace does."""

    name: str
    body: bytes
    workspace: str | None = None

    def __repr__(self) -> str:
        return f"SavedConfig({self.name!r})"


class SavedGuardrail(msgspec.Struct, frozen=True):
    """A guardrail that configs name by its name or its id. ``body`` is its JSON, which may hold credentials;
    ``workspace`` as in ``SavedConfig``."""

    name: str
    body: bytes
    workspace: str | None = None

    def __repr__(self) -> str:
        return f"SavedGuardrail({self.name!r})"


class GatewayKey(msgspec.Struct, frozen=True):
    """A key of a caller, stored as its SHA-256, and what the caller may use.

    ``configs`` are names, never ids. ``config`` is used by requests that say nothing about routing. ``labels`` go into
    the account of each request, for example ``{"team": "search"}``. ``virtual_keys``, ``configs``, ``providers``,
    ``models``, ``inline_configs``, ``custom_hosts``, ``hosts``, ``pins_config``, ``input_guardrails`` and
    ``output_guardrails`` are as in ``Permissions``; ``lend`` are the providers whose environment key and identity the
    operator lends. ``id`` is that of the key's row, and ``workspace`` that of its workspace; a key of penstock.toml has
    neither. Two secrets of one key are two of these values with one ``id``. ``restrictions`` are None for a key that
    demands nothing of a request. ``limits`` are the key's own. ``exposes_cost``: a plain answer tells its caller what
    it cost. ``logs_content``: whether the request log keeps bodies, None where the settings say it;
    ``may_log_content``: a header may switch that on. ``aliases`` are the key's own names of models, None without any.
    ``permissions`` and ``shared``
    (``Permissions.shared``) follow from the others; the constructor replaces whatever it is given for these.
    """

    name: str
    digest: bytes
    virtual_keys: frozenset[str] | None = None
    configs: frozenset[str] | None = None
    config: str | None = None
    labels: Mapping[str, str] = {}
    providers: frozenset[str] | None = None
    models: tuple[str, ...] | None = None
    inline_configs: bool = True
    custom_hosts: bool = True
    lend: frozenset[str] = frozenset()
    hosts: tuple[str, ...] = ()
    permissions: Permissions = Permissions()
    shared: Permissions = Permissions()
    id: str | None = None
    workspace: str | None = None
    pins_config: bool = False
    restrictions: Restrictions | None = None
    limits: tuple[Applied, ...] = ()
    exposes_cost: bool = False
    logs_content: bool | None = None
    may_log_content: bool = False
    aliases: ModelAliases | None = None
    input_guardrails: tuple[str, ...] = ()
    output_guardrails: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        permissions, shared = _permissions(
            self.virtual_keys,
            self.configs,
            self.providers,
            self.models,
            self.inline_configs,
            self.custom_hosts,
            self.hosts,
            self.lend,
            self.lend,
            self.workspace,
            self.pins_config,
            self.input_guardrails,
            self.output_guardrails,
        )
        msgspec.structs.force_setattr(self, "permissions", permissions)
        msgspec.structs.force_setattr(self, "shared", shared)

    @property
    def tenant(self) -> str:
        """What tells the key's callers from all others: names are unique in penstock.toml, ids in the database."""
        return self.id or self.name


@functools.lru_cache(4096)
def _permissions(*values: Any) -> tuple[Permissions, Permissions]:
    """Permissions, and those of them that are shared: one value for the many keys that may do the same."""
    permissions = Permissions(*values)
    return permissions, permissions.shared


class Catalogue(msgspec.Struct, frozen=True):
    """All named things at one moment. Configs are found by their name and by their id.

    ``keys_by_digest`` and ``views`` follow from the others; whatever the constructor is given for them is replaced.
    ``is_guarded``: every request needs a gateway key. One key is enough for that; a catalogue can be guarded without
    any key, too, and then lets nobody in. ``default_workspace`` is the workspace of callers whose key has none.
    ``is_stale``: the database can't be reached for so long that its keys are not in force any more. ``limits`` are
    those of all but the gateway keys; views have none. ``overlay`` are the operator's own prices, ``price_table`` the
    prices that were loaded, ``own_prices`` those of integrations, by the name of their virtual key.
    ``saved_guardrails`` are found by their name and by their id. ``aliases`` are other names of models, None without
    any.
    """

    virtual_keys: Mapping[str, VirtualKey] = {}
    configs: Mapping[str, SavedConfig] = {}
    keys: tuple[GatewayKey, ...] = ()
    keys_by_digest: Mapping[bytes, GatewayKey] = {}
    is_guarded: bool = False
    default_workspace: str | None = None
    is_stale: bool = False
    views: Mapping[str | None, Catalogue] = {}
    """What the callers of each workspace see; empty where all see the same."""
    is_view: bool = False
    limits: LimitsInForce = NOTHING_IN_FORCE
    overlay: Overlay = NO_OVERLAY
    price_table: PriceTable | None = None
    own_prices: Mapping[str, OwnPrices] = {}
    saved_guardrails: Mapping[str, SavedGuardrail] = {}
    aliases: ModelAliases | None = None

    def __post_init__(self) -> None:
        if self.is_view:
            return
        msgspec.structs.force_setattr(self, "keys_by_digest", {key.digest: key for key in self.keys})
        msgspec.structs.force_setattr(self, "is_guarded", self.is_guarded or bool(self.keys))
        msgspec.structs.force_setattr(self, "views", _views(self))

    def seen_by(self, key: GatewayKey | None) -> Catalogue:
        """The catalogue with the names of a key's workspace and those that every workspace knows; any other name is
        unknown there. The same value for each key of a workspace."""
        if not self.views:
            return self
        workspace = self.default_workspace if key is None or key.workspace is None else key.workspace
        return self.views.get(workspace) or self.views[None]

    @property
    def guardrails(self) -> dict[str, bytes]:
        """The saved guardrails' JSON by name and id."""
        return {name: saved.body for name, saved in self.saved_guardrails.items()}

    def key_for(self, presented: str) -> GatewayKey | None:
        """The gateway key that a request shows; None if there is no such key."""
        return self.key_by_digest(key_digest(presented))

    def key_by_digest(self, digest: bytes) -> GatewayKey | None:
        """The gateway key with this SHA-256, 32 bytes; None if there is no such key."""
        # The look-up need not take constant time: its time depends on the digest, and whoever presents a key can't
        # choose a digest that shares its first bytes with another key's, short of computing SHA-256 backwards.
        return self.keys_by_digest.get(digest)

    def holds_key(self, text: str) -> bool:
        """Whether a text is a gateway key or contains one: as a bearer token, in a list, in a URL, in Basic."""
        if not self.keys_by_digest:
            return False
        return any(self.key_for(each) is not None for each in _candidates(text))

    def limits_by_id(self) -> dict[str, Limit]:
        """All limits that are in force."""
        in_force = self.limits
        owners = (*in_force.workspaces.values(), *in_force.virtual_keys.values(), *(key.limits for key in self.keys))
        applied = (*in_force.organisation, *itertools.chain.from_iterable(owners))
        limits = itertools.chain((each.limit for each in applied), (policy.limit for policy in in_force.policies))
        return {limit.id: limit for limit in limits}

    def __repr__(self) -> str:
        # Providers' own settings and configs may be credentials: names are all that is told.
        names = [*self.virtual_keys], [*self.configs], [key.name for key in self.keys]
        return "Catalogue(virtual_keys={}, configs={}, keys={})".format(*names)


class CatalogueChange(msgspec.Struct, frozen=True):
    """The names whose meaning differs between two catalogues: added, removed or changed. Ids of configs are names."""

    virtual_keys: frozenset[str] = frozenset()
    configs: frozenset[str] = frozenset()
    keys: frozenset[str] = frozenset()
    guardrails: frozenset[str] = frozenset()


def compare(old: Catalogue, new: Catalogue) -> CatalogueChange:
    """The names that do not mean the same in both catalogues: all of them where another workspace is the default one.

    Several keys may have one name: two secrets of a key that is rotated, keys of two workspaces.
    """
    digests = _changed(old.keys_by_digest, new.keys_by_digest)
    keys = [source.get(digest) for digest in digests for source in (old.keys_by_digest, new.keys_by_digest)]
    names = frozenset(key.name for key in keys if key is not None)
    changed = _changed if old.default_workspace == new.default_workspace else _all_names
    virtual_keys, configs = changed(old.virtual_keys, new.virtual_keys), changed(old.configs, new.configs)
    guardrails = changed(old.saved_guardrails, new.saved_guardrails)
    return CatalogueChange(frozenset(virtual_keys), frozenset(configs), names, frozenset(guardrails))


_K = TypeVar("_K", str, bytes)


def _changed(old: Mapping[_K, Any], new: Mapping[_K, Any]) -> set[_K]:
    """The names whose values differ. Most values are the same object in both, which is seen at once."""
    if old is new:
        return set()
    changed = {name for name, other in new.items() if (one := old.get(name)) is not other and one != other}
    return changed | (old.keys() - new.keys())


def _all_names(old: Mapping[str, Any], new: Mapping[str, Any]) -> set[str]:
    return {*old, *new}


def _views(catalogue: Catalogue) -> dict[str | None, Catalogue]:
    """What each workspace sees of a catalogue; empty if every workspace sees all of it."""
    virtual_keys, configs = _by_workspace(catalogue.virtual_keys), _by_workspace(catalogue.configs)
    guardrails = _by_workspace(catalogue.saved_guardrails)
    workspaces = {None, *virtual_keys, *configs, *guardrails}
    if workspaces == {None}:
        return {}
    return {
        workspace: Catalogue(
            {**virtual_keys.get(None, {}), **virtual_keys.get(workspace, {})},
            {**configs.get(None, {}), **configs.get(workspace, {})},
            catalogue.keys,
            catalogue.keys_by_digest,
            catalogue.is_guarded,
            catalogue.default_workspace,
            catalogue.is_stale,
            is_view=True,
            saved_guardrails={**guardrails.get(None, {}), **guardrails.get(workspace, {})},
            aliases=catalogue.aliases,
        )
        for workspace in workspaces
    }


_Named = TypeVar("_Named", VirtualKey, SavedConfig, SavedGuardrail)


def _by_workspace(named: Mapping[str, _Named]) -> dict[str | None, dict[str, _Named]]:
    groups: dict[str | None, dict[str, _Named]] = {}
    for name, each in named.items():
        groups.setdefault(each.workspace, {})[name] = each
    return groups


EMPTY: Final = Catalogue()
STALE: Final = Catalogue(is_guarded=True, is_stale=True)
"""What is in force while nobody knows what the database holds: nobody gets in by a key of the database."""


def _candidates(text: str) -> Iterator[str]:
    """The parts of a text that may be a key."""
    text = text.strip()
    yield text
    parts = [part for part in _SEPARATORS.split(text) if part]
    if parts != [text]:
        yield from parts
    scheme, _, encoded = text.partition(" ")
    if scheme.lower() == "basic":
        try:
            yield from base64.b64decode(encoded.strip()).decode("utf-8", "replace").split(":")
        except ValueError:
            return


def digest_of(key: str) -> str:
    """A gateway key as the operator's file holds it: ``sha256:`` and 64 hexadecimal digits."""
    return f"sha256:{key_digest(key).hex()}"


def key_digest(key: str) -> bytes:
    """The SHA-256 of the text of a key or of a session, which is held in its place."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
