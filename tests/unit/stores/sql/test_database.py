"""Addresses of databases."""

import pytest

from penstock.stores.sql.database import Database, DatabaseError, parse_address


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
