"""Rows of a team and a key, of which there are many each. tests/contract/test_request_log.py has all filters."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest

from databases import make_tables
from logged import NOON, entry, write
from penstock.control.actor import CLI
from penstock.control.bootstrap import bootstrap
from penstock.control.logs import crossing, logs
from penstock.control.logs.crossing import Crossing, crossing_of
from penstock.control.logs.filter_reader import read_filter
from penstock.control.logs.filters import for_actor
from penstock.control.plane import ControlPlane
from penstock.stores.sql.database import MEMORY, Database
from penstock.stores.sql.keyring import parse_keyring

TEAM = json.dumps({"team": "a"})


@pytest.fixture
async def plane(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ControlPlane]:
    """Rows with their number as trace: every second of the key k, every third of the team a. At the newest moment one
    row has the key and another one the team."""
    monkeypatch.setattr(crossing, "FEW", 3)
    database = Database(MEMORY)
    try:
        await make_tables(database)
        await bootstrap(database)
        rows = [
            entry(
                NOON + number,
                trace_id=str(number),
                key_id="k" if number % 2 else "x",
                metadata={"team": "b" if number % 3 else "a", "stage": "live" if number % 5 else "test"},
            )
            for number in range(30)
        ]
        rows.append(entry(NOON + 40, trace_id="40", key_id="k", metadata={"team": "b"}))
        rows.append(entry(NOON + 40, trace_id="41", key_id="x", metadata={"team": "a"}))
        await write(database, *rows)
        yield ControlPlane(database, parse_keyring(""))
    finally:
        await database.close()


async def crossing_for(plane: ControlPlane, **query: str) -> Crossing | None:
    async with plane.database.read() as connection:
        return await crossing_of(connection, await for_actor(connection, CLI, read_filter(query)))


async def traces(plane: ControlPlane, **query: str) -> list[str]:
    """The traces of all pages."""
    found: list[str] = []
    while True:
        page = await logs.list_logs(plane, CLI, query)
        found += [row["trace_id"] for row in page["data"]]
        if not page["has_more"]:
            return found
        query["cursor"] = page["next_cursor"]


async def test_rows_of_a_team_and_a_key_are_found_page_by_page(plane: ControlPlane) -> None:
    assert await crossing_for(plane, metadata=TEAM, api_key_ids="k") is not None
    assert await traces(plane, metadata=TEAM, api_key_ids="k", page_size="2") == ["27", "21", "15", "9", "3"]
    counted = await logs.list_logs(plane, CLI, {"metadata": TEAM, "api_key_ids": "k", "count": "true"})
    assert counted["total"] == 5


async def test_what_else_is_asked_for_counts_too(plane: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> None:
    query = {"metadata": TEAM, "api_key_ids": "k", "page_size": "1", "total_units_max": "14"}
    assert await traces(plane, **query) == []
    monkeypatch.setattr(logs, "FEW", 2)
    assert await traces(plane, **{**query, "total_units_max": "15"}) == ["27", "21", "15", "9", "3"]


async def test_two_members_are_met_by_one_row(plane: ControlPlane) -> None:
    both = json.dumps({"team": "a", "stage": "test"})
    assert await traces(plane, metadata=both) == ["15", "0"]


async def test_the_rarest_condition_comes_first_and_one_of_few_rows_needs_no_other(plane: ControlPlane) -> None:
    found = await crossing_for(plane, metadata=TEAM, api_key_ids="k")
    assert found is not None
    assert [str(part.at) == "request_log.at" for part in found.parts] == [False, True]
    assert await crossing_for(plane, metadata=TEAM) is None
    assert await crossing_for(plane, metadata=TEAM, api_key_ids="k,x") is None
    assert await crossing_for(plane, metadata=TEAM, api_key_ids="none") is None
    assert await crossing_for(plane, metadata=json.dumps({"team": "c"}), api_key_ids="k") is None
