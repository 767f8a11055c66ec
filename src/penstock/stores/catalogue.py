"""The catalogue: the operator's virtual keys, saved configs and gateway keys, by name. Values only; a
``CatalogueSource`` (base.py) supplies them."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from penstock.core.permissions import Permissions
from penstock.core.virtual_key import VirtualKey
from penstock.prices.adjust import OwnPrices
from penstock.prices.book import NO_OVERLAY, Overlay

__all__ = [
    "EMPTY", "NAME", "Catalogue", "CatalogueChange", "GatewayKey", "SavedConfig", "VirtualKey", "compare", "digest_of",
]  # fmt: skip

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
"""The pattern of a name, which is used in headers, in the model (``@NAME/model``) and in logs."""
_SEPARATORS: Final = re.compile(r"""[\s,;:="'/?&@#|<>(){}\[\]]+""")
"""What stands around a key in a header value or in a URL."""


class SavedConfig(msgspec.Struct, frozen=True):
    """A config that callers use by its name. ``body`` is the config's JSON, which may hold credentials."""

    name: str
    body: bytes

    def __repr__(self) -> str:
        return f"SavedConfig({self.name!r})"


class GatewayKey(msgspec.Struct, frozen=True):
    """A key of a caller, stored as its SHA-256, and what the caller may use.

    ``configs`` are names, never ids. ``config`` is used by requests that say nothing about routing. ``labels`` go into
    the account of each request, for example ``{"team": "search"}``. ``virtual_keys``, ``configs``, ``providers``,
    ``models``, ``inline_configs``, ``custom_hosts`` and ``hosts`` are as in ``Permissions``; ``lend`` are the providers
    whose environment key and identity the operator lends. ``permissions`` and ``shared`` (``Permissions.shared``)
    follow from them; the constructor replaces whatever it is given for these.
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

    def __post_init__(self) -> None:
        permissions = Permissions(
            self.virtual_keys,
            self.configs,
            self.providers,
            self.models,
            self.inline_configs,
            self.custom_hosts,
            self.hosts,
            self.lend,
            self.lend,
        )
        msgspec.structs.force_setattr(self, "permissions", permissions)
        msgspec.structs.force_setattr(self, "shared", permissions.shared)


class Catalogue(msgspec.Struct, frozen=True):
    """All named things at one moment. Configs are found by their name and by their id.

    ``keys_by_digest`` follows from ``keys``; whatever the constructor is given for it is replaced. ``is_guarded``:
    every request needs a gateway key. One key is enough for that; a catalogue can be guarded without any key, too, and
    then lets nobody in. ``overlay`` are the operator's own prices, ``own_prices`` those of integrations, by the name of
    their virtual key.
    """

    virtual_keys: Mapping[str, VirtualKey] = {}
    configs: Mapping[str, SavedConfig] = {}
    keys: tuple[GatewayKey, ...] = ()
    keys_by_digest: Mapping[bytes, GatewayKey] = {}
    is_guarded: bool = False
    overlay: Overlay = NO_OVERLAY
    own_prices: Mapping[str, OwnPrices] = {}

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "keys_by_digest", {key.digest: key for key in self.keys})
        msgspec.structs.force_setattr(self, "is_guarded", self.is_guarded or bool(self.keys))

    def key_for(self, presented: str) -> GatewayKey | None:
        """The gateway key that a request shows; None if there is no such key."""
        return self.key_by_digest(_digest(presented))

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

    def __repr__(self) -> str:
        # Providers' own settings and configs may be credentials: names are all that is told.
        names = [*self.virtual_keys], [*self.configs], [key.name for key in self.keys]
        return "Catalogue(virtual_keys={}, configs={}, keys={})".format(*names)


EMPTY: Final = Catalogue()


class CatalogueChange(msgspec.Struct, frozen=True):
    """The names whose meaning differs between two catalogues: added, removed or changed. Ids of configs are names."""

    virtual_keys: frozenset[str] = frozenset()
    configs: frozenset[str] = frozenset()
    keys: frozenset[str] = frozenset()

    @property
    def is_empty(self) -> bool:
        return not (self.virtual_keys or self.configs or self.keys)


def compare(old: Catalogue, new: Catalogue) -> CatalogueChange:
    """The names that do not mean the same in both catalogues."""
    return CatalogueChange(
        _changed(old.virtual_keys, new.virtual_keys),
        _changed(old.configs, new.configs),
        _changed({key.name: key for key in old.keys}, {key.name: key for key in new.keys}),
    )


def _changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))


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
    return f"sha256:{_digest(key).hex()}"


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
