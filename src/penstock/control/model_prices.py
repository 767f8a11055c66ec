"""What models cost by the price book in force, overlays included, as Portkey's price files write it."""

from __future__ import annotations

from typing import Any, Final

from penstock.control.plane import ControlPlane, now
from penstock.control.refusal import absent
from penstock.prices.portkey_entry import pricing_config

_SECOND: Final = 1_000_000


async def read(plane: ControlPlane, provider: str, model: str) -> dict[str, Any]:
    """The prices of a model of a provider, in cents. Raises Refusal where no price is known.

    Prices that integrations have of their own are not told: anybody may ask.
    """
    book = await plane.price_book()
    slug = plane.aliases.get(provider, provider)
    config = pricing_config(book, slug, model, now() / _SECOND)
    if config is None:
        raise absent("price of the model", f"{provider}/{model}"[:200])
    return config
