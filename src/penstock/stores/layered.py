"""One catalogue of two sources: what the operator's file names wins over what the database names."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.limits.applied import Applied
from penstock.limits.in_force import LimitsInForce
from penstock.prices.adjust import OwnPrices
from penstock.prices.book import NO_OVERLAY
from penstock.stores.base import CatalogueSource
from penstock.stores.catalogue import (
    EMPTY,
    Catalogue,
    CatalogueChange,
    GatewayKey,
    SavedConfig,
    SavedGuardrail,
    VirtualKey,
)
from penstock.stores.memory import MemoryCatalogue


def layer(catalogues: Sequence[Catalogue]) -> Catalogue:
    """The catalogues as one: a name means what the first catalogue with the name says. If one is guarded, all are."""
    named = [each for each in catalogues if each.virtual_keys or each.configs or each.keys or each.saved_guardrails]
    if len(named) == 1 and all(each == EMPTY for each in catalogues if each is not named[0]):
        return named[0]
    virtual_keys: dict[str, VirtualKey] = {}
    configs: dict[str, SavedConfig] = {}
    keys: dict[bytes, GatewayKey] = {}
    own_prices: dict[str, OwnPrices] = {}
    guardrails: dict[str, SavedGuardrail] = {}
    for catalogue in reversed(catalogues):
        virtual_keys.update(catalogue.virtual_keys)
        configs.update(catalogue.configs)
        guardrails.update(catalogue.saved_guardrails)
        keys.update(catalogue.keys_by_digest)
        # A virtual key has the prices of the source that says what it means.
        own_prices = {name: own for name, own in own_prices.items() if name not in catalogue.virtual_keys}
        own_prices.update(catalogue.own_prices)
    return Catalogue(
        virtual_keys,
        configs,
        tuple(keys.values()),
        is_guarded=any(catalogue.is_guarded for catalogue in catalogues),
        default_workspace=next((each.default_workspace for each in catalogues if each.default_workspace), None),
        is_stale=any(catalogue.is_stale for catalogue in catalogues),
        limits=_limits(catalogues),
        overlay=next((each.overlay for each in catalogues if each.overlay.entries), NO_OVERLAY),
        price_table=next((each.price_table for each in catalogues if each.price_table is not None), None),
        own_prices=own_prices,
        saved_guardrails=guardrails,
        aliases=next((each.aliases for each in catalogues if each.aliases is not None), None),
    )


def _limits(catalogues: Sequence[Catalogue]) -> LimitsInForce:
    """The limits of all catalogues. Those of a virtual key are in the catalogue that says what its name means."""
    every = [catalogue.limits for catalogue in catalogues]
    virtual_keys: dict[str, tuple[Applied, ...]] = {}
    for catalogue in reversed(catalogues):
        for name in catalogue.virtual_keys:
            virtual_keys.pop(name, None)
        virtual_keys.update(catalogue.limits.virtual_keys)
    workspaces: dict[str, tuple[Applied, ...]] = {}
    for limits in every:
        for id_, applied in limits.workspaces.items():
            workspaces[id_] = (*workspaces.get(id_, ()), *applied)
    return LimitsInForce(
        tuple([applied for limits in every for applied in limits.organisation]),
        workspaces,
        virtual_keys,
        tuple([policy for limits in every for policy in limits.policies]),
        next((limits.organisation_id for limits in every if limits.organisation_id), ""),
    )


class LayeredCatalogue(MemoryCatalogue):
    """A ``CatalogueSource`` on several others, the strongest first."""

    def __init__(self, sources: Sequence[CatalogueSource]) -> None:
        self._sources = sources
        super().__init__(self._layered())
        for source in sources:
            source.watch(self._changed)

    def _changed(self, _: CatalogueChange) -> None:
        self.replace(self._layered())

    def _layered(self) -> Catalogue:
        return layer([source.current for source in self._sources])
