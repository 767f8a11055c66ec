"""The tier of service by which a host served a request, as OpenAI's wires tell it beside the counts."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from penstock.core.usage import Usage

_PLAIN_TIERS: Final = (None, "", "auto", "default", "standard")


def with_tier(usage: Usage | None, tier: Any) -> Usage | None:
    """The usage with the service tier that the reply tells beside it, among what the provider says itself: a tier has
    prices of its own (OpenAI API reference, ``service_tier``). The usual tier is left out."""
    if usage is None or tier in _PLAIN_TIERS or not isinstance(tier, str):
        return usage
    return msgspec.structs.replace(usage, native={**usage.native, "service_tier": tier})
