"""The budgets of keys, providers and workspaces, with what is used and reserved of them in the open window."""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa

from penstock.control.actor import Actor
from penstock.control.limits.limits import StoredLimits, limits_of, next_reset
from penstock.control.limits.usage import amount_number
from penstock.control.pages import Page, as_list, select
from penstock.control.plane import ControlPlane, now
from penstock.limits.applied import Applied
from penstock.limits.counters import BucketUsage, CountersUnavailable
from penstock.limits.limit import Level, Limit
from penstock.stores.sql.schema import api_key, limit, provider, workspace

_OWNERS: Final[dict[Level, sa.Table]] = {"api_key": api_key, "provider": provider, "workspace": workspace}
_WITH_BUDGET: Final = '%"usage_limits"%'


async def list_budgets(plane: ControlPlane, actor: Actor, page: Page) -> dict[str, Any]:
    """The budgets that the actor may see, those of the newest owners first: ``limit``, ``used`` and ``reserved`` in
    dollars, tokens or requests. ``used`` and ``reserved`` are null while the store of counters can't be reached."""
    moment = now()
    items: list[dict[str, Any]] = []
    async with plane.database.read() as connection:
        total, rows = await select(connection, _owners(actor), (limit.c.created_at, limit.c.id), page)
        stored: dict[tuple[str, str], StoredLimits] = {}
        for level in _OWNERS:
            owners = [row.owner_id for row in rows if row.level == level]
            stored |= {(level, id_): each for id_, each in (await limits_of(connection, level, owners)).items()}
    for row in rows:
        of_owner = stored.get((row.level, row.owner_id), StoredLimits())
        owner = {"level": row.level, "owner_id": row.owner_id, "owner_name": row.owner_name, "slug": row.slug}
        items += [
            {"object": "budget", **owner, **await _shown(plane, each, moment)}
            for each in of_owner.limits
            if each.is_budget
        ]
    return as_list(total, items)


def _owners(actor: Actor) -> sa.Select[Any]:
    """The rows of limits that hold budgets, with the names of their owners."""
    query: sa.Select[Any] = sa.select(
        limit.c.id,
        limit.c.level,
        limit.c.owner_id,
        limit.c.created_at,
        sa.func.coalesce(api_key.c.name, provider.c.name, workspace.c.name).label("owner_name"),
        sa.func.coalesce(provider.c.slug, workspace.c.slug).label("slug"),
    )
    workspaces = {"api_key": api_key.c.workspace_id, "provider": provider.c.workspace_id, "workspace": workspace.c.id}
    source: Any = limit
    for level, table in _OWNERS.items():
        source = source.outerjoin(table, sa.and_(limit.c.level == level, table.c.id == limit.c.owner_id))
    query = query.select_from(source).where(limit.c.level.in_(_OWNERS), limit.c.definition.like(_WITH_BUDGET))
    if actor.workspace_id is not None:
        seen = [sa.and_(limit.c.level == level, id_ == actor.workspace_id) for level, id_ in workspaces.items()]
        query = query.where(sa.or_(*seen))
    return query


async def _shown(plane: ControlPlane, budget: Limit, moment: int) -> dict[str, Any]:
    usage = await _usage(plane, budget, moment)
    return {
        "type": budget.kind,
        "limit": amount_number(budget, budget.cap),
        "used": None if usage is None else amount_number(budget, usage.settled),
        "reserved": None if usage is None else amount_number(budget, usage.reserved),
        "alert_threshold": None if budget.alert_at is None else amount_number(budget, budget.alert_at),
        "next_usage_reset_at": next_reset(budget, moment),
    }


async def _usage(plane: ControlPlane, budget: Limit, moment: int) -> BucketUsage | None:
    if plane.counters is None:
        return None
    try:
        return await plane.counters.usage(Applied(budget).key_at(moment))
    except CountersUnavailable:
        return None
