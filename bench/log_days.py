"""Copies one day of the request log to the days after it, with SQL: ten million rows take minutes and not hours.

Rows keep all but their time, their id and their trace. What is added up of the day is copied with it.
"""

from __future__ import annotations

import time
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.stores.sql.database import Database
from penstock.stores.sql.request_log.partitions import Partitions
from penstock.stores.sql.schema import (
    log_metadata,
    request_log,
    total_day,
    total_hour,
    usage_day,
    usage_hour,
    usage_metadata,
)

DAY: Final = 86_400_000_000
"""Microseconds."""
_TABLES: Final = (
    (request_log, "at"), (log_metadata, "at"), (usage_hour, "start"), (usage_day, "start"), (total_hour, "start"),
    (total_day, "start"), (usage_metadata, "start"),
)  # fmt: skip
_IDS: Final = frozenset({"id", "log_id"})


async def copy_day(database: Database, days: int) -> None:
    """Copy all rows there are, which are of one day in UTC, to the following days: ``days`` are there afterwards.
    Indexes are made anew at the end."""
    async with database.write() as connection:
        first = (await connection.execute(sa.select(sa.func.min(request_log.c.at)))).scalar_one()
        for table, _ in _TABLES:
            for index in table.indexes:
                await connection.run_sync(index.drop)
    await Partitions().make(database, [first + day * DAY for day in range(days + 1)])
    end = first // DAY * DAY + DAY
    for table, column in _TABLES:
        began = time.perf_counter()
        for day in range(1, days):
            async with database.write() as connection:
                await _fast(connection)
                await connection.exec_driver_sql(_copy(connection, table, column, end, day))
        print(f"{table.name}: copied in {time.perf_counter() - began:.0f} s", flush=True)
    for table, _ in _TABLES:
        for index in sorted(table.indexes, key=lambda each: str(each.name)):
            async with database.write() as connection:
                await _fast(connection)
                await connection.run_sync(index.create)
    print("indexes: made", flush=True)


async def _fast(connection: AsyncConnection) -> None:
    """Have the engine keep much in memory, and wait for no disk."""
    if connection.dialect.name == "sqlite":
        await connection.exec_driver_sql("PRAGMA cache_size = -600000")
    else:
        await connection.exec_driver_sql("SET LOCAL maintenance_work_mem = '512MB'")
        await connection.exec_driver_sql("SET LOCAL synchronous_commit = off")


def _copy(connection: AsyncConnection, table: sa.Table, column: str, end: int, day: int) -> str:
    """The statement that copies the rows before a moment to a day after theirs."""
    is_sqlite = connection.dialect.name == "sqlite"
    shift = day * DAY
    values = [_value(each, column, shift, day, is_sqlite=is_sqlite) for each in table.c]
    names = ", ".join(each.name for each in table.c)
    order = ", ".join(each.name for each in table.primary_key)
    return (
        f"INSERT INTO {table.name} ({names}) SELECT {', '.join(values)} FROM {table.name} "
        f"WHERE {column} < {end} ORDER BY {order}"
    )


def _value(each: sa.Column[Any], column: str, shift: int, day: int, *, is_sqlite: bool) -> str:
    """A column of a copied row."""
    if each.name in {column, "last_at"}:
        return f"{each.name} + {shift}"
    if each.name in _IDS:
        moment = f"(at + {shift}) / 1000"
        digits = f"printf('%012x', {moment})" if is_sqlite else f"lpad(to_hex({moment}), 12, '0')"
        return f"substr({digits}, 1, 8) || '-' || substr({digits}, 9, 4) || substr({each.name}, 14)"
    if each.name == "trace_id":
        return f"'{day:04x}' || substr(trace_id, 5)"
    return each.name
