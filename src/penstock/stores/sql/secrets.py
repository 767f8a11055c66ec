"""The rows of encrypted values: put, opened, moved to a new key. keyring.py encrypts.

A sentinel row shows at start whether the keys are those with which the database was written.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping
from typing import Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.core.secret import Secret
from penstock.stores.sql.database import Database, DatabaseError
from penstock.stores.sql.ids import random_id
from penstock.stores.sql.keyring import NONCE_BYTES, Keyring, KeyringError, Sealed, SecretPlace
from penstock.stores.sql.schema import secret

_SENTINEL: Final = SecretPlace("sentinel", "1", "text")
_BATCH: Final = 100
"""Rows that a rotation encrypts anew in one transaction."""


class Opened(msgspec.Struct, frozen=True):
    """The secrets of a table by row and field; ``problems``: why a secret can't be opened."""

    values: Mapping[tuple[str, str], Secret]
    problems: Mapping[tuple[str, str], str]


async def put(connection: AsyncConnection, keyring: Keyring, place: SecretPlace, value: Secret | None) -> None:
    """Keep a value for a place, in place of the one that was there; None takes it away. Raises KeyringError."""
    await connection.execute(secret.delete().where(_at(place)))
    if value is None:
        return
    sealed = keyring.seal(value, place, os.urandom(NONCE_BYTES))
    row = {"id": random_id(), "owner_table": place.table, "owner_id": place.row, "field": place.field}
    await connection.execute(secret.insert().values(**row, **msgspec.structs.asdict(sealed)))


async def forget(connection: AsyncConnection, table: str, row: str) -> None:
    """Take away all secrets of a row."""
    await connection.execute(secret.delete().where(secret.c.owner_table == table, secret.c.owner_id == row))


async def open_all(connection: AsyncConnection, keyring: Keyring, table: str) -> Opened:
    """The secrets of all rows of a table."""
    values: dict[tuple[str, str], Secret] = {}
    problems: dict[tuple[str, str], str] = {}
    for row in await connection.execute(sa.select(secret).where(secret.c.owner_table == table)):
        where = row.owner_id, row.field
        try:
            values[where] = keyring.open(_sealed(row), SecretPlace(table, *where))
        except KeyringError as error:
            problems[where] = str(error)
    return Opened(values, problems)


async def open_row(connection: AsyncConnection, keyring: Keyring, table: str, row: str) -> dict[str, Secret]:
    """The secrets of one row by field; one that no key opens is left out."""
    values = {}
    mine = secret.c.owner_table == table, secret.c.owner_id == row
    for each in await connection.execute(sa.select(secret).where(*mine)):
        with contextlib.suppress(KeyringError):
            values[each.field] = keyring.open(_sealed(each), SecretPlace(table, row, each.field))
    return values


async def check_keyring(database: Database, keyring: Keyring) -> None:
    """Open the sentinel, or make one with the first key. Raises DatabaseError: the gateway must not start."""
    async with database.read() as connection:
        sentinel = (await connection.execute(sa.select(secret).where(_at(_SENTINEL)))).one_or_none()
        used = set((await connection.execute(sa.select(secret.c.key_id).distinct())).scalars())
    if missing := sorted(used.difference(keyring.names)):
        raise DatabaseError(
            f"the secrets in {database.name} are encrypted with the key {missing[0]}: add it to PENSTOCK_SECRET_KEYS"
        )
    if sentinel is not None:
        try:
            keyring.open(_sealed(sentinel), _SENTINEL)
        except KeyringError as error:
            raise DatabaseError(f"the secrets in {database.name} can't be read: {error}") from None
    elif not keyring.is_empty:
        async with database.change() as connection:
            await put(connection, keyring, _SENTINEL, Secret("penstock"))


async def count_by_key(database: Database) -> dict[str, int]:
    """How many values each key has encrypted."""
    async with database.read() as connection:
        query = sa.select(secret.c.key_id, sa.func.count()).group_by(secret.c.key_id).order_by(secret.c.key_id)
        return {row[0]: row[1] for row in await connection.execute(query)}


async def rotate(database: Database, keyring: Keyring, tell: Callable[[int], None] = lambda _: None) -> int:
    """Encrypt with the first key everything that another key has encrypted; the number of values.

    ``tell`` gets the number so far, after each batch. A rotation that was interrupted goes on with the next call.
    Raises DatabaseError and KeyringError.
    """
    done = 0
    while moved := await _rotate_some(database, keyring):
        done += moved
        tell(done)
    return done


async def _rotate_some(database: Database, keyring: Keyring) -> int:
    # What catalogues hold stays the same, so the revision does, too.
    async with database.write() as connection:
        older = sa.select(secret).where(secret.c.key_id != keyring.first).limit(_BATCH)
        rows = (await connection.execute(older)).all()
        for row in rows:
            place = SecretPlace(row.owner_table, row.owner_id, row.field)
            sealed = keyring.seal(keyring.open(_sealed(row), place), place, os.urandom(NONCE_BYTES))
            # A row that was changed meanwhile has the newest key already.
            same = secret.c.id == row.id, secret.c.row_version == row.row_version
            values = {**msgspec.structs.asdict(sealed), "row_version": row.row_version + 1}
            await connection.execute(secret.update().where(*same).values(**values))
    return len(rows)


def _at(place: SecretPlace) -> sa.ColumnElement[bool]:
    """The condition that a row is the secret of a place."""
    return sa.and_(secret.c.owner_table == place.table, secret.c.owner_id == place.row, secret.c.field == place.field)


def _sealed(row: sa.Row[tuple[object, ...]]) -> Sealed:
    return Sealed(row.key_id, bytes(row.nonce), bytes(row.ciphertext))
