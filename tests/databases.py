"""A database of each engine, for the tests that are the same for all of them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from penstock.stores.sql.database import MEMORY, Database, file_address
from penstock.stores.sql.migrate import migrate
from postgres import Postgres


def fresh_address(request: pytest.FixtureRequest, place: Path | None = None) -> str:
    """The address of a new database of the engine that a fixture's parameter names: ``memory``, ``file`` (in ``place``)
    or ``postgres``."""
    if request.param == "postgres":
        server: Postgres = request.getfixturevalue("postgres")
        return server.fresh()
    return MEMORY if place is None or request.param == "memory" else file_address(place / "penstock.db")


@contextlib.asynccontextmanager
async def migrated(address: str) -> AsyncIterator[Database]:
    """A database with its tables, closed at the end."""
    opened = Database(address)
    await migrate(opened)
    try:
        yield opened
    finally:
        await opened.close()
