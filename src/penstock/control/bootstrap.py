"""What every installation has from its first start: organisation, default workspace, first administrator."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.control.plane import now
from penstock.stores.sql.database import Database
from penstock.stores.sql.ids import random_id
from penstock.stores.sql.schema import audit_head, organisation, revision, user, workspace

_SYSTEM = "system"


async def bootstrap(database: Database) -> None:
    """Make what is missing. Of several replicas that start at once one does it. Raises DatabaseError."""
    async with database.read() as connection:
        if not await _is_missing(connection):
            return
    async with database.change() as connection:
        # The lock of the revision's row lets one replica after the other look what is missing.
        await connection.execute(sa.select(revision.c.id).with_for_update())
        if await _is_missing(connection):
            await _make(connection)


async def _is_missing(connection: AsyncConnection) -> bool:
    return (await connection.execute(sa.select(workspace.c.id).where(workspace.c.is_default))).first() is None


async def _make(connection: AsyncConnection) -> None:
    moment = now()
    made: dict[str, Any] = {"created_at": moment, "updated_at": moment, "created_by": _SYSTEM, "updated_by": _SYSTEM}
    if (await connection.execute(sa.select(organisation.c.id))).first() is None:
        await connection.execute(organisation.insert().values(id=random_id(), name="Organisation", **made))
    id_ = random_id()
    default = {"id": id_, "slug": f"ws-defaul-{id_[-6:]}", "name": "Default", "is_default": True}
    await connection.execute(workspace.insert().values(**default, **made))
    if (await connection.execute(sa.select(user.c.id))).first() is None:
        await connection.execute(user.insert().values(id=random_id(), name="Administrator", role="admin", **made))
    if (await connection.execute(sa.select(audit_head.c.id))).first() is None:
        await connection.execute(audit_head.insert().values(id=1, seq=0, hash=bytes(32)))
