"""One catalogue of two sources: what the operator's file names wins over what the database names."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from penstock.stores.base import CatalogueSource
from penstock.stores.catalogue import Catalogue, CatalogueChange, GatewayKey, SavedConfig, VirtualKey
from penstock.stores.memory import MemoryCatalogue


def layer(catalogues: Sequence[Catalogue]) -> Catalogue:
    """The catalogues as one, in which the first that has a name says what it means. One that is guarded guards all."""
    virtual_keys: dict[str, VirtualKey] = {}
    configs: dict[str, SavedConfig] = {}
    keys: dict[bytes, GatewayKey] = {}
    for each in reversed(catalogues):
        virtual_keys.update(each.virtual_keys)
        configs.update(each.configs)
        keys.update({key.digest: key for key in each.keys})
    is_guarded = any(each.is_guarded for each in catalogues)
    return Catalogue(virtual_keys, configs, tuple(keys.values()), is_guarded=is_guarded)


class LayeredCatalogue:
    """A ``CatalogueSource`` on several others, the strongest first."""

    def __init__(self, sources: Sequence[CatalogueSource]) -> None:
        self._sources = sources
        self._memory = MemoryCatalogue(self._layered())
        for source in sources:
            source.watch(self._changed)

    @property
    def current(self) -> Catalogue:
        return self._memory.current

    def watch(self, callback: Callable[[CatalogueChange], None]) -> None:
        self._memory.watch(callback)

    def _changed(self, _: CatalogueChange) -> None:
        self._memory.replace(self._layered())

    def _layered(self) -> Catalogue:
        return layer([source.current for source in self._sources])
