"""A database of each engine, for the tests that are the same for all of them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import aiosqlite

from penstock.stores.sql.database import MEMORY, Database, file_address
from penstock.stores.sql.migrate import migrate

if TYPE_CHECKING:
    # Processes that count (counting_worker.py) use no fixture: importing pytest takes longer than their work.
    import pytest

    from postgres import Postgres


def fresh_address(request: pytest.FixtureRequest, place: Path | None = None, *, is_empty: bool = False) -> str:
    """The address of a new database of the engine that a fixture's parameter names: ``memory``, ``file`` (in ``place``)
    or ``postgres``. ``make_tables`` makes the tables of the first two; the third has them unless it ``is_empty``."""
    if request.param == "postgres":
        server: Postgres = request.getfixturevalue("postgres")
        return server.fresh() if is_empty else server.with_tables()
    return MEMORY if place is None or request.param == "memory" else file_address(place / "penstock.db")


_scripts: list[str] = []
"""SQL that makes the tables of SQLite, when a database of this process has been migrated."""


async def make_tables(database: Database) -> None:
    """Make the tables of a new database. Migrating takes a fifth of a second, and has tests of its own
    (tests/contract/test_sql_store.py): the first database of SQLite is migrated, the others are its copies."""
    if not database.is_sqlite:
        await migrate(database)
        return
    if not _scripts:
        async with migrated(MEMORY) as first, _driver(first) as driver:
            _scripts.append("\n".join([line async for line in driver.iterdump()]))
    async with _driver(database) as driver:
        await driver.executescript(_scripts[0])


@contextlib.asynccontextmanager
async def _driver(database: Database) -> AsyncIterator[aiosqlite.Connection]:
    async with database.engine.connect() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
        assert isinstance(driver, aiosqlite.Connection)
        yield driver


@contextlib.asynccontextmanager
async def migrated(address: str) -> AsyncIterator[Database]:
    """A database with its tables as the steps make them, closed at the end."""
    async with _opened(address, migrate) as database:
        yield database


@contextlib.asynccontextmanager
async def with_tables(address: str) -> AsyncIterator[Database]:
    """A database with its tables, closed at the end."""
    async with _opened(address, make_tables) as database:
        yield database


@contextlib.asynccontextmanager
async def _opened(address: str, make: Callable[[Database], Awaitable[None]]) -> AsyncIterator[Database]:
    database = Database(address)
    try:
        await make(database)
        yield database
    finally:
        await database.close()
