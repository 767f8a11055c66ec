"""Statements that are repeated for many rows of plain values: compiled once for a kind of database.

For tables that are written with every request. SQLAlchemy's own way makes such a statement anew for each batch, and
looks at each value of each row. Values go to the driver as they are: texts, numbers, booleans and bytes.

SQLite runs in this process, so that it competes with requests for the processor. There one statement adds several rows:
Python's lock is taken once for all of them. It lasts some 300 microseconds, and a pause follows in which requests have
their turn. Columns that are NULL in all of the rows are left out of it: Python's driver takes longer for a NULL than
for a text.
"""

from __future__ import annotations

import functools
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from itertools import chain
from operator import itemgetter
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.stores.sql.database import Database

Row = tuple[Any, ...]
_AT_ONCE: Final = 20
"""Rows of one statement of SQLite's."""
_MOST_COMPILED: Final = 32
"""Statements with and without some columns: each takes a millisecond to compile."""
_PAUSE: Final = 0.0005
"""Seconds between two statements of SQLite's."""


class _Compiled(NamedTuple):
    """A statement for one row, the same for several rows of SQLite's, and what puts a row's values into its order."""

    single: str
    several: str
    values_of: Callable[[Row], Row]


class RepeatedStatement:
    """``make(insert)`` makes the statement with the ``insert`` of a kind of database. Rows hold the values of
    ``columns``, in their order."""

    def __init__(self, columns: Sequence[str], make: Callable[[Any], sa.Insert]) -> None:
        self.columns: Final = tuple(columns)
        self._make: Final = make
        self._compiled: dict[tuple[str, tuple[str, ...]], _Compiled] = {}
        """Statements by the kind of database and the columns that are left out."""

    async def run(self, connection: AsyncConnection, rows: Sequence[Row]) -> None:
        """Run the statement for each row."""
        if rows:
            compiled = self._for(connection.dialect)
            await connection.exec_driver_sql(compiled.single, list(map(compiled.values_of, rows)))

    def run_in_sqlite(self, connection: sqlite3.Connection, rows: Sequence[Row]) -> None:
        """Run the statement for each row, for several at once. Called in a thread."""
        compiled = self._for(_sqlite(), self._untold(rows))
        whole = len(rows) // _AT_ONCE * _AT_ONCE
        for first in range(0, whole, _AT_ONCE):
            some = map(compiled.values_of, rows[first : first + _AT_ONCE])
            connection.execute(compiled.several, list(chain.from_iterable(some)))
            time.sleep(_PAUSE)
        if len(rows) > whole:
            connection.executemany(compiled.single, map(compiled.values_of, rows[whole:]))

    def _untold(self, rows: Sequence[Row]) -> tuple[str, ...]:
        """The columns that are NULL in all of many rows, unless fewer than two others are left."""
        if len(rows) < _AT_ONCE or len(self._compiled) > _MOST_COMPILED:
            return ()
        nulls = [index for index, value in enumerate(rows[0]) if value is None]
        untold = tuple([self.columns[each] for each in nulls if all(row[each] is None for row in rows)])
        return untold if len(untold) < len(self.columns) - 1 else ()

    def _for(self, dialect: sa.Dialect, without: tuple[str, ...] = ()) -> _Compiled:
        """The statement of a kind of database, without some columns that are NULL unless they are told."""
        known = self._compiled.get((dialect.name, without))
        if known is None:
            told = [name for name in self.columns if name not in without]
            compiled = self._make(_insert(dialect)).compile(dialect=dialect, column_keys=told)
            order: Sequence[str] = getattr(compiled, "positiontup", None) or told
            values_of = tuple if tuple(order) == self.columns else itemgetter(*map(self.columns.index, order))
            values = f"({', '.join('?' * len(told))})"
            several = compiled.string.replace(values, ", ".join([values] * _AT_ONCE), 1)
            known = self._compiled[dialect.name, without] = _Compiled(compiled.string, several, values_of)
        return known


def upsert_of(connection: AsyncConnection) -> Any:
    """The ``insert`` of the connection's database, which knows what to do with a row that is there already."""
    return _insert(connection.dialect)


@functools.cache
def _sqlite() -> sa.Dialect:
    dialect: sa.Dialect = import_module("sqlalchemy.dialects.sqlite").dialect()
    return dialect


def _insert(dialect: sa.Dialect) -> Any:
    # The connection has loaded its own kind, and the other takes 2 MB.
    return import_module(f"sqlalchemy.dialects.{dialect.name}").insert


class Rows(NamedTuple):
    """Rows for a statement."""

    statement: RepeatedStatement
    rows: Sequence[Row]


async def write_rows(database: Database, several: Iterable[Rows]) -> None:
    """Run statements for their rows, in one transaction. Raises DatabaseError."""
    filled = [each for each in several if each.rows]
    if database.has_writer:

        def step(connection: sqlite3.Connection) -> None:
            for statement, rows in filled:
                statement.run_in_sqlite(connection, rows)

        await database.run(step)
        return
    async with database.write() as connection:
        for statement, rows in filled:
            await statement.run(connection, rows)
