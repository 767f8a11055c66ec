"""Addresses of databases."""

import asyncio
import contextlib
from pathlib import Path

import pytest

from databases import with_tables
from penstock.stores.sql import schema
from penstock.stores.sql.database import Database, DatabaseError, file_address, parse_address, revision


@pytest.mark.parametrize(
    ("text", "driver"),
    [
        ("sqlite:///penstock.db", "sqlite+aiosqlite"),
        ("sqlite://", "sqlite+aiosqlite"),
        ("postgresql://u:p@db/penstock", "postgresql+asyncpg"),
        ("postgres://u:p@db/penstock", "postgresql+asyncpg"),
        ("postgresql+psycopg://u:p@db/penstock", "postgresql+asyncpg"),
    ],
)
def test_addresses(text: str, driver: str) -> None:
    assert parse_address(text).drivername == driver


@pytest.mark.parametrize("text", ["", "penstock.db", "mysql://u:p@db/x", "://"])
def test_addresses_of_nothing_that_is_known(text: str) -> None:
    with pytest.raises(DatabaseError, match="expected sqlite:///FILE or postgresql://"):
        parse_address(text)


async def test_the_password_is_not_told() -> None:
    database = Database("postgresql://u:hunter2@db/penstock")
    assert "hunter2" not in database.name
    await database.close()


async def test_the_revision_of_a_file_is_the_one_that_changes_raise(tmp_path: Path) -> None:
    database = Database(file_address(tmp_path / "db"))
    with pytest.raises(DatabaseError, match="can't be used"):
        await database.revision()  # it has no tables yet
    async with database.write() as connection:
        await connection.run_sync(schema.metadata.create_all)
        await connection.execute(schema.revision.insert().values(number=0))
    seen = [await database.revision()]
    for _ in range(2):
        async with database.change():
            pass
        seen.append(await database.revision())
    assert seen == [seen[0], seen[0] + 1, seen[0] + 2]
    await database.close()


async def test_what_comes_while_another_file_is_noticed_uses_that_file(tmp_path: Path) -> None:
    """Connections to the file before are neither used again nor left open, also those that were in use."""
    file, other = tmp_path / "file.db", tmp_path / "other.db"
    for path, number in ((file, 1), (other, 2)):
        async with with_tables(file_address(path)) as each, each.write() as connection:
            await connection.execute(schema.revision.update().values(number=number))
    database = Database(file_address(file))

    async def look() -> int:
        async with database.read() as connection:
            return await revision(connection)

    async with contextlib.AsyncExitStack() as stack:
        for _ in range(3):
            await stack.enter_async_context(database.read())
    async with database.read() as connection:
        assert await revision(connection) == 1
        other.replace(file)
        assert await asyncio.gather(*[look() for _ in range(4)], database.revision()) == [2] * 5
        assert await revision(connection) == 1
    assert database.files == 2
    await database.close()
