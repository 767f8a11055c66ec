"""Statements that are repeated: the same rows, whichever way a database takes them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from penstock.stores.sql.database import MEMORY, Database, file_address
from penstock.stores.sql.database_error import DatabaseError
from penstock.stores.sql.repeated import RepeatedStatement, Rows, SharedRows, write_rows

TABLE = sa.Table(
    "t",
    sa.MetaData(),
    sa.Column("a", sa.Integer, primary_key=True),
    sa.Column("b", sa.Text),
    sa.Column("c", sa.Boolean),
    sa.Column("d", sa.LargeBinary),
    sa.Column("e", sa.Integer),
)
INSERT = RepeatedStatement(["d", "a", "c", "b"], lambda insert: insert(TABLE))
ADD = RepeatedStatement(
    ["a", "e"],
    lambda insert: (new := insert(TABLE)).on_conflict_do_update(
        index_elements=["a"], set_={"e": sa.func.coalesce(TABLE.c.e, sa.literal_column("0")) + new.excluded.e}
    ),
)


@pytest.fixture(params=["memory", "file"])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    opened = Database(MEMORY if request.param == "memory" else file_address(tmp_path / "db"))
    async with opened.write() as connection:
        await connection.run_sync(TABLE.create)
    yield opened
    await opened.close()


async def rows_of(database: Database) -> list[tuple[Any, ...]]:
    async with database.read() as connection:
        return [tuple(row) for row in await connection.execute(sa.select(TABLE).order_by(TABLE.c.a))]


@pytest.mark.parametrize("count", [0, 1, 49, 50, 51, 130])
async def test_all_rows_are_written_with_their_values(database: Database, count: int) -> None:
    rows = [(b"x" if n % 3 else None, n, n % 2 == 0, f"t{n}" if n % 4 else None) for n in range(count)]
    await write_rows(database, [Rows(INSERT, rows)])
    assert await rows_of(database) == [(a, b, c, d, None) for d, a, c, b in rows]


async def test_what_is_there_is_added_to(database: Database) -> None:
    """Also by one statement for many rows: some of the same row, some that have all but their key in common."""
    await write_rows(database, [Rows(INSERT, [(None, n, True, "") for n in range(80)])])
    for _ in range(2):
        await write_rows(database, [Rows(ADD, [(n % 60, n) for n in range(120)])])
        await write_rows(database, [Rows(ADD, [(n, 1) for n in range(110)])])
    sums = [2 * (2 * n + 60 + 1) if n < 60 else 2 for n in range(110)]
    assert [row[4] for row in await rows_of(database)][:80] == sums[:80]
    assert [row[4] for row in await rows_of(database)][80:] == [2] * 30


async def test_a_row_that_is_refused_takes_its_transaction_with_it(database: Database) -> None:
    rows = [(None, n, True, "") for n in range(30)]
    with pytest.raises(Exception, match="UNIQUE"):
        await write_rows(database, [Rows(INSERT, rows), Rows(INSERT, rows[-1:])])
    assert await rows_of(database) == []
    await write_rows(database, [Rows(INSERT, rows)])
    assert len(await rows_of(database)) == 30


async def test_a_statement_that_the_database_can_t_run_is_its_failure(database: Database) -> None:
    async with database.write() as connection:
        await connection.run_sync(TABLE.drop)
    with pytest.raises(DatabaseError, match="no such table"):
        await write_rows(database, [Rows(INSERT, [(None, 1, True, "")])])


async def test_a_value_that_no_column_takes_is_no_failure_of_the_database(database: Database) -> None:
    with pytest.raises(OverflowError):
        await write_rows(database, [Rows(INSERT, [(None, 1 << 70, True, "")])])
    assert await rows_of(database) == []


async def test_what_rows_have_in_common_is_told_once(tmp_path: Path) -> None:
    """Also NULL, where kinds of rows follow each other, and where there are more kinds than statements are kept."""
    told = RepeatedStatement(["d", "a", "c", "b"], lambda insert: insert(TABLE))
    database = Database(file_address(tmp_path / "db"))
    async with database.write() as connection:
        await connection.run_sync(TABLE.create)
    kinds = [(None, None, None), (b"x", None, True), (b"", "", False), (None, "t", None)]
    expected = []
    for number in range(8):
        d, b, c = kinds[number % 4]
        rows = [(d, 80 * number + n, c, b if n else None) for n in range(80)]
        expected += [(a, b, c, d, None) for d, a, c, b in rows]
        await write_rows(database, [Rows(told, rows)])
        if number == 2:
            told._several |= {(True,) * (5 + each): told._several[None, False, None, None] for each in range(50)}
    assert await rows_of(database) == expected
    assert not any(re.search(r"\?\d", each.text) for each in told._several.values()), "Python 3.14 refuses ?1 in lists"
    assert {each for each in told._several if len(each) == 4} == {
        (None, False, None, None), (True, False, True, None), (True, False, True, False), (False,) * 4,
    }  # fmt: skip
    await database.close()


async def test_rows_that_are_all_alike_are_as_many_as_they_were(tmp_path: Path) -> None:
    database = Database(file_address(tmp_path / "db"))
    async with database.write() as connection:
        await connection.run_sync(TABLE.create)
    for values in ((None, None, None), (b"", True, "t")):
        await write_rows(
            database, [Rows(RepeatedStatement(["d", "c", "b"], lambda insert: insert(TABLE)), [values] * 60)]
        )
        assert len({row[0] for row in await rows_of(database)}) == 60
        async with database.write() as connection:
            await connection.execute(TABLE.delete())
    await database.close()


@pytest.mark.parametrize("count", [1, 64, 70, 200])
async def test_rows_that_share_values_are_written_with_them(database: Database, count: int) -> None:
    own = [(n, f"t{n}" if n % 3 else None) for n in range(count)]
    for shared, places in (((b"x", None, True, None), (1, 3)), ((None, None, None, None), (1, 3))):
        await write_rows(database, [SharedRows(INSERT, own, shared, places)])
        assert await rows_of(database) == [(a, b, shared[2], shared[0], None) for a, b in own]
        async with database.write() as connection:
            await connection.execute(TABLE.delete())
