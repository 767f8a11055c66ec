import asyncio
import sqlite3
from pathlib import Path

import pytest

from penstock.stores.sql.sqlite_writer import SqliteWriter
from penstock.stores.stored_counters import StoreDown


def down(error: sqlite3.Error) -> StoreDown:
    return StoreDown(str(error))


async def test_steps_that_wait_share_a_transaction_and_each_gets_its_answer(tmp_path: Path) -> None:
    writer = SqliteWriter(str(tmp_path / "db"), 5, down, "test")
    await writer.run(lambda db: db.execute("CREATE TABLE t (n INTEGER)"))

    def step(db: sqlite3.Connection, number: int) -> int:
        if number == 7:
            raise ValueError("not seven")
        db.execute("INSERT INTO t VALUES (?)", (number,))
        return number

    answers = await asyncio.gather(
        *(writer.run(lambda db, n=n: step(db, n)) for n in range(100)),  # type: ignore[misc]
        return_exceptions=True,
    )
    assert [answer for answer in answers if not isinstance(answer, ValueError)] == [n for n in range(100) if n != 7]
    assert await writer.run(lambda db: db.execute("SELECT count(*) FROM t").fetchone()) == (99,)
    await writer.close()


async def test_a_statement_that_fails_takes_its_transaction_with_it(tmp_path: Path) -> None:
    writer = SqliteWriter(str(tmp_path / "db"), 5, down, "test")
    await writer.run(lambda db: db.execute("CREATE TABLE t (n INTEGER PRIMARY KEY)"))
    with pytest.raises(StoreDown, match="no such table"):
        await writer.run(lambda db: db.execute("INSERT INTO nowhere VALUES (1)"))
    assert await writer.run(lambda db: db.execute("SELECT count(*) FROM t").fetchone()) == (0,)
    await writer.close()


async def test_a_file_that_cant_be_opened_is_a_store_that_is_down(tmp_path: Path) -> None:
    writer = SqliteWriter(str(tmp_path / "missing" / "db"), 5, down, "test")
    with pytest.raises(StoreDown, match="unable to open"):
        await writer.run(lambda db: db.execute("SELECT 1"))
    await writer.close()
