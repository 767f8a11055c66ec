"""Batches on their way to the database."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from penstock.pipeline.records.batches import Batches
from penstock.stores.sql.database_error import DatabaseError, ValueRefused


class Table:
    """Takes numbers; 13 and 99 are refused, and everything while it is down."""

    def __init__(self) -> None:
        self.rows: list[int] = []
        self.is_down = False

    async def write(self, batch: Sequence[int]) -> None:
        if self.is_down:
            raise DatabaseError("the database is down")
        if 13 in batch:
            raise ValueError("no 13")
        if 99 in batch:
            raise ValueRefused("99 is too large")
        self.rows += batch


@pytest.fixture
def table() -> Table:
    return Table()


@pytest.fixture
def batches(table: Table) -> Batches[int]:
    return Batches("the table", "memory", table.write, lambda number: f"number {number}")


async def test_a_database_that_is_down_is_told_once_and_the_batch_waits(
    table: Table, batches: Batches[int], caplog: pytest.LogCaptureFixture
) -> None:
    table.is_down = True
    assert not await batches.try_write([1])
    assert not await batches.try_write([1])
    assert caplog.text.count("the database is down; the table waits in memory") == 1
    table.is_down = False
    assert await batches.try_write([1])
    assert table.rows == [1]


async def test_an_entry_that_is_refused_costs_no_other(
    table: Table, batches: Batches[int], caplog: pytest.LogCaptureFixture
) -> None:
    assert await batches.try_write([1, 13, 2])
    assert await batches.try_write([3, 99, 4])
    assert (table.rows, batches.refused) == ([1, 2, 3, 4], 2)
    assert "number 13 is missing in the table" in caplog.text
    assert "number 99 is missing in the table" in caplog.text


async def test_a_database_that_goes_down_meanwhile_keeps_the_batch(table: Table, batches: Batches[int]) -> None:
    async def write(batch: Sequence[int]) -> None:
        table.is_down = table.is_down or len(batch) > 1
        if len(batch) > 1:
            raise ValueError("no")
        await table.write(batch)

    assert not await Batches("the table", "memory", write, str).try_write([1, 2])
    assert table.rows == []
