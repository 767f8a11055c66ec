"""LiteLLM's database on PostgreSQL: the rows that an import needs, read at one moment, and nothing changed.

Source of the tables: https://github.com/BerriAI/litellm/blob/main/schema.prisma.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.importers.litellm_rows import Rows
from penstock.stores.sql.database import Database, DatabaseError

MOST_ROWS: Final = 200_000
"""Rows of one table: more are refused, and none is left out."""
_TABLES: Final = {
    "keys": "LiteLLM_VerificationToken",
    "teams": "LiteLLM_TeamTable",
    "budgets": "LiteLLM_BudgetTable",
    "end_users": "LiteLLM_EndUserTable",
}


async def read_rows(address: str) -> Rows:
    """The rows. Raises DatabaseError."""
    database = Database(address)
    if database.is_sqlite:
        raise DatabaseError("LiteLLM's database is on PostgreSQL: postgresql://USER:PASSWORD@HOST/NAME")
    try:
        async with database.read() as connection:
            await connection.execute(sa.text("SET TRANSACTION READ ONLY"))
            return Rows(**{name: await _rows(connection, table) for name, table in _TABLES.items()})
    finally:
        await database.close()


async def _rows(connection: AsyncConnection, table: str) -> list[dict[str, Any]]:
    """All rows of a table as JSON values; none if there is no such table."""
    known = await connection.scalar(sa.select(sa.func.to_regclass(f'"{table}"')))
    if known is None:
        return []
    # PostgreSQL writes a row as JSON, so that each column has the one form that an importer reads.
    source = sa.table(table)
    whole = sa.cast(sa.func.to_jsonb(sa.literal_column(f'"{table}"')), sa.Text)
    texts = await connection.scalars(sa.select(whole).select_from(source).order_by(whole).limit(MOST_ROWS + 1))
    rows = [msgspec.json.decode(text) for text in texts]
    if len(rows) > MOST_ROWS:
        raise DatabaseError(f"{table} has more than {MOST_ROWS} rows")
    return rows
