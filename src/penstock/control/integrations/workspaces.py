"""Which workspaces may use an integration of the organisation.

Source: docs/control-plane.md#workspaces-of-an-integration.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.control import provider_rows
from penstock.control.actor import Actor
from penstock.control.audit import Entry
from penstock.control.integrations import rows as integration_rows
from penstock.control.limits import owners as owner_limits
from penstock.control.limits.limits import NO_LIMITS, StoredLimits, limits_of
from penstock.control.members import VALUE, Fields, Members, refuse_repeated
from penstock.control.plane import Change, ControlPlane, now, workspace_for
from penstock.control.refusal import taken
from penstock.control.timestamps import as_text
from penstock.limits.limit import Level
from penstock.stores.sql.schema import integration, integration_workspace, provider, workspace

KIND: Final = "integration_workspaces"
_ACCESS: Final = Fields({"enabled": VALUE, "reset_usage": VALUE, **owner_limits.FIELDS})
_LEVEL: Final[Level] = "integration"
_BODY: Final = Fields(
    {
        "workspaces": Fields({**_ACCESS, "id": VALUE}),
        "global_workspace_access": _ACCESS,
        "override_existing_workspace_access": VALUE,
        "override_existing_workspaces_access": VALUE,
        "create_default_provider": VALUE,
        "default_provider_slug": VALUE,
    }
)
_OVERRIDES: Final = ("override_existing_workspace_access", "override_existing_workspaces_access")


async def list_(plane: ControlPlane, actor: Actor, reference: str, *, has_arrays: bool = True) -> dict[str, Any]:
    """The workspaces of which it was said whether they may use an integration. Raises Refusal.

    ``has_arrays``: limits are arrays, as Terraform and most clients want them; Python's client fails at an array.
    """
    async with plane.database.read() as connection:
        row = await integration_rows.find(connection, actor, reference)
        integration_rows.require(actor, "read", row.workspace_id)
        rows = await _rows(connection, actor, row)
        owners = [_owner(row.id, each.workspace_id) for each in rows]
        stored = await limits_of(connection, _LEVEL, owners)
    no_limits = _shown(NO_LIMITS, has_arrays=has_arrays)
    is_shared = row.workspace_id is None and row.is_for_every_workspace
    return {
        "object": "list",
        "total": len(rows),
        "workspaces": [
            {**_item(each), **_shown(stored.get(owner, NO_LIMITS), has_arrays=has_arrays)}
            for each, owner in zip(rows, owners, strict=True)
        ],
        "global_workspace_access": {"enabled": True, **no_limits} if is_shared else None,
    }


async def update(plane: ControlPlane, actor: Actor, reference: str, body: Any) -> list[str]:
    """Say which workspaces may use an integration, and how much of it; others stay as they are. Warnings about limits
    that are hardly meant. Raises Refusal."""
    members = Members(body, _BODY)
    items = members.items("workspaces") or []
    refuse_repeated(items, "id")
    wanted = [_read(each) for each in items]
    everywhere = members.inner("global_workspace_access")
    is_everywhere = None if everywhere is None else _everywhere(everywhere)
    if members.has("global_workspace_access") and everywhere is None:
        is_everywhere = False
    overrides = any(members.switch(name) for name in _OVERRIDES)
    makes_provider = members.switch("create_default_provider") is True
    default_slug = integration_rows.slug_of(members, "default_provider_slug")
    members.finish()
    async with plane.change(actor) as change:
        row = await integration_rows.find(change.connection, actor, reference)
        integration_rows.require(actor, "update", row.workspace_id)
        if row.workspace_id is not None:
            raise taken("the integration belongs to one workspace: only one of the organisation can be shared")
        if is_everywhere is not None:
            await _put_everywhere(change, row, is_everywhere=is_everywhere, overrides=overrides)
        warnings: list[str] = []
        for each in wanted:
            place = await workspace_for(change.connection, actor, each.workspace)
            await provider_rows.set_access(change, row.id, place, is_enabled=each.is_enabled)
            warnings += await _put_limits(change, _owner(row.id, place), each)
            if makes_provider and each.is_enabled:
                await _make_provider(plane, change, row, place, default_slug)
        change.record(Entry("update", KIND, row.id, body=body))
    return warnings


class _Wanted(msgspec.Struct, frozen=True):
    """What a body says of one workspace: its access, the limits of what its providers on the integration take
    together, and whether these begin anew."""

    workspace: str
    is_enabled: bool
    limits: dict[str, Any]
    resets: bool


def _read(members: Members) -> _Wanted:
    members.require("id")
    is_enabled, resets = members.switch("enabled") is not False, members.switch("reset_usage") is True
    return _Wanted(members.text("id") or "", is_enabled, owner_limits.read(_LEVEL, members), resets)


def _everywhere(members: Members) -> bool:
    """Whether all workspaces get access. Limits of all are refused: each workspace has limits of its own."""
    for name in ("reset_usage", *owner_limits.FIELDS):
        if members.values.get(name):
            members.complain(name, "limits are not for all workspaces at once: set them for each one in workspaces")
    return members.switch("enabled") is not False


def _owner(integration_id: str, workspace_id: str) -> str:
    """The owner of the limits of a workspace on an integration, as stores/sql/catalogue/limits.py looks for it."""
    return f"{integration_id}/{workspace_id}"


async def _put_limits(change: Change, owner: str, wanted: _Wanted) -> list[str]:
    warnings = await owner_limits.put(change, _LEVEL, owner, wanted.limits)
    if wanted.resets:
        await owner_limits.reset(change, _LEVEL, owner)
    return warnings


def _shown(stored: StoredLimits, *, has_arrays: bool) -> dict[str, Any]:
    """Limits as arrays, or the first of each as an object, null without one."""
    answer = stored.answer(now())
    usage = answer["usage_limits"]
    budgets = usage if isinstance(usage, list) else [] if usage is None else [usage]
    lists = {"usage_limits": budgets, "rate_limits": answer["rate_limits"]}
    if has_arrays:
        return {**lists, "concurrency_limit": answer["concurrency_limit"]}
    firsts = {name: each[0] if each else None for name, each in lists.items()}
    return {**firsts, "concurrency_limit": answer["concurrency_limit"]}


async def _put_everywhere(change: Change, row: Any, *, is_everywhere: bool, overrides: bool) -> None:
    """Give all workspaces access or take it: those of which something was said keep it, unless that is overridden."""
    columns = {"is_for_every_workspace": is_everywhere, **change.touched(row.row_version)}
    await change.connection.execute(integration.update().where(integration.c.id == row.id).values(**columns))
    if overrides:
        statement = integration_workspace.update().where(integration_workspace.c.integration_id == row.id)
        await change.connection.execute(statement.values(is_enabled=is_everywhere, updated_at=change.now))


async def _make_provider(plane: ControlPlane, change: Change, row: Any, place: str, slug: str | None) -> None:
    """A provider for a workspace that has none on this integration yet."""
    query = sa.select(provider.c.id).where(provider.c.integration_id == row.id, provider.c.workspace_id == place)
    if (await change.connection.execute(query)).first() is None:
        slug = slug or integration_rows.new_slug(row.slug)
        await provider_rows.insert(plane, change, row.id, place, slug, name=row.name, is_default=True)


async def _rows(connection: AsyncConnection, actor: Actor, row: Any) -> list[Any]:
    table = integration_workspace
    query = (
        sa.select(table, workspace.c.name, workspace.c.slug)
        .join(workspace, workspace.c.id == table.c.workspace_id)
        .where(table.c.integration_id == row.id)
        .order_by(workspace.c.name, workspace.c.id)
    )
    if actor.workspace_id is not None:
        query = query.where(table.c.workspace_id == actor.workspace_id)
    return list(await connection.execute(query))


def _item(row: Any) -> dict[str, Any]:
    return {
        "id": row.workspace_id,
        "slug": row.slug,
        "name": row.name,
        "enabled": row.is_enabled,
        "reset_usage": None,
        "created_at": as_text(row.created_at),
        "last_updated_at": as_text(row.updated_at),
    }
