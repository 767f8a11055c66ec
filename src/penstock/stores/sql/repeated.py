"""Statements that the driver repeats for many rows of plain values: compiled once for a kind of database.

For tables that are written with every request. SQLAlchemy's own way makes such a statement anew for each batch, and
looks at each value of each row. Values go to the driver as they are: texts, numbers, booleans and bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from operator import itemgetter
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

Row = Mapping[str, Any]


class RepeatedStatement:
    """``make(insert)`` makes the statement with the ``insert`` of the connection's kind of database. All rows have the
    columns of the first one."""

    def __init__(self, make: Callable[[Any], sa.Insert]) -> None:
        self._make: Final = make
        self._compiled: dict[str, tuple[str, Callable[[Row], tuple[Any, ...]]]] = {}

    async def run(self, connection: AsyncConnection, rows: Sequence[Row]) -> None:
        """Run the statement for each row. The name of the database's kind says which of its forms fits."""
        if not rows:
            return
        dialect = connection.dialect
        if dialect.name not in self._compiled:
            compiled = self._make(upsert_of(connection)).compile(dialect=dialect, column_keys=list(rows[0]))
            order: Sequence[str] = getattr(compiled, "positiontup", None) or list(rows[0])
            self._compiled[dialect.name] = compiled.string, itemgetter(*order)
        statement, values_of = self._compiled[dialect.name]
        await connection.exec_driver_sql(statement, list(map(values_of, rows)))


def upsert_of(connection: AsyncConnection) -> Any:
    """The ``insert`` of the connection's database, which knows what to do with a row that is there already."""
    # The connection has loaded its own kind, and the other takes 2 MB.
    return import_module(f"sqlalchemy.dialects.{connection.dialect.name}").insert
