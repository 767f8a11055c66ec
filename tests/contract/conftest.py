"""A database of each engine, with its tables: a suite of fewer engines has an ``address`` of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from databases import fresh_address, with_tables
from penstock.stores.sql.database import Database


@pytest.fixture(params=["memory", "file", "postgres"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return fresh_address(request, tmp_path)


@pytest.fixture
async def database(address: str) -> AsyncIterator[Database]:
    async with with_tables(address) as opened:
        yield opened
