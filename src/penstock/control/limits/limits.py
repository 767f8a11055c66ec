"""Limits of keys, virtual keys, workspaces and integrations: set, read, reset. Policies are in policies.py.

A set of limits belongs to an owner: a level (limits.limit.Level) and the id of the owner's row. Its members are those
of the admin API: ``usage_limits``, ``rate_limits``, ``concurrency_limit``. All functions work within the transaction
of ``connection``; those that change something need one of ``Database.change``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.control.timestamps import as_text
from penstock.core.json_text import write_json
from penstock.core.money import LARGEST
from penstock.limits.definition import MEMBERS, read_limits
from penstock.limits.limit import Level, Limit
from penstock.limits.validate import LimitOwner, Problem
from penstock.limits.windows import CalendarWindow, WeekStart
from penstock.stores.sql import schema
from penstock.stores.sql.database import week_starts_of
from penstock.stores.sql.ids import random_id
from penstock.stores.sql.limit_rows import limits_row, members_of


class LimitsRefused(Exception):
    """A definition can't be used: ``problems`` are all that is wrong with it, each with its path."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(map(str, self.problems)))


class StoredLimits(msgspec.Struct, frozen=True):
    """The limits of one owner. ``members`` are as they were written. ``limits`` are what they mean, with the epoch that
    is in force; ``last_reset_at`` is in microseconds since 1970, None before the first reset."""

    members: Mapping[str, Any] = {}
    limits: tuple[Limit, ...] = ()
    last_reset_at: int | None = None

    def answer(self, now: int) -> dict[str, Any]:
        """The members as the admin API tells them. ``usage_limits`` is one object, or an array where it was written as
        one; a budget that is reset has the time of its next reset, whether or not that was written."""
        usage = self.members.get("usage_limits")
        resets: dict[str, str | None] = {limit.kind: next_reset(limit, now) for limit in self.limits if limit.is_budget}
        if isinstance(usage, list):
            usage = [_with_reset(each, resets) for each in usage]
        elif usage is not None:
            usage = _with_reset(usage, resets)
        return {
            "usage_limits": usage,
            "rate_limits": self.members.get("rate_limits") or [],
            "concurrency_limit": self.members.get("concurrency_limit"),
        }


NO_LIMITS = StoredLimits()


def check_limits(level: Level, members: Mapping[str, Any]) -> tuple[Problem, ...]:
    """All that is wrong with the limits among some members, each problem with its path; empty if they can be used."""
    return tuple(read_limits(LimitOwner(level, "new"), members).problems)


async def put_limits(
    connection: AsyncConnection,
    level: Level,
    owner_id: str,
    members: Mapping[str, Any],
    *,
    by: str,
    now: int,
    largest_cost: int = LARGEST,
) -> tuple[Problem, ...]:
    """Set the limits of an owner. Of ``members`` a limit that is absent stays, null removes it, a value replaces it;
    other members are left alone. Usage so far stays counted. ``by`` is who does it, ``now`` in microseconds since 1970,
    ``largest_cost`` what the counters hold exactly, in nanodollars.

    Returns warnings: what is allowed and hardly meant. Raises LimitsRefused.
    """
    limits = {name: members[name] for name in MEMBERS if name in members}
    row = (await connection.execute(_rows(level, [owner_id]))).one_or_none()
    if not limits:
        return ()
    merged = {**(members_of(row.definition) if row is not None else {}), **limits}
    kept = {name: value for name, value in merged.items() if value is not None and value != []}
    created_at = now if row is None else row.created_at
    reading = read_limits(LimitOwner(level, owner_id, created_at, largest_cost=largest_cost), kept)
    if reading.problems:
        raise LimitsRefused(reading.problems)
    table, text = schema.limit, write_json(kept).decode()
    if row is None and kept:
        values = {"id": random_id(), "level": level, "owner_id": owner_id, "definition": text}
        made = {"created_at": now, "updated_at": now, "created_by": by, "updated_by": by}
        await connection.execute(table.insert().values(**values, **made))
    elif row is not None:
        changed = {"definition": text, "updated_at": now, "updated_by": by, "row_version": table.c.row_version + 1}
        await connection.execute(table.update().where(table.c.id == row.id).values(**changed))
    return tuple(reading.warnings)


async def limits_of(connection: AsyncConnection, level: Level, owner_ids: Collection[str]) -> dict[str, StoredLimits]:
    """The limits of some owners by the owner's id; an owner without limits is absent (``NO_LIMITS``)."""
    if not owner_ids:
        return {}
    rows, week_starts = await connection.execute(_rows(level, owner_ids)), week_starts_of(connection)
    return {row.owner_id: _stored(level, row, week_starts) for row in rows}


async def reset_usage(connection: AsyncConnection, level: Level, owner_id: str, *, by: str, now: int) -> bool:
    """Begin the owner's budgets and rates anew: nothing counts as used. False if the owner has no limits.

    Requests under way are charged to what was counted before.
    """
    table = schema.limit
    changed = await connection.execute(
        table.update()
        .where(table.c.level == level, table.c.owner_id == owner_id)
        .values(
            epoch=table.c.epoch + 1,
            last_reset_at=now,
            updated_at=now,
            updated_by=by,
            row_version=table.c.row_version + 1,
        )
    )
    return changed.rowcount > 0


async def drop_limits(connection: AsyncConnection, level: Level, owner_id: str) -> None:
    """Forget the limits of an owner that is deleted."""
    table = schema.limit
    await connection.execute(table.delete().where(table.c.level == level, table.c.owner_id == owner_id))


def next_reset(limit: Limit, now: int) -> str | None:
    """When a budget's window ends that is open at ``now``, as text with milliseconds; None for a budget for good."""
    end = limit.window.span(now).end if isinstance(limit.window, CalendarWindow) else None
    return as_text(end)


def _rows(level: Level, owner_ids: Collection[str]) -> sa.Select[Any]:
    table = schema.limit
    return sa.select(table).where(table.c.level == level, table.c.owner_id.in_(owner_ids))


def _stored(level: Level, row: Any, week_starts: WeekStart | None) -> StoredLimits:
    limits = limits_row(level, row, week_starts).limits
    return StoredLimits(members_of(row.definition), tuple(limits), row.last_reset_at)


def _with_reset(usage: Any, resets: Mapping[str, str | None]) -> Any:
    moment = resets.get(str(usage.get("type"))) if isinstance(usage, dict) else None
    return usage if moment is None else {**usage, "next_usage_reset_at": moment}
