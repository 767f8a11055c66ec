"""What a book of prices is to limits: prices for an estimate before a request, a charge after it."""

from __future__ import annotations

from typing import Protocol

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


class Pricing(Protocol):
    """Knows the prices of models. ``provider`` is a slug; ``virtual_key`` names prices of its own, where it has any."""

    @property
    def is_loading(self) -> bool:
        """Whether prices are still being read."""
        ...

    async def ready(self) -> None:
        """Wait until prices are read, or can't be had."""
        ...

    def prices(self, provider: str, model: str, virtual_key: str | None, *, strict: bool) -> Prices | None:
        """The prices for an estimate: with ``strict`` the highest that a unit may cost. None if unknown."""
        ...

    def steady(self, provider: str, model: str, virtual_key: str | None) -> SteadyPrice | None:
        """The price until the catalogue changes, if it is steady; None if it isn't, or is unknown."""
        ...

    def charge(self, provider: str, model: str, virtual_key: str | None, usage: Usage) -> Charge | None:
        """What a call that ends now costs. None if the price is unknown."""
        ...


class NoPricing:
    """No price is known."""

    is_loading = False

    async def ready(self) -> None:
        """There is nothing to wait for."""

    def prices(self, provider: str, model: str, virtual_key: str | None, *, strict: bool) -> None:  # noqa: ARG002
        return None

    def steady(self, provider: str, model: str, virtual_key: str | None) -> None:  # noqa: ARG002
        return None

    def charge(self, provider: str, model: str, virtual_key: str | None, usage: Usage) -> None:  # noqa: ARG002
        return None
