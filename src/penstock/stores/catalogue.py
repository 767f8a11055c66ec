"""What the operator's file names: virtual keys, saved configs, gateway keys. Values only; read in file.py."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from penstock.core.virtual_key import VirtualKey


class SavedConfig(msgspec.Struct, frozen=True):
    name: str
    body: bytes


class GatewayKey(msgspec.Struct, frozen=True):
    name: str
    digest: bytes
    virtual_keys: frozenset[str] | None = None
    configs: frozenset[str] | None = None
    config: str | None = None


class Catalogue(msgspec.Struct, frozen=True):
    virtual_keys: Mapping[str, VirtualKey] = {}
    configs: Mapping[str, SavedConfig] = {}
    keys: tuple[GatewayKey, ...] = ()

    def holder(self, presented: str) -> GatewayKey | None:
        digest = hashlib.sha256(presented.encode()).digest()
        found = None
        for key in self.keys:
            if hmac.compare_digest(key.digest, digest):
                found = key
        return found


EMPTY = Catalogue()


class Catalogues(Protocol):
    @property
    def current(self) -> Catalogue: ...

    def watch(self, callback: Callable[[], None]) -> None: ...
