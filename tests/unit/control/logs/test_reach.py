"""How far back a page is searched. tests/contract/test_request_log.py has whole lists, on every engine."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
import pytest

from databases import make_tables
from logged import NOON, entry, write
from penstock.control.bootstrap import bootstrap
from penstock.control.logs.candidates import Place
from penstock.control.logs.filters import LogFilter
from penstock.control.logs.reach import reach_of, sums_of
from penstock.stores.sql.database import MEMORY, Database
from penstock.stores.sql.request_log.usage import DAY, HOUR
from penstock.stores.sql.schema import total_hour

TODAY = NOON // DAY * DAY
ALL = LogFilter(texts={"virtual_key": ("v",)})


@pytest.fixture
async def database() -> AsyncIterator[Database]:
    """Three days; on each two requests at eight, two at ten and two at noon, every second one of a team."""
    database = Database(MEMORY)
    try:
        await make_tables(database)
        await bootstrap(database)
        rows = [
            entry(
                TODAY - day * DAY + hour * HOUR + number, metadata={"team": "a"} if number else {}, key_id=f"k{number}"
            )
            for day in range(3)
            for hour in (8, 10, 12)
            for number in range(2)
        ]
        await write(database, *rows)
        yield database
    finally:
        await database.close()


async def reach(
    database: Database, wanted: LogFilter, most: int, after: int | None = None, member: tuple[str, str] | None = None
) -> int | None:
    async with database.read() as connection:
        place = None if after is None else Place(after, "")
        return await reach_of(connection, wanted, place, sums_of(wanted, member), most)


@pytest.mark.parametrize(
    ("most", "since"),
    [
        (1, TODAY + 12 * HOUR),
        (4, TODAY + 10 * HOUR),
        (6, TODAY),
        (7, TODAY),
        (8, TODAY - DAY + 12 * HOUR),
        (17, TODAY - 2 * DAY + 10 * HOUR),
        (18, None),
    ],
)
async def test_a_page_reads_whole_hours_and_days(database: Database, most: int, since: int | None) -> None:
    assert await reach(database, ALL, most) == since


async def test_a_page_goes_on_before_its_place(database: Database) -> None:
    at = TODAY + 12 * HOUR
    assert await reach(database, ALL, 2, at) == TODAY + 10 * HOUR
    assert await reach(database, ALL, 2, TODAY) == TODAY - DAY + 12 * HOUR
    assert await reach(database, ALL, 2, TODAY - 2 * DAY + 9 * HOUR) is None


async def test_a_filters_time_ends_the_search(database: Database) -> None:
    wanted = msgspec.structs.replace(ALL, since=TODAY + 10 * HOUR, until=TODAY + 11 * HOUR)
    assert await reach(database, wanted, 2) is None
    assert await reach(database, msgspec.structs.replace(ALL, since=TODAY - DAY), 8) == TODAY - DAY + 12 * HOUR


async def test_rows_of_a_key_or_a_member_are_fewer(database: Database) -> None:
    of_key = LogFilter(texts={"virtual_key": ("v",), "key_id": ("k1",)})
    assert await reach(database, of_key, 3) == TODAY
    assert await reach(database, of_key, 4) == TODAY - DAY + 12 * HOUR
    assert await reach(database, ALL, 6, member=("team", "a")) == TODAY - DAY
    assert await reach(database, ALL, 9, member=("team", "a")) is None


@pytest.mark.parametrize("texts", [{"key_id": ("k1", "x")}, {"model": ("x",)}])
async def test_where_no_index_holds_them_by_time_all_rows_are_read(
    database: Database, texts: dict[str, tuple[str, ...]]
) -> None:
    """Those of several keys, or of a model in any workspace."""
    assert await reach(database, LogFilter(texts=texts), 3) == TODAY + 12 * HOUR


async def test_where_hours_are_forgotten_days_are_read_as_a_whole(database: Database) -> None:
    async with database.write() as connection:
        await connection.execute(total_hour.delete())
    assert await reach(database, ALL, 1) == TODAY
    assert await reach(database, ALL, 7) == TODAY
