"""What the owners of limits have used of their budgets in the open windows, and who has used one up: that is told as
``status: exhausted``, and stored nowhere."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from penstock.control.limits.limits import StoredLimits
from penstock.control.plane import ControlPlane
from penstock.control.timestamps import as_text
from penstock.core.money import dollars_number
from penstock.limits.counters import Counters, CountersUnavailable
from penstock.limits.limit import SINGLE, BucketKey, Limit
from penstock.limits.windows import CalendarWindow
from penstock.stores.sql import schema

EXHAUSTED: Final = "exhausted"
_KEYS_AT_ONCE: Final = 500
"""Limits that one query names."""


class _Used(NamedTuple):
    """Of one bucket. ``reserved`` is None where no gateway runs in this process: only its counters know."""

    settled: int
    reserved: int | None = None


async def marked(
    plane: ControlPlane,
    items: Iterable[dict[str, Any]],
    stored: Mapping[str, StoredLimits],
    now: int,
    *,
    tells_usage: bool = False,
) -> list[dict[str, Any]]:
    """The items of an answer at ``now``, in microseconds since 1970: the active ones are ``exhausted`` whose owner
    (``id``) has used a budget up. ``tells_usage``: ``penstock_usage`` says what is used of each one's first budget.

    Where a gateway runs in this process, its counters are asked; elsewhere what they last wrote to the database. While
    the store of the counters can't be reached, nobody is exhausted, and nothing is said of usage.
    """
    buckets = {owner: _buckets(each, now) for owner, each in stored.items()}
    wanted = [key for each in buckets.values() for key, _ in each]
    used: Mapping[BucketKey, _Used] | None = None
    with contextlib.suppress(CountersUnavailable):
        used = await _written(plane, wanted) if plane.counters is None else await _counted(plane.counters, wanted)
    return [_marked(item, buckets.get(item["id"], []), used, now, tells_usage=tells_usage) for item in items]


def _marked(
    item: dict[str, Any],
    buckets: Collection[tuple[BucketKey, Limit]],
    used: Mapping[BucketKey, _Used] | None,
    now: int,
    *,
    tells_usage: bool,
) -> dict[str, Any]:
    more: dict[str, Any] = {}
    if tells_usage:
        first = next(iter(buckets), None)
        more["penstock_usage"] = None if first is None or used is None else _usage(first, used, now)
    is_exhausted = used is not None and any(used.get(key, _Used(0)).settled >= limit.cap for key, limit in buckets)
    if is_exhausted and item["status"] == "active":
        more["status"] = EXHAUSTED
    return {**item, **more}


def _usage(bucket: tuple[BucketKey, Limit], used: Mapping[BucketKey, _Used], now: int) -> dict[str, Any]:
    """What is used of a budget, in the unit of its ``credit_limit``."""
    key, limit = bucket
    settled, reserved = used.get(key, _Used(0))
    is_lifetime = limit.window_end(key.window_start) is None
    return {
        "settled": amount_number(limit, settled),
        "reserved": None if reserved is None else amount_number(limit, reserved),
        "limit": amount_number(limit, limit.cap),
        "window_start": None if is_lifetime else as_text(key.window_start),
        "window_end": as_text(limit.window_end(now)),
    }


def amount_number(limit: Limit, units: int) -> int | float:
    """An amount of a budget as answers tell it: dollars, tokens or requests."""
    return dollars_number(units) if limit.kind == "cost" else units


def _buckets(stored: StoredLimits, now: int) -> list[tuple[BucketKey, Limit]]:
    """The buckets of the budgets of one owner that are open at a moment."""
    return [
        (BucketKey(limit.id, SINGLE, limit.epoch, limit.window.span(now).start), limit)
        for limit in stored.limits
        if isinstance(limit.window, CalendarWindow)
    ]


async def _counted(counters: Counters, keys: Collection[BucketKey]) -> dict[BucketKey, _Used]:
    """One bucket after the other: a list in the admin API takes no calls away from requests."""
    used: dict[BucketKey, _Used] = {}
    for key in keys:
        usage = await counters.usage(key)
        used[key] = _Used(usage.settled, usage.reserved)
    return used


async def _written(plane: ControlPlane, keys: Collection[BucketKey]) -> dict[BucketKey, _Used]:
    """What is settled by the tables of both ways to count, of which a set-up uses one."""
    limits = sorted({key.limit for key in keys})
    used: dict[BucketKey, _Used] = {}
    if not limits:
        return used
    async with plane.database.read() as connection:
        for start in range(0, len(limits), _KEYS_AT_ONCE):
            part = limits[start : start + _KEYS_AT_ONCE]
            for table in (schema.balance, schema.bucket):
                columns = (table.c.limit_id, table.c.value, table.c.epoch, table.c.window_start, table.c.settled)
                for row in await connection.execute(sa.select(*columns).where(table.c.limit_id.in_(part))):
                    key = BucketKey(row.limit_id, bytes(row.value), row.epoch, row.window_start)
                    used[key] = _Used(max(row.settled, used.get(key, _Used(0)).settled))
    return used
