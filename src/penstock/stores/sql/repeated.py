"""Statements that are repeated for many rows of plain values: compiled once for a kind of database.

For tables that are written with every request. SQLAlchemy's own way makes such a statement anew for each batch, and
looks at each value of each row. Values go to the driver as they are: texts, numbers, booleans and bytes.

SQLite runs in this process, so that it competes with requests for the processor. There one statement adds several rows:
Python's lock is taken once for all of them. It lasts some 300 microseconds, and a pause follows in which requests have
their turn. A value that all of the rows have is told once, and NULL not at all: of the 39 values of a request's row
hardly a dozen are its own.
"""

from __future__ import annotations

import functools
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from itertools import chain, islice, repeat
from operator import itemgetter
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.stores.sql.database import Database
from penstock.stores.sql.shared_values import Row, whole_rows

__all__ = ["AT_ONCE", "RepeatedStatement", "Row", "Rows", "SharedRows", "upsert_of", "write_rows"]

AT_ONCE: Final = 64
"""Rows of one statement of SQLite's."""
_MOST_COMPILED: Final = 32
"""Statements for several rows that are kept: each takes a millisecond to compile."""
_PAUSE: Final = 0.0005
"""Seconds between two statements of SQLite's."""


class _Single(NamedTuple):
    """A statement for one row, and what puts a row's values into its order."""

    text: str
    values_of: Callable[[Row], Row]


class _Several(NamedTuple):
    """A statement for ``AT_ONCE`` rows: first come the values that all of them have, then those of each row, by the
    numbers of their columns. What they share is joined to each: a parameter that stands at several places (``?1``) is
    one with a name for Python's driver, which takes no list of values for such ones from Python 3.14 on
    (https://docs.python.org/3/library/sqlite3.html#sqlite3.Cursor.execute)."""

    text: str
    alike: Sequence[int]
    own: Sequence[int]


class RepeatedStatement:
    """``make(insert)`` makes the statement with the ``insert`` of a kind of database. Rows hold the values of
    ``columns``, in their order."""

    def __init__(self, columns: Sequence[str], make: Callable[[Any], sa.Insert]) -> None:
        self.columns: Final = tuple(columns)
        self._make: Final = make
        self._single: dict[str, _Single] = {}
        """Statements by the kind of database."""
        self._several: dict[tuple[bool | None, ...], _Several] = {}
        """Statements by what is said of each column (``_alike``)."""

    async def run(self, connection: AsyncConnection, rows: Sequence[Row]) -> None:
        """Run the statement for each row."""
        if rows:
            single = self._for_one(connection.dialect)
            await connection.exec_driver_sql(single.text, list(map(single.values_of, rows)))

    def run_in_sqlite(self, connection: sqlite3.Connection, rows: Sequence[Row]) -> None:
        """Run the statement for each row, for several at once. Called in a thread."""
        whole = len(rows) // AT_ONCE * AT_ONCE
        if whole:
            self._run_several(connection, list(zip(*rows[:whole], strict=True)))
        if len(rows) > whole:
            single = self._for_one(_sqlite())
            connection.executemany(single.text, map(single.values_of, rows[whole:]))

    def run_shared_in_sqlite(
        self, connection: sqlite3.Connection, shared: Row, places: Sequence[int], own: Sequence[Row]
    ) -> None:
        """The same for rows whose values are ``shared``, but for those at some places, which are each row's ``own``."""
        whole = len(own) // AT_ONCE * AT_ONCE
        if whole:
            columns: list[Row] = [(value,) for value in shared]
            for place, column in zip(places, zip(*own[:whole], strict=True), strict=True):
                columns[place] = column
            self._run_several(connection, columns)
        if len(own) > whole:
            self.run_in_sqlite(connection, whole_rows(shared, places, own[whole:]))

    def _run_several(self, connection: sqlite3.Connection, columns: Sequence[Row]) -> None:
        """Run the statement for a multiple of ``AT_ONCE`` rows. A column with one value has it in all rows."""
        several = self._for_several(columns)
        alike = [columns[index][0] for index in several.alike]
        own = [columns[index] for index in several.own]
        values = chain.from_iterable(zip(*[each if len(each) > 1 else repeat(each[0]) for each in own], strict=False))
        for _ in range(0, max(map(len, columns)), AT_ONCE):
            connection.execute(several.text, [*alike, *islice(values, len(own) * AT_ONCE)])
            time.sleep(_PAUSE)

    def _for_one(self, dialect: sa.Dialect) -> _Single:
        known = self._single.get(dialect.name)
        if known is None:
            compiled = self._make(_insert(dialect)).compile(dialect=dialect, column_keys=self.columns)
            order: Sequence[str] = getattr(compiled, "positiontup", None) or self.columns
            values_of = tuple if tuple(order) == self.columns else itemgetter(*map(self.columns.index, order))
            known = self._single[dialect.name] = _Single(compiled.string, values_of)
        return known

    def _for_several(self, columns: Sequence[Row]) -> _Several:
        alike = tuple(map(_alike, columns))
        known = self._several.get(alike)
        if known is None:
            if len(self._several) >= _MOST_COMPILED or not any(each is not None for each in alike):
                alike = (False,) * len(columns)
            known = self._several[alike] = self._several.get(alike) or self._compile_several(alike)
        return known

    def _compile_several(self, alike: tuple[bool | None, ...]) -> _Several:
        """The statement for several rows, without the columns that are NULL unless they are told."""
        dialect = _sqlite()
        written = [name for name, each in zip(self.columns, alike, strict=True) if each is not None]
        compiled = self._make(_insert(dialect)).compile(dialect=dialect, column_keys=written)
        order = [self.columns.index(name) for name in getattr(compiled, "positiontup", None) or written]
        shared, own = [each for each in order if alike[each]], [each for each in order if not alike[each]]
        places = [
            f"own.column{own.index(each) + 1}" if each in own else f"alike.column{shared.index(each) + 1}"
            for each in order
        ]
        row = f"({', '.join('?' * len(own)) or 'NULL'})"
        selected = f"SELECT {', '.join(places)} FROM (VALUES {', '.join([row] * AT_ONCE)}) AS own"  # noqa: S608 (numbers of columns)
        text = compiled.string
        if shared:
            selected += " CROSS JOIN alike"
            text = f"WITH alike AS (VALUES ({', '.join('?' * len(shared))})) {text}"
        # Without a condition the words ON CONFLICT would be read as one of a join.
        text = text.replace(f"VALUES ({', '.join('?' * len(order))})", f"{selected} WHERE 1", 1)
        return _Several(text, shared, own)


def _alike(column: Row) -> bool | None:
    """Whether all values of a column are the same; None where all are NULL."""
    first = column[0]
    is_alike = first == column[-1] and column.count(first) == len(column)
    return None if is_alike and first is None else is_alike


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

    def run_in_sqlite(self, connection: sqlite3.Connection) -> None:
        """Run the statement for all rows. Called in a thread."""
        self.statement.run_in_sqlite(connection, self.rows)

    async def run(self, connection: AsyncConnection) -> None:
        """Run the statement for all rows."""
        await self.statement.run(connection, self.rows)


class SharedRows(NamedTuple):
    """Rows for a statement that share most of their values: those of ``shared`` but for the ones at ``places``, which
    are each row's own, in ``rows``."""

    statement: RepeatedStatement
    rows: Sequence[Row]
    shared: Row
    places: Sequence[int]

    def run_in_sqlite(self, connection: sqlite3.Connection) -> None:
        """Run the statement for all rows. Called in a thread."""
        self.statement.run_shared_in_sqlite(connection, self.shared, self.places, self.rows)

    async def run(self, connection: AsyncConnection) -> None:
        """Run the statement for all rows."""
        await self.statement.run(connection, whole_rows(self.shared, self.places, self.rows))


async def write_rows(database: Database, several: Iterable[Rows | SharedRows]) -> None:
    """Run statements for their rows, in one transaction. Raises DatabaseError."""
    filled = [each for each in several if each.rows]
    if database.has_writer:

        def step(connection: sqlite3.Connection) -> None:
            for each in filled:
                each.run_in_sqlite(connection)

        await database.run(step)
        return
    async with database.write() as connection:
        for each in filled:
            await each.run(connection)
