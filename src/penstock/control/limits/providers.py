"""Limits of providers and virtual keys in the members of their bodies and answers (limits.py keeps them)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.control.limits import limits
from penstock.control.limits import owners as owner_limits
from penstock.control.limits.limits import NO_LIMITS, StoredLimits
from penstock.control.members import Members
from penstock.control.plane import Change
from penstock.limits.limit import Level

_LEVEL: Final[Level] = "provider"
FIELDS: Final = owner_limits.FIELDS


def read(members: Members) -> dict[str, Any]:
    """The limits of a body. Their problems are told with the body's others."""
    return owner_limits.read(_LEVEL, members)


async def put(change: Change, provider_id: str, limits: Mapping[str, Any]) -> list[str]:
    """Keep the limits of a provider; warnings about what is hardly meant. Raises Refusal."""
    return await owner_limits.put(change, _LEVEL, provider_id, limits)


async def of(connection: AsyncConnection, provider_ids: Collection[str]) -> Mapping[str, StoredLimits]:
    """The limits of some providers by their id."""
    return await limits.limits_of(connection, _LEVEL, provider_ids)


async def reset(change: Change, provider_id: str) -> None:
    """Begin the budgets and rates of a provider anew."""
    await owner_limits.reset(change, _LEVEL, provider_id)


async def drop(connection: AsyncConnection, provider_id: str) -> None:
    await limits.drop_limits(connection, _LEVEL, provider_id)


def shown(stored: Mapping[str, StoredLimits], provider_id: str, now: int) -> dict[str, Any]:
    """``usage_limits`` (an object or null), ``rate_limits`` (an array), and ``penstock_usage_limits`` with all budgets
    where there are several, which Portkey's clients can't read as ``usage_limits``."""
    answer = stored.get(provider_id, NO_LIMITS).answer(now)
    usage = answer["usage_limits"]
    if isinstance(usage, list):
        answer["penstock_usage_limits"] = usage
        answer["usage_limits"] = usage[0] if usage else None
    return answer


def last_reset(stored: Mapping[str, StoredLimits], provider_id: str) -> int | None:
    return stored.get(provider_id, NO_LIMITS).last_reset_at
