"""The workspaces there are: at least the default one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa

from penstock.control.actor import Actor
from penstock.control.moments import as_text
from penstock.control.pages import Page, as_list, select
from penstock.control.plane import ControlPlane, organisation_id
from penstock.control.refusal import absent
from penstock.core.json_text import read_json_or_none
from penstock.stores.sql.schema import workspace

_SECURITY: Final = {
    "can_view_logs": False,
    "is_virtual_key_restricted": False,
    "allow_config_override": True,
}
"""What is so in this installation, for every workspace; read-only."""


async def list_workspaces(plane: ControlPlane, actor: Actor, query: Mapping[str, str], page: Page) -> dict[str, Any]:
    """The workspaces that the actor sees, also by a part of the name (``name``), ``exact_name`` and ``status``."""
    wanted = _visible(actor)
    if "name" in query:
        wanted = wanted.where(workspace.c.name.icontains(query["name"], autoescape=True))
    for name, column in (("exact_name", workspace.c.name), ("status", workspace.c.status)):
        if name in query:
            wanted = wanted.where(column == query[name])
    async with plane.database.read() as connection:
        total, rows = await select(connection, wanted, (workspace.c.created_at, workspace.c.id), page)
        organisation = await organisation_id(connection)
    return as_list(total, [_shown(row, organisation) for row in rows])


async def read_workspace(plane: ControlPlane, actor: Actor, reference: str) -> dict[str, Any]:
    """One workspace, by its id or slug. Raises Refusal."""
    where = sa.or_(workspace.c.id == reference, workspace.c.slug == reference)
    async with plane.database.read() as connection:
        row = (await connection.execute(_visible(actor).where(where))).one_or_none()
        if row is None:
            raise absent("workspace", reference)
        shown = _shown(row, await organisation_id(connection))
    return {**shown, "users": [], "created_by": row.created_by}


def _visible(actor: Actor) -> sa.Select[Any]:
    wanted = sa.select(workspace)
    return wanted if actor.workspace_id is None else wanted.where(workspace.c.id == actor.workspace_id)


def _shown(row: sa.Row[Any], organisation: str) -> dict[str, Any]:
    return {
        "object": "workspace",
        "id": row.id,
        "organisation_id": organisation,
        "slug": row.slug,
        "name": row.name,
        "description": row.description,
        "icon": row.icon or None,
        "is_default": int(row.is_default),
        "defaults": read_json_or_none(row.defaults.encode()),
        "settings": read_json_or_none(row.settings.encode()),
        "security_settings": _SECURITY,
        "usage_limits": [],
        "rate_limits": [],
        "status": row.status,
        "created_at": as_text(row.created_at),
        "last_updated_at": as_text(row.updated_at),
    }
