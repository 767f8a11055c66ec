"""Which owners of limits have used a budget up in its window: told as ``status: exhausted``, and stored nowhere."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

import sqlalchemy as sa

from penstock.control.limits import StoredLimits
from penstock.control.plane import ControlPlane
from penstock.limits.counters import CountersUnavailable
from penstock.limits.limit import SINGLE, BucketKey, Limit
from penstock.limits.windows import CalendarWindow
from penstock.stores.sql import schema

EXHAUSTED: Final = "exhausted"
_KEYS_AT_ONCE: Final = 500
"""Limits that one query names."""


async def marked(
    plane: ControlPlane, items: Iterable[dict[str, Any]], stored: Mapping[str, StoredLimits], now: int
) -> list[dict[str, Any]]:
    """The items of an answer: the active ones are ``exhausted`` whose owner (``id``) has used a budget up."""
    owners = await exhausted(plane, stored, now)
    return [
        {**item, "status": EXHAUSTED} if item["id"] in owners and item["status"] == "active" else item for item in items
    ]


async def exhausted(plane: ControlPlane, stored: Mapping[str, StoredLimits], now: int) -> frozenset[str]:
    """The ids of the owners of which a budget is used up at ``now``, in microseconds since 1970. Nobody, while the
    store of the counters can't be reached.

    Where a gateway runs in this process, its counters are asked; elsewhere what they last wrote to the database.
    """
    wanted = {key: (owner, limit) for owner, each in stored.items() for key, limit in _buckets(each, now)}
    if not wanted:
        return frozenset()
    try:
        settled = await _written(plane, wanted) if plane.counters is None else await _counted(plane, wanted)
    except CountersUnavailable:
        return frozenset()
    return frozenset(owner for key, (owner, limit) in wanted.items() if settled.get(key, 0) >= limit.cap)


def _buckets(stored: StoredLimits, now: int) -> list[tuple[BucketKey, Limit]]:
    """The buckets of the budgets of one owner that are open at a moment."""
    return [
        (BucketKey(limit.id, SINGLE, limit.epoch, limit.window.span(now).start), limit)
        for limit in stored.limits
        if isinstance(limit.window, CalendarWindow)
    ]


async def _counted(plane: ControlPlane, keys: Collection[BucketKey]) -> dict[BucketKey, int]:
    """What is settled, one bucket after the other: a list in the admin API takes no calls away from requests."""
    counters = plane.counters
    return {} if counters is None else {key: (await counters.usage(key)).settled for key in keys}


async def _written(plane: ControlPlane, keys: Collection[BucketKey]) -> dict[BucketKey, int]:
    """What is settled by the tables of both ways to count, of which a set-up uses one."""
    limits = sorted({key.limit for key in keys})
    settled: dict[BucketKey, int] = {}
    async with plane.database.read() as connection:
        for start in range(0, len(limits), _KEYS_AT_ONCE):
            part = limits[start : start + _KEYS_AT_ONCE]
            for table in (schema.balance, schema.bucket):
                columns = (table.c.limit_id, table.c.value, table.c.epoch, table.c.window_start, table.c.settled)
                for row in await connection.execute(sa.select(*columns).where(table.c.limit_id.in_(part))):
                    key = BucketKey(row.limit_id, bytes(row.value), row.epoch, row.window_start)
                    settled[key] = max(row.settled, settled.get(key, 0))
    return settled
