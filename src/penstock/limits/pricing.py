"""What a book of prices is to limits: prices for an estimate before a request, a charge after it."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import msgspec

from penstock.core.prices import Prices
from penstock.core.usage import Usage


class Charge(Protocol):
    """What a call cost, in nanodollars, by which version of the prices, and how the model was found in them: ``exact``,
    ``rule``, ``overlay``, ``custom``."""

    @property
    def nanos(self) -> int: ...

    @property
    def price_version(self) -> str: ...

    @property
    def price_match(self) -> str: ...


class SteadyPrice(msgspec.Struct, frozen=True, eq=False):
    """A price that doesn't depend on the time: a plain usage (``prices.charge.is_plain``) in the standard mode, with a
    prompt of at most ``most_prompt`` tokens, costs its tokens at ``prices`` and nothing else."""

    prices: Prices
    most_prompt: int
    price_version: str
    price_match: str


class PricedModel(NamedTuple):
    """What a price is looked up by. ``provider`` is a slug; ``virtual_key`` names prices of its own, where it has any;
    ``region`` is that of the target, empty where it names none."""

    provider: str
    model: str
    virtual_key: str | None = None
    region: str = ""


class Pricing(Protocol):
    """Knows the prices of models."""

    @property
    def is_loading(self) -> bool:
        """Whether prices are still being read."""
        ...

    async def ready(self) -> None:
        """Wait until prices are read, or can't be had."""
        ...

    def prices(self, model: PricedModel, *, strict: bool) -> Prices | None:
        """The prices for an estimate: with ``strict`` the highest that a unit may cost. None if unknown."""
        ...

    def steady(self, model: PricedModel) -> SteadyPrice | None:
        """The price until the catalogue changes, if it is steady; None if it isn't, or is unknown."""
        ...

    def charge(self, model: PricedModel, usage: Usage, at: float | None = None) -> Charge | None:
        """What a call costs that was made ``at``, in seconds since 1970; None: now. None if the price is unknown."""
        ...


class NoPricing:
    """No price is known."""

    is_loading = False

    async def ready(self) -> None:
        """There is nothing to wait for."""

    def prices(self, model: PricedModel, *, strict: bool) -> None:  # noqa: ARG002
        return None

    def steady(self, model: PricedModel) -> None:  # noqa: ARG002
        return None

    def charge(self, model: PricedModel, usage: Usage, at: float | None = None) -> None:  # noqa: ARG002
        return None
