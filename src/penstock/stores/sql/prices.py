"""Price tables in the database: one row a version, its document compressed, the active one read when it changes.

A table is one value and not a row a price: the gateway reads it as a whole, 0.05 MB in place of 20,000 rows.
"""

from __future__ import annotations

import zlib
from typing import Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.prices.table import PriceTable, TableError
from penstock.stores.sql import schema

_LARGEST: Final = 64 << 20
"""Bytes of a document: fifty times what there is."""
_BOOK: Final = schema.price_book.c


class LoadedBook(msgspec.Struct, frozen=True):
    """What is told of a version: its source, how many models it has, when it was loaded (microseconds since 1970)."""

    version: str
    source: str
    models: int
    loaded_at: int
    is_active: bool


async def save(connection: AsyncConnection, table: PriceTable, now: int, *, activate: bool = True) -> None:
    """Keep a table and make it the active one. A version that is there already is made active again. Without
    ``activate`` it is only kept, so that its prices can be looked up later."""
    if activate:
        await deactivate(connection)
    known = (await connection.execute(sa.select(_BOOK.version).where(_BOOK.version == table.version))).scalar()
    if known is None:
        models = sum(len(table.models(provider)) for provider in table.providers)
        values = {"source": table.source, "digest": table.digest, "models": models, "loaded_at": now}
        body = zlib.compress(table.body, 9)
        await connection.execute(
            schema.price_book.insert().values(version=table.version, body=body, is_active=activate, **values)
        )
    elif activate:
        await connection.execute(
            schema.price_book.update().where(_BOOK.version == table.version).values(is_active=True)
        )


async def deactivate(connection: AsyncConnection) -> None:
    """Leave the default table alone in force."""
    await connection.execute(schema.price_book.update().where(_BOOK.is_active).values(is_active=False))


async def active_version(connection: AsyncConnection) -> str | None:
    """The version that is in force; None where only the default table is."""
    version = (await connection.execute(sa.select(_BOOK.version).where(_BOOK.is_active))).scalar()
    return None if version is None else str(version)


async def read(connection: AsyncConnection, version: str) -> PriceTable | None:
    """The table of a version; None if there is none. Raises TableError for a damaged one."""
    body = (await connection.execute(sa.select(_BOOK.body).where(_BOOK.version == version))).scalar()
    return None if body is None else PriceTable(_unpacked(body))


async def history(connection: AsyncConnection) -> list[LoadedBook]:
    """All versions, the latest first."""
    columns = (_BOOK.version, _BOOK.source, _BOOK.models, _BOOK.loaded_at, _BOOK.is_active)
    rows = await connection.execute(sa.select(*columns).order_by(_BOOK.loaded_at.desc(), _BOOK.version))
    return [LoadedBook(row.version, row.source, row.models, row.loaded_at, row.is_active) for row in rows]


async def read_active(connection: AsyncConnection, before: PriceTable | None, problems: list[str]) -> PriceTable | None:
    """The table that is in force; the one ``before`` where it is the same, and where the new one can't be used, which
    is named among the problems."""
    version = await active_version(connection)
    if version is None or (before is not None and before.version == version):
        return None if version is None else before
    try:
        return await read(connection, version)
    except TableError as error:
        problems.append(f"the price table {version} can't be used: {error}")
        return before


def _unpacked(body: bytes) -> bytes:
    unpacker = zlib.decompressobj()
    try:
        document = unpacker.decompress(body, _LARGEST)
    except zlib.error as error:
        raise TableError(str(error)) from None
    if not unpacker.eof:
        raise TableError(f"its document is cut, or larger than {_LARGEST >> 20} MB")
    return document
