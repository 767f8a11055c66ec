"""Deletions of old rows in steps; tests/contract/test_request_log.py is over what goes and what stays, on every engine."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import TypeVar

import pytest

from databases import make_tables
from logged import MINUTE, NOON, entry, write
from penstock.control.bootstrap import bootstrap
from penstock.stores.sql.database import Database, file_address
from penstock.stores.sql.request_log import retention
from penstock.stores.sql.request_log.retention import Retention, delete_old
from penstock.stores.sql.request_log.usage import DAY
from penstock.stores.sql.sqlite_writer import Step

T = TypeVar("T")


class Counting(Database):
    """Counts the rows that each transaction of the writer changes."""

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.changes: list[int] = []

    async def run(self, step: Step[T]) -> T:
        def counted(connection: sqlite3.Connection) -> T:
            before = connection.total_changes
            result = step(connection)
            self.changes.append(connection.total_changes - before)
            return result

        return await super().run(counted)


@pytest.mark.parametrize(("seconds", "steps"), [(0.0, 3), (3600.0, 1)])
async def test_a_step_in_a_file_ends_when_its_time_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, steps: int
) -> None:
    monkeypatch.setattr(retention, "_HELD", seconds)
    database = Counting(file_address(tmp_path / "rows.db"))
    try:
        await make_tables(database)
        await bootstrap(database)
        old = [entry(NOON + number * MINUTE) for number in range(50)]
        await write(database, *old, entry(NOON + 2 * DAY))
        database.changes.clear()
        assert await delete_old(database, Retention(1, 1), NOON + 2 * DAY, pause=0) == 50
        assert [changed for changed in database.changes if changed] == ([20, 20, 10] if steps > 1 else [50])
        async with database.read() as connection:
            (kept,) = (await connection.exec_driver_sql("SELECT at FROM request_log")).scalars()
        assert kept == NOON + 2 * DAY
    finally:
        await database.close()
