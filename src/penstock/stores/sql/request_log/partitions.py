"""The months of the request log on PostgreSQL: a partition each, made when its first row comes, dropped when all of it
is too old. On SQLite there are none."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.stores.sql.database import Database
from penstock.stores.sql.schema import log_metadata, request_content, request_log

PARTITIONED: Final = (request_log.name, log_metadata.name, request_content.name)
_LOCK: Final = 0x70656E6C6F6773
"""The number of PostgreSQL's advisory lock for making partitions: ``penlogs`` in ASCII."""
_LOCK_WAIT: Final = 20
"""Milliseconds."""
_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_MICROSECOND: Final = datetime.timedelta(microseconds=1)

Month = tuple[int, int]
"""Year and month."""


def month_of(at: int) -> Month:
    """The month of a moment in microseconds since 1970, in UTC."""
    when = _EPOCH + at * _MICROSECOND
    return when.year, when.month


def bounds(month: Month) -> tuple[int, int]:
    """The first moment of a month, and the first one after it."""
    year, number = month
    following = (year + 1, 1) if number == 12 else (year, number + 1)
    return _start(month), _start(following)


def _start(month: Month) -> int:
    return (datetime.datetime(*month, 1, tzinfo=datetime.UTC) - _EPOCH) // _MICROSECOND


def _name(table: str, month: Month) -> str:
    return f"{table}_{month[0]:04d}_{month[1]:02d}"


class Partitions:
    """Makes the partitions that rows of one database need. What this process knows to be there is not looked for."""

    def __init__(self) -> None:
        self._known: set[Month] = set()

    async def make(self, database: Database, moments: Iterable[int]) -> None:
        """Make the partitions for rows of these moments, in microseconds since 1970, where they are missing. Raises
        DatabaseError.

        It takes a transaction of its own, and a lock only where a month begins: no process waits while another one
        writes rows."""
        if database.is_sqlite:
            return
        months = sorted({month_of(at) for at in moments} - self._known)
        if not months:
            return
        names = {_name(table, month) for month in months for table in PARTITIONED}
        async with database.read() as connection:
            are_there = names.issubset(await _tables(connection))
        if not are_there:
            async with database.write() as connection:
                await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
                there = set(await _tables(connection))
                for month in months:
                    for table in PARTITIONED:
                        if _name(table, month) not in there:
                            await _attach(connection, table, month)
        self._known.update(months)


async def _attach(connection: AsyncConnection, table: str, month: Month) -> None:
    """Make one partition. Attaching a table locks less than making it as a partition: readers go on."""
    name, (first, end) = _name(table, month), bounds(month)
    await connection.exec_driver_sql(f"CREATE TABLE {name} (LIKE {table} INCLUDING DEFAULTS INCLUDING INDEXES)")
    await connection.exec_driver_sql(
        f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ({first}) TO ({end})"
    )


async def drop_before(database: Database, moment: int, table: str) -> bool:
    """Drop one partition of a table whose rows are all older than a moment, if there is one. Raises DatabaseError, also
    where somebody reads it just now.

    Nobody reads or writes any month meanwhile: PostgreSQL locks the whole table. So the lock is waited for briefly, as
    those who come later wait behind it, and it ends with the work, whenever this process has its next turn."""
    async with database.read() as connection:
        names = await _tables(connection)
    name = next((name for name, month in _months(names, table) if bounds(month)[1] <= moment), None)
    if name is None:
        return False
    await database.run_script(f"SET LOCAL lock_timeout = {_LOCK_WAIT}; DROP TABLE IF EXISTS {name}")
    return True


async def _tables(connection: AsyncConnection) -> list[str]:
    names = sa.text("SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r' ORDER BY relname")
    return [str(name) for name in (await connection.execute(names)).scalars()]


def _months(names: Iterable[str], table: str) -> Iterator[tuple[str, Month]]:
    """The partitions of a table among some names, the oldest first."""
    for name in names:
        year, _, number = name.removeprefix(f"{table}_").partition("_")
        if name.startswith(f"{table}_") and len(year) == 4 and year.isdigit() and number.isdigit():
            yield name, (int(year), int(number))
