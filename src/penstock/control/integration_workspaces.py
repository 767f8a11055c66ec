"""Which workspaces may use an integration of the organisation.

Source: docs/control-plane.md#workspaces-of-an-integration.
"""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.control import integration_rows, provider_rows
from penstock.control.actor import Actor
from penstock.control.audit import Entry
from penstock.control.members import VALUE, Fields, Members
from penstock.control.moments import as_text
from penstock.control.plane import Change, ControlPlane, workspace_for
from penstock.control.refusal import taken
from penstock.stores.sql.schema import integration, integration_workspace, provider, workspace

KIND: Final = "integration_workspaces"
_LIMITS: Final = ("usage_limits", "rate_limits", "reset_usage")
_ACCESS: Final = Fields(dict.fromkeys(("enabled", *_LIMITS), VALUE))
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
    no_limits: dict[str, Any] = dict.fromkeys(("usage_limits", "rate_limits"), [] if has_arrays else None)
    is_shared = row.workspace_id is None and row.is_for_every_workspace
    return {
        "object": "list",
        "total": len(rows),
        "workspaces": [{**_item(each), **no_limits} for each in rows],
        "global_workspace_access": {"enabled": True, **no_limits} if is_shared else None,
    }


async def update(plane: ControlPlane, actor: Actor, reference: str, body: Any) -> None:
    """Say which workspaces may use an integration; others stay as they are. Raises Refusal."""
    members = Members(body, _BODY)
    wanted = [_read(each) for each in members.items("workspaces") or ()]
    everywhere = members.inner("global_workspace_access")
    is_everywhere = None if everywhere is None else _switch(everywhere)
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
        for name, is_enabled in wanted:
            place = await workspace_for(change.connection, actor, name)
            await provider_rows.set_access(change, row.id, place, is_enabled=is_enabled)
            if makes_provider and is_enabled:
                await _make_provider(plane, change, row, place, default_slug)
        change.record(Entry("update", KIND, row.id, body=body))


def _read(members: Members) -> tuple[str, bool]:
    members.require("id")
    return members.text("id") or "", _switch(members)


def _switch(members: Members) -> bool:
    """Whether access is given: yes, unless the object says no. Limits are refused, since nothing would enforce them."""
    for name in _LIMITS:
        if members.values.get(name):
            members.complain(name, "limits of an integration's workspace are not available: set them on its provider")
    return members.switch("enabled") is not False


async def _put_everywhere(change: Change, row: Any, *, is_everywhere: bool, overrides: bool) -> None:
    """Give all workspaces access or take it: those of which something was said keep it, unless that is overridden."""
    columns = {"is_for_every_workspace": is_everywhere, **change.touched(row.row_version)}
    await change.connection.execute(integration.update().where(integration.c.id == row.id).values(**columns))
    if overrides:
        said = integration_workspace.update().where(integration_workspace.c.integration_id == row.id)
        await change.connection.execute(said.values(is_enabled=is_everywhere, updated_at=change.now))


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
