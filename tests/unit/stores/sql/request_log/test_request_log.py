"""Rows of the request log in the tables: whichever way a database takes them, they say the same."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from databases import make_tables
from logged import MINUTE, NOON, entry
from penstock.control.bootstrap import bootstrap
from penstock.stores.sql import schema
from penstock.stores.sql.database import MEMORY, Database, file_address
from penstock.stores.sql.request_log.entry import OWN, AlikeEntries, LogEntry
from penstock.stores.sql.request_log.request_log import LogWriter
from penstock.stores.sql.request_log.stored_content import StoredContent, packed

TABLES = (
    schema.request_log, schema.log_metadata, schema.request_content, schema.usage_hour, schema.usage_day,
    schema.usage_metadata,
)  # fmt: skip
ENTRIES = [
    *[entry(NOON + n * MINUTE * 5, metadata={"team": f"t{n % 3}"}, latency=n * 20_000) for n in range(50)],
    entry(NOON, status=500, error="x", amount=None, retries=1, is_fallback=True, key_id="k", cache="MISS"),
    entry(NOON, first_token=7, retries=2, is_fallback=True, workspace_id="w", details={"a": [1]}, is_stream=True),
    entry(NOON, first_token=0, retries=1, model=None, content=packed(StoredContent(request="r"))),
    entry(NOON, model="m" * 600, path="\x00\ud800", amount=1 << 70, saved=1 << 70),
]


ALIKE = [
    entry(NOON + n * MINUTE, latency=n * 1000, first_token=n, is_stream=True, trace_id=f"t{n}") for n in range(200)
]
"""Rows that differ in what they have of their own, over four hours."""


def alike(several: Sequence[LogEntry], size: int) -> list[AlikeEntries]:
    """Rows as some at a time share what they have in common."""
    own = [tuple(getattr(each, name) for name in OWN) for each in several]
    plain = {name: getattr(LogEntry(0, ""), name) for name in OWN}
    common = msgspec.structs.replace(several[0], **plain)
    return [AlikeEntries(own[first : first + size], common) for first in range(0, len(own), size)]


async def tables_of(address: str, *batches: Sequence[LogEntry | AlikeEntries], **how: Any) -> dict[str, list[Any]]:
    """The tables when all batches are written."""
    database, writer = Database(address), LogWriter()
    try:
        await make_tables(database)
        await bootstrap(database)
        for batch in batches:
            await writer.write(database, batch, **how)
        return await tables_in(database)
    finally:
        await database.close()


async def written(address: str, *, is_repeated: bool = False) -> dict[str, list[Any]]:
    database, writer = Database(address), LogWriter()
    try:
        await make_tables(database)
        await bootstrap(database)
        await writer.write(database, ENTRIES[:20])
        await writer.write(database, ENTRIES[0 if is_repeated else 20 :], is_repeated=is_repeated)
        return await tables_in(database)
    finally:
        await database.close()


async def tables_in(database: Database) -> dict[str, list[Any]]:
    """The rows of all tables, but for the default workspace's id."""
    async with database.read() as connection:
        default = (await connection.execute(sa.select(schema.workspace.c.id))).scalar_one()
        return {
            table.name: [
                tuple("default" if value == default else value for value in row)
                for row in await connection.execute(sa.select(table).order_by(*table.primary_key))
            ]
            for table in TABLES
        }


def test_the_members_of_a_row_are_its_columns() -> None:
    *members, _ = LogEntry.__struct_fields__
    *columns, _ = [column.name for column in schema.request_log.c]
    assert members == columns


async def test_a_file_and_a_database_in_memory_hold_the_same(tmp_path: Path) -> None:
    in_file = await written(file_address(tmp_path / "db"))
    assert in_file == await written(MEMORY)
    assert len(in_file["request_log"]) == len(ENTRIES)
    assert len(in_file["request_content"]) == 1


async def test_a_batch_that_comes_again_is_counted_once(tmp_path: Path) -> None:
    once = await written(file_address(tmp_path / "once"))
    assert await written(file_address(tmp_path / "again"), is_repeated=True) == once


@pytest.mark.parametrize("is_in_memory", [False, True], ids=["file", "memory"])
async def test_rows_that_share_most_values_are_the_rows_that_each_would_be(tmp_path: Path, is_in_memory: bool) -> None:
    """In one batch and in several, in rows that fill a statement and in the rest, beside others, and as they come back
    from the spool: each with a common row of its own."""
    once = await tables_of(file_address(tmp_path / "once"), [*ALIKE, *ENTRIES])
    decoder = msgspec.msgpack.Decoder(AlikeEntries)
    mixed: list[LogEntry | AlikeEntries] = [*ENTRIES[:20], *alike(ALIKE[:150], 16), *ENTRIES[20:]]
    read = [decoder.decode(msgspec.msgpack.encode(each)) for each in alike(ALIKE[150:], 7)]
    address = MEMORY if is_in_memory else file_address(tmp_path / "db")
    assert await tables_of(address, mixed, read) == once
    assert len(once["request_log"]) == len(ALIKE) + len(ENTRIES)


async def test_alike_rows_that_come_again_are_counted_once(tmp_path: Path) -> None:
    once = await tables_of(file_address(tmp_path / "once"), ALIKE)
    batches = [alike(ALIKE[:90], 16), alike(ALIKE, 16)]
    assert await tables_of(file_address(tmp_path / "again"), *batches, is_repeated=True) == once


@pytest.mark.parametrize(
    "odd",
    [
        {"trace_id": "\x00\ud800"}, {"trace_id": "t" * 600}, {"amount": 1 << 70}, {"saved": 1 << 70},
        {"model": "m" * 600}, {"path": "\x00"},
    ],
)  # fmt: skip
async def test_what_a_database_does_not_take_of_alike_rows_is_made_so(tmp_path: Path, odd: dict[str, Any]) -> None:
    several = [*ALIKE[:70], *[msgspec.structs.replace(each, **odd) for each in ALIKE[70:80]]]
    once = await tables_of(file_address(tmp_path / "once"), several)
    batch: list[LogEntry | AlikeEntries] = [*alike(several[:70], 16), *alike(several[70:], 16)]
    assert await tables_of(file_address(tmp_path / "db"), batch) == once


async def test_sums_are_those_of_the_rows(tmp_path: Path) -> None:
    tables = await written(file_address(tmp_path / "db"))
    names = [column.name for column in schema.usage_hour.c]
    hours = [dict(zip(names, row, strict=True)) for row in tables["usage_hour"]]
    plain = [each for each in hours if each["workspace_id"] == "default" and each["model"] == "m" and not each["cache"]]
    assert sum(each["requests"] for each in hours) == len(ENTRIES)
    assert [each["requests"] for each in plain] == [12, 12, 12, 12, 2]
    assert sum(each["latency"] for each in plain) == sum(n * 20_000 for n in range(50))
    assert sum(each["latency_00"] for each in plain) == 1
    (failed,) = [each for each in hours if each["status"] == 500]
    assert (failed["errors"], failed["retried"], failed["fallbacks"], failed["amount"]) == (1, 0, 0, 0)
    (streamed,) = [each for each in hours if each["workspace_id"] == "w"]
    assert (streamed["first_token"], streamed["first_tokens"], streamed["retried"], streamed["fallbacks"]) == (
        7,
        1,
        1,
        1,
    )
