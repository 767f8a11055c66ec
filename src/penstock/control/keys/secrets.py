"""What proves a gateway key: its texts, of which the database holds the SHA-256. Two at most are in force."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.control.keys.text import masked
from penstock.control.plane import Change
from penstock.control.refusal import taken
from penstock.control.timestamps import as_text
from penstock.stores.catalogue import key_digest
from penstock.stores.sql.ids import random_id
from penstock.stores.sql.schema import api_key_secret

_COLUMNS: Final = api_key_secret.c


class Proof(NamedTuple):
    """What is kept of a key's text: its SHA-256, its masked form, and how it begins."""

    digest: bytes
    masked: str
    prefix: str


def proof_of(key: str) -> Proof:
    return Proof(key_digest(key), masked(key), masked(key).partition("*")[0])


async def add(change: Change, key_id: str, proof: Proof) -> None:
    """Keep the digest of a key's text. Raises Refusal if another key has this text."""
    same = _COLUMNS.digest == proof.digest
    known = await change.connection.execute(sa.select(_COLUMNS.id).where(same))
    if known.first() is not None:
        raise taken("there is a key with this text already")
    values = {"id": random_id(), "api_key_id": key_id, "digest": proof.digest, "prefix": proof.prefix}
    await change.connection.execute(api_key_secret.insert().values(**values, created_at=change.now))


async def retire(change: Change, key_id: str, until: int) -> None:
    """Let the text of a key be in force up to a moment. Raises Refusal while an older one is in force, too."""
    ended = sa.and_(_COLUMNS.api_key_id == key_id, _COLUMNS.valid_until <= change.now)
    await change.connection.execute(api_key_secret.delete().where(ended))
    end = (await transitions(change.connection, [key_id], change.now)).get(key_id)
    if end is not None:
        raise taken(f"an earlier rotation lasts until {as_text(end)}: two texts of a key at most are in force")
    mine = _COLUMNS.api_key_id == key_id
    if until <= change.now:
        await change.connection.execute(api_key_secret.delete().where(mine))
    else:
        await change.connection.execute(api_key_secret.update().where(mine).values(valid_until=until))


async def transitions(connection: AsyncConnection, key_ids: Sequence[str], now: int) -> dict[str, int]:
    """Until when the text before works on, by the key's id, for the keys that have two texts at a moment."""
    query = sa.select(_COLUMNS.api_key_id, _COLUMNS.valid_until).where(
        _COLUMNS.api_key_id.in_(key_ids), _COLUMNS.valid_until > now
    )
    return {row.api_key_id: row.valid_until for row in await connection.execute(query)}


async def forget(change: Change, key_id: str) -> None:
    """Take away all texts of a key."""
    await change.connection.execute(api_key_secret.delete().where(_COLUMNS.api_key_id == key_id))
