"""What a query of the request log says to have SQLite use one index and no other; PostgreSQL is hardly told anything.

SQLite chooses by few figures, and an expression in place of a column is how it is told. PostgreSQL knows how many rows
have each value. Of an expression it would guess a few rows in ten million, and would read all rows of a key to sort
them, in place of the newest until a page is full.
"""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.elements import ColumnElement, UnaryExpression
from sqlalchemy.sql.operators import custom_op

from penstock.stores.sql.schema.request_log import UNUSUAL_STATUS


class Unindexed(UnaryExpression[Any]):
    """A column that no index of SQLite's finds: https://www.sqlite.org/optoverview.html, of the unary plus."""

    inherit_cache = True

    def __init__(self, column: sa.ColumnElement[Any]) -> None:
        super().__init__(column, operator=custom_op("+"), type_=column.type)


@compiles(Unindexed, "postgresql")
def _as_column(element: Unindexed, compiler: Any, **options: Any) -> str:
    return str(compiler.process(element.element, **options))


async def read_by_index(connection: AsyncConnection) -> None:
    """Have PostgreSQL find rows by an index until the transaction ends: of some hundred thousand rows of a month that
    follow each other it believes that reading the month as a whole costs less. To SQLite nothing is told."""
    if connection.dialect.name == "postgresql":
        await connection.exec_driver_sql("SET LOCAL enable_seqscan = off")


async def read_serially(connection: AsyncConnection) -> None:
    """Have PostgreSQL read in one process until the transaction ends. Lines of tens of thousands of groups would be
    added up by each of several, and then once more: three times the work, and no sooner done on two cores."""
    if connection.dialect.name == "postgresql":
        await connection.exec_driver_sql("SET LOCAL max_parallel_workers_per_gather = 0")


class _ToldUnusual(ColumnElement[Any]):
    """``UNUSUAL_STATUS``, where another condition says so of a row already: SQLite answers by the index of such rows
    only if it hears it. PostgreSQL concludes it, and would count it as one more condition that few rows meet. Without a
    type: SQLAlchemy writes ``= 1`` behind a boolean of SQLite's, which is another condition to the index."""

    inherit_cache = True
    type = sa.types.NULLTYPE


IS_TOLD_UNUSUAL: Final = _ToldUnusual()


@compiles(_ToldUnusual)
def _as_text(*_: Any, **__: Any) -> str:
    return UNUSUAL_STATUS


@compiles(_ToldUnusual, "postgresql")
def _as_nothing(*_: Any, **__: Any) -> str:
    return "true"
