"""The moments of a page's rows. tests/contract/test_request_log.py has the rows themselves, on every engine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from databases import make_tables
from logged import NOON, entry, write
from penstock.control.actor import CLI
from penstock.control.bootstrap import bootstrap
from penstock.control.logs import candidates
from penstock.control.logs.candidates import Place, moments_of_page, moments_within
from penstock.control.logs.filter_reader import read_filter
from penstock.control.logs.filters import LogFilter, for_actor
from penstock.stores.sql.database import MEMORY, Database

COSTS = (5, 40, 41, 300, 5)
"""Nanodollars of rows, a microsecond apart."""


@asynccontextmanager
async def rows() -> AsyncIterator[AsyncConnection]:
    database = Database(MEMORY)
    try:
        await make_tables(database)
        await bootstrap(database)
        several = [entry(NOON + n, amount=cost, status=500 if n > 2 else 200) for n, cost in enumerate(COSTS)]
        await write(database, *several)
        async with database.read() as connection:
            yield connection
    finally:
        await database.close()


async def wanted(connection: AsyncConnection, **query: str) -> LogFilter:
    return await for_actor(connection, CLI, read_filter(query))


async def test_the_newest_of_each_value_are_merged() -> None:
    async with rows() as connection:
        some = await wanted(connection, cost_min="0.0000005", cost_max="0.0000041")
        assert await moments_of_page(connection, some, None, 2) == [NOON + 4, NOON + 2]
        after = Place(NOON + 4, "")
        assert await moments_of_page(connection, some, after, 9) == [NOON + 2, NOON + 1, NOON]


async def test_a_place_comes_before_rows_of_its_own_moment_with_a_lower_id() -> None:
    async with rows() as connection:
        some = await wanted(connection, cost_max="0.0000041")
        found = await moments_of_page(connection, some, Place(NOON + 4, "~"), 9)
        assert found == [NOON + 4, NOON + 2, NOON + 1, NOON]


@pytest.mark.parametrize(
    ("statuses", "values"),
    [
        ("5xx", range(500, 600)),
        ("4xx,5xx", range(400, 600)),
        ("429,504", (429, 504)),
        ("504,429,504", (429, 504)),
        ("4xx,504", (*range(400, 500), 504)),
        ("1xx,3xx,5xx,429", range(100, 600)),
    ],
)
async def test_statuses_are_looked_for_one_by_one_and_none_between_them(
    statuses: str, values: range | tuple[int, ...]
) -> None:
    async with rows() as connection:
        some = await wanted(connection, status_code=statuses)
        assert some.spread is not None
        assert some.spread.values == values
        assert await moments_of_page(connection, some, None, 1) == ([NOON + 4] if 500 in values else [])


async def test_ranges_with_other_conditions_are_told_where_few_rows_are_in_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with rows() as connection:
        some = await wanted(connection, cost_min="0.000004", models="m")
        assert sorted(await moments_within(connection, some) or ()) == [NOON + 1, NOON + 2, NOON + 3]
        assert sorted(await moments_of_page(connection, some, None, 1) or ()) == [NOON + 1, NOON + 2, NOON + 3]
        monkeypatch.setattr(candidates, "FEW", 2)
        assert await moments_of_page(connection, some, None, 1) is None


async def test_what_no_index_tells() -> None:
    async with rows() as connection:
        for query in ({}, {"models": "m"}, {"status_code": "2xx"}, {"total_units_min": "1"}):
            assert await moments_of_page(connection, await wanted(connection, **query), None, 9) is None
        none = await wanted(connection, cost_min="5", cost_max="1")
        assert await moments_of_page(connection, none, None, 9) == []


async def test_a_range_of_costs_is_looked_at_before_that_of_statuses() -> None:
    async with rows() as connection:
        parts = (await wanted(connection, cost_min="0.000003", is_success="false")).of_ranges
        assert [(bool(part.ranges), part.is_success) for part in parts] == [(True, None), (False, False), (True, False)]
