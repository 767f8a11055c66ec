"""What the operator gives names to: virtual keys, saved configs, gateway keys. Values only; file.py reads them."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from typing import Final, Protocol

import msgspec

from penstock.core.virtual_key import VirtualKey

__all__ = ["EMPTY", "NAME", "Catalogue", "Catalogues", "GatewayKey", "SavedConfig", "VirtualKey", "digest_of"]

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
"""What a name looks like: it stands in headers, in the model as ``@NAME/model`` and in logs."""


class SavedConfig(msgspec.Struct, frozen=True):
    """A config that callers name in place of sending it. ``body`` is its JSON, which may hold credentials."""

    name: str
    body: bytes

    def __repr__(self) -> str:
        return f"SavedConfig({self.name!r})"


class GatewayKey(msgspec.Struct, frozen=True):
    """Somebody who may call, known by the SHA-256 of the key, with what is open to them: None for everything.

    ``configs`` are names, never ids. ``config`` is used by requests that say nothing about routing.
    """

    name: str
    digest: bytes
    virtual_keys: frozenset[str] | None = None
    configs: frozenset[str] | None = None
    config: str | None = None


class Catalogue(msgspec.Struct, frozen=True):
    """Everything that has a name, as it was at one moment. Configs are found by their name and by their id."""

    virtual_keys: Mapping[str, VirtualKey] = {}
    configs: Mapping[str, SavedConfig] = {}
    keys: tuple[GatewayKey, ...] = ()

    def key_for(self, presented: str) -> GatewayKey | None:
        """Whose key this is. How long the answer takes says nothing about the keys there are."""
        digest = _digest(presented)
        found = None
        for key in self.keys:
            if hmac.compare_digest(key.digest, digest):
                found = key
        return found

    def __repr__(self) -> str:
        # Providers' own settings and configs may be credentials: names are all that is told.
        names = [*self.virtual_keys], [*self.configs], [key.name for key in self.keys]
        return "Catalogue(virtual_keys={}, configs={}, keys={})".format(*names)


EMPTY: Final = Catalogue()


class Catalogues(Protocol):
    """Where the catalogue in force is found. Whoever derives something from it watches for changes."""

    @property
    def current(self) -> Catalogue: ...

    def watch(self, callback: Callable[[], None]) -> None:
        """Have ``callback`` called after each change, in the event loop."""


def digest_of(key: str) -> str:
    """A gateway key as the operator's file holds it: ``sha256:`` and 64 hexadecimal digits."""
    return f"sha256:{_digest(key).hex()}"


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
