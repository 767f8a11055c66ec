"""Rows of a workspace that are found by their slug or their id, and stay when they are deleted: configs, guardrails."""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.control.actor import Actor
from penstock.control.refusal import absent

DELETED: Final = "deleted"
"""The status of a row that is gone: records of requests name it."""


async def find(connection: AsyncConnection, table: sa.Table, workspace_id: str | None, reference: str) -> Any:
    """The row by slug or id, in a workspace or, with None, in any; None if there is none."""
    named = sa.or_(table.c.slug == reference, table.c.id == reference)
    query = sa.select(table).where(named, table.c.status != DELETED)
    if workspace_id is not None:
        query = query.where(table.c.workspace_id == workspace_id)
    return (await connection.execute(query)).one_or_none()


async def found(connection: AsyncConnection, table: sa.Table, actor: Actor, reference: str) -> Any:
    """The row that the actor sees. Raises Refusal."""
    row = await find(connection, table, actor.workspace_id, reference)
    if row is None:
        raise absent(table.name, reference)
    return row
