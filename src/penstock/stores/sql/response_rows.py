"""The rows of responses that the gateway keeps: written in batches, bounded for each owner, deleted in small steps."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.stores.sql.database import Database
from penstock.stores.sql.kept_response import KeptResponse, opened, sealed
from penstock.stores.sql.keyring import Keyring, Sealed
from penstock.stores.sql.schema import kept_response

_STEP: Final = 200
"""Rows that are deleted at once."""
_PAUSE: Final = 0.05
"""Seconds between two steps: requests write their rows meanwhile."""
_TABLE: Final = kept_response.c


class Bounds(msgspec.Struct, frozen=True):
    """How much is kept for one owner: responses, and bytes of their contents."""

    responses: int
    bytes: int


async def read_response(database: Database, keyring: Keyring, id_: str, owner: bytes, now: int) -> KeptResponse | None:
    """The response of this id that is the owner's and hasn't ended. Raises DatabaseError."""
    query = sa.select(kept_response).where(_TABLE.id == id_, _TABLE.owner == owner, _TABLE.expires_at > now)
    async with database.read() as connection:
        row = (await connection.execute(query)).first()
    if row is None:
        return None
    head = KeptResponse(row.id, row.owner, row.created_at, row.expires_at, b"", b"")
    return await asyncio.to_thread(opened, Sealed(row.key_id, row.nonce, row.content), head, keyring)


async def write_responses(database: Database, keyring: Keyring, kept: Sequence[KeptResponse], bounds: Bounds) -> None:
    """Add rows, but for those that are there already, and delete the oldest of an owner who has too many. Raises
    DatabaseError."""
    rows = await asyncio.to_thread(lambda: [_row(each, keyring) for each in kept])
    async with database.write() as connection:
        query = sa.select(_TABLE.id).where(_TABLE.id.in_([each.id for each in kept]))
        known = set((await connection.execute(query)).scalars())
        new = [row for row in rows if row["id"] not in known]
        if new:
            await connection.execute(kept_response.insert(), new)
        for owner in {each.owner for each in kept}:
            await _trim(connection, owner, bounds)


async def delete_response(database: Database, id_: str, owner: bytes, now: int) -> bool:
    """Delete a response; False if there is none. Raises DatabaseError."""
    where = (_TABLE.id == id_, _TABLE.owner == owner, _TABLE.expires_at > now)
    async with database.write() as connection:
        return bool((await connection.execute(kept_response.delete().where(*where))).rowcount)


async def delete_ended(database: Database, now: int, step: int = _STEP, pause: float = _PAUSE) -> int:
    """Delete the responses that have ended, in small steps: how many there were. Raises DatabaseError."""
    gone = 0
    ended = sa.select(_TABLE.id).where(_TABLE.expires_at <= now).order_by(_TABLE.expires_at).limit(step)
    while True:
        async with database.write() as connection:
            result = await connection.execute(kept_response.delete().where(_TABLE.id.in_(ended)))
        gone += result.rowcount
        if result.rowcount < step:
            return gone
        await asyncio.sleep(pause)


def _row(kept: KeptResponse, keyring: Keyring) -> dict[str, object]:
    content = sealed(kept, keyring)
    return {
        "id": kept.id,
        "owner": kept.owner,
        "created_at": kept.created_at,
        "expires_at": kept.expires_at,
        "size": len(content.ciphertext),
        "key_id": content.key_id,
        "nonce": content.nonce,
        "content": content.ciphertext,
    }


async def _trim(connection: AsyncConnection, owner: bytes, bounds: Bounds) -> None:
    """Delete an owner's oldest responses, as far as there are too many: a part of them, the next batch goes on."""
    is_theirs = _TABLE.owner == owner
    sums = sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(_TABLE.size), 0)).where(is_theirs)
    number, size = (await connection.execute(sums)).one()
    if number <= bounds.responses and size <= bounds.bytes:
        return
    oldest = sa.select(_TABLE.id, _TABLE.size).where(is_theirs).order_by(_TABLE.created_at, _TABLE.id).limit(_STEP)
    gone = []
    for row in (await connection.execute(oldest)).all():
        if number <= bounds.responses and size <= bounds.bytes:
            break
        gone.append(row.id)
        number, size = number - 1, size - row.size
    await connection.execute(kept_response.delete().where(_TABLE.id.in_(gone)))
