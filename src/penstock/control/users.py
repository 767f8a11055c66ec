"""The people there are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from penstock.control.actor import Actor
from penstock.control.pages import Page, as_list, select
from penstock.control.plane import ControlPlane
from penstock.control.refusal import absent
from penstock.control.timestamps import as_text
from penstock.stores.sql.schema import user


async def list_users(plane: ControlPlane, actor: Actor, query: Mapping[str, str], page: Page) -> dict[str, Any]:
    """People, also by ``role`` and ``email``."""
    wanted = _visible(actor)
    for name, column in (("role", user.c.role), ("email", user.c.email)):
        if name in query:
            wanted = wanted.where(column == query[name])
    async with plane.database.read() as connection:
        total, rows = await select(connection, wanted, (user.c.created_at, user.c.id), page)
    return as_list(total, [_shown(row) for row in rows])


async def read_user(plane: ControlPlane, actor: Actor, id_: str) -> dict[str, Any]:
    """One of them. Raises Refusal."""
    async with plane.database.read() as connection:
        row = (await connection.execute(_visible(actor).where(user.c.id == id_))).one_or_none()
    if row is None:
        raise absent("user", id_)
    return _shown(row)


def _visible(actor: Actor) -> sa.Select[Any]:
    """Users belong to the organisation as long as workspaces have no members: a key of a workspace sees none."""
    return sa.select(user).where(sa.true() if actor.is_of_organisation else sa.false())


def _shown(row: sa.Row[Any]) -> dict[str, Any]:
    first, _, last = row.name.partition(" ")
    return {
        "object": "user",
        "id": row.id,
        "first_name": first,
        "last_name": last,
        "email": row.email,
        "role": row.role,
        "status": row.status,
        "created_at": as_text(row.created_at),
        "last_updated_at": as_text(row.updated_at),
        "workspace_ids": [],
    }
