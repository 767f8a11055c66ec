"""Prices that integrations have of their own, from the database, by the slug of their providers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.core.json_text import read_json_or_none
from penstock.prices.adjust import OwnPrices, own_prices
from penstock.prices.classes import PriceError
from penstock.stores.sql import schema


class _Stored(msgspec.Struct):
    """What rows say of an integration's prices, in JSON."""

    models: dict[str, Any] = {}
    bases: dict[str, str] = {}


_PROVIDERS: Final = (
    sa.select(schema.provider.c.slug, schema.provider.c.integration_id, schema.integration.c.pricing_adjustments)
    .join(schema.integration)
    .order_by(schema.provider.c.slug)
)
_MODELS: Final = sa.select(
    schema.integration_model.c.integration_id,
    schema.integration_model.c.model,
    schema.integration_model.c.base_model,
    schema.integration_model.c.pricing,
).where(sa.or_(schema.integration_model.c.pricing.is_not(None), schema.integration_model.c.base_model.is_not(None)))


async def read_own_prices(
    connection: AsyncConnection, before: Mapping[str, OwnPrices], problems: list[str]
) -> dict[str, OwnPrices]:
    """The prices by provider's slug. Prices that can't be used stay what they were ``before`` and are named."""
    stored: dict[str, _Stored] = {}
    for model in await connection.execute(_MODELS):
        entry = stored.setdefault(model.integration_id, _Stored())
        if model.base_model:
            entry.bases[model.model] = model.base_model
        if model.pricing:
            entry.models[model.model] = read_json_or_none(model.pricing.encode())
    found: dict[str, OwnPrices] = {}
    for row in await connection.execute(_PROVIDERS):
        entry = stored.get(row.integration_id, _Stored())
        adjustments = read_json_or_none(row.pricing_adjustments.encode())
        try:
            own = own_prices(entry.models, entry.bases, adjustments, [])
        except PriceError as error:
            problems.append(f"the provider {row.slug}: the prices of its integration can't be used: {error}")
            own = before.get(row.slug)
        if own is not None:
            earlier = before.get(row.slug)
            # The same prices are the same value: look-ups that are remembered stay valid.
            found[row.slug] = earlier if earlier is not None and earlier.version == own.version else own
    return found
