"""What is kept of feedback. tests/contract/test_request_log.py compares it with looking it up, on every engine."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from databases import fresh_address, with_tables
from logged import NOON, entry, write
from penstock.control.bootstrap import bootstrap
from penstock.stores.sql.database import Database, file_address
from penstock.stores.sql.request_log import feedback_values
from penstock.stores.sql.request_log.feedback_values import as_value, match_feedback, stale_hours
from penstock.stores.sql.request_log.retention import Retention, delete_old
from penstock.stores.sql.request_log.usage import DAY, HOUR
from penstock.stores.sql.schema import feedback, feedback_hour, feedback_value, workspace
from penstock.stores.sql.sqlite_writer import Step


@pytest.fixture(params=["memory", "file"])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    async with with_tables(fresh_address(request, tmp_path)) as database:
        await bootstrap(database)
        yield database


@pytest.fixture
async def file(tmp_path: Path) -> AsyncIterator[Database]:
    async with with_tables(file_address(tmp_path / "penstock.db")) as database:
        await bootstrap(database)
        yield database


async def feel(database: Database, *traces: str) -> None:
    async with database.write() as connection:
        workspace_id = (await connection.execute(sa.select(workspace.c.id))).scalar_one()
        for number, trace in enumerate(traces):
            values = {"value": 2, "weight": 0.5, "created_at": NOON, "updated_at": NOON, "created_by": "test"}
            named = {"id": f"{trace}-{number}", "workspace_id": workspace_id, "trace_id": trace}
            await connection.execute(feedback.insert().values(**values, **named))


async def kept(database: Database, name: str) -> list[tuple[Any, ...]]:
    """The values of a name, with the piece, value times weight, and how long after noon its latest request came."""
    column = feedback_value.c
    query = sa.select(column.feedback_id, column.value, column.weighted, column.last_at - NOON)
    async with database.read() as connection:
        return sorted(map(tuple, await connection.execute(query.where(column.name == name))))


async def stale(database: Database) -> list[int]:
    async with database.read() as connection:
        return [hour.start - NOON for hour in await stale_hours(connection, None)]


async def test_a_value_is_kept_once_with_its_latest_request(database: Database) -> None:
    await write(database, *(entry(NOON + number, trace_id="t", metadata={"team": "a"}) for number in (1, 3, 2)))
    await feel(database, "t", "t", "unknown")
    assert await match_feedback(database, NOON) == 3
    for name, value in (("model", "m"), ("metadata.team", "a"), ("status", "200")):
        assert await kept(database, name) == [("t-0", value, 1.0, 3), ("t-1", value, 1.0, 3)]


async def test_a_request_that_comes_late_makes_its_hour_stale(database: Database) -> None:
    await write(database, entry(NOON, trace_id="t"), entry(NOON + HOUR, trace_id="x"))
    assert await stale(database) == [0, HOUR]
    await feel(database, "t")
    await match_feedback(database, NOON + HOUR + HOUR // 2)
    assert await stale(database) == [HOUR]
    await write(database, entry(NOON + 5, trace_id="t", model="late"))
    assert await stale(database) == [0, HOUR]
    await match_feedback(database, NOON + 3 * HOUR)
    assert await stale(database) == []
    assert await kept(database, "model") == [("t-0", "late", 1.0, 5), ("t-0", "m", 1.0, 0)]


@pytest.mark.parametrize("most", [1, 100])
async def test_many_pieces_are_kept_in_small_steps(
    database: Database, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feedback_values, "_VALUES", most)
    await write(database, *(entry(NOON + number, trace_id=f"t{number}") for number in range(60)))
    await feel(database, *(f"t{number}" for number in range(60)))
    assert await match_feedback(database, NOON) == 60
    await write(database, *(entry(NOON + number, trace_id=f"t{number}", model="late") for number in range(60)))
    assert await match_feedback(database, NOON + DAY) == 1
    assert len(await kept(database, "model")) == 120


async def test_a_request_that_comes_while_sqlite_reads_the_others_is_kept(
    file: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the reading of a piece's requests and the transaction in which it is matched."""
    await write(file, entry(NOON, trace_id="t", model="first", metadata={"team": "a"}))
    await feel(file, "t", "t")
    late = [
        entry(NOON + number, trace_id="t", model=model, metadata={"team": "b"})
        for number, model in ((1, "late"), (2, "first"))
    ]
    run = file.run

    async def run_late(step: Step[Any]) -> Any:
        monkeypatch.setattr(file, "run", run)
        await write(file, *late)
        return await run(step)

    monkeypatch.setattr(file, "run", run_late)
    await match_feedback(file, NOON)
    assert await kept(file, "model") == [
        (f"t-{number}", model, 1.0, last) for number in range(2) for model, last in (("first", 2), ("late", 1))
    ]
    assert {(value, last) for _, value, _, last in await kept(file, "metadata.team")} == {("a", 0), ("b", 2)}


async def test_pieces_that_another_process_keeps_or_deletes_meanwhile_are_left_to_it(
    file: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await write(file, entry(NOON, trace_id="t"))
    await feel(file, "t", "t", "t")
    run = file.run

    async def run_late(step: Step[Any]) -> Any:
        monkeypatch.setattr(file, "run", run)
        async with file.write() as connection:
            await connection.execute(feedback.update().where(feedback.c.id == "t-0").values(is_matched=True))
            await connection.execute(feedback.delete().where(feedback.c.id == "t-1"))
        return await run(step)

    monkeypatch.setattr(file, "run", run_late)
    await match_feedback(file, NOON)
    assert [id_ for id_, *_ in await kept(file, "model")] == ["t-2"]


async def test_no_step_of_sqlite_waits_for_the_event_loop(file: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A transaction of several waits keeps its lock for several turns of a loop that may be busy."""
    await write(file, entry(NOON, trace_id="t"))
    await feel(file, "t")
    with monkeypatch.context() as context:
        context.setattr(file, "write", None)
        assert await match_feedback(file, NOON) == 1
        assert await match_feedback(file, NOON + DAY) == 1
    assert await kept(file, "model") == [("t-0", "m", 1.0, 0)]
    assert await stale(file) == []


async def test_what_is_kept_goes_with_the_last_request_that_it_is_about(database: Database) -> None:
    await write(database, entry(NOON, trace_id="t", model="old"), entry(NOON + 5 * DAY, trace_id="t", model="new"))
    await feel(database, "t")
    await match_feedback(database, NOON + 6 * DAY)
    await delete_old(database, Retention(1, 1), NOON + 2 * DAY, pause=0)
    assert await kept(database, "model") == [("t-0", "new", 1.0, 5 * DAY)]
    assert await kept(database, "provider") == [("t-0", "openai", 1.0, 5 * DAY)]
    await delete_old(database, Retention(0, 0), NOON + 103 * DAY, pause=0)
    async with database.read() as connection:
        assert [hour.start for hour in await connection.execute(sa.select(feedback_hour))] == [NOON + 5 * DAY]
    assert await stale(database) == []


async def test_sqlite_finds_requests_of_few_pieces_by_trace_and_of_an_hour_by_time(
    file: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    statements: list[tuple[str, Any]] = []
    run = file.run

    def note(_: Any, __: Any, statement: str, parameters: Any, *more: Any) -> None:
        if "JOIN request_log" in statement:
            statements.append((statement, parameters))

    async def run_noted(step: Step[Any]) -> Any:
        def noted(connection: sqlite3.Connection) -> Any:
            connection.set_trace_callback(lambda statement: note(None, None, statement, ()))
            try:
                return step(connection)
            finally:
                connection.set_trace_callback(None)

        return await run(noted)

    async def plans(now: int) -> list[str]:
        statements.clear()
        sa.event.listen(file.engine.sync_engine, "before_cursor_execute", note)
        with monkeypatch.context() as context:
            context.setattr(file, "run", run_noted)
            await match_feedback(file, now)
        sa.event.remove(file.engine.sync_engine, "before_cursor_execute", note)
        async with file.read() as connection:
            found = [await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {each}", more) for each, more in statements]
            return [" ".join(row.detail for row in plan) for plan in found]

    await write(file, entry(NOON, trace_id="t", metadata={"team": "a"}))
    await feel(file, "t")
    looks = await plans(NOON)
    of_columns, of_members = looks[:2]
    late = "ix_request_log_trace_id (trace_id=?"  # under the lock: what came since, however many requests a trace has
    assert looks[2:] == [each.replace(late, f"{late} AND rowid>?") for each in looks[:2]]
    for plan in (of_columns, of_members):
        assert "SEARCH feedback USING INDEX sqlite_autoindex_feedback_1 (id=?)" in plan
        assert "SEARCH request_log USING INDEX ix_request_log_trace_id (trace_id=?)" in plan
    assert "SEARCH log_metadata USING COVERING INDEX ix_log_metadata_at (at=?" in of_members
    of_columns, of_members = await plans(NOON + DAY)
    for plan in (of_columns, of_members):
        assert "SEARCH request_log USING INDEX ix_request_log_workspace_id_at (workspace_id=? AND at>? AND" in plan
        assert "SEARCH feedback USING INDEX ix_feedback_trace_id (trace_id=?)" in plan
    assert "SEARCH log_metadata USING COVERING INDEX ix_log_metadata_at (at=?" in of_members


def test_a_value_that_is_not_there_is_empty() -> None:
    assert (as_value(None), as_value(200), as_value("m")) == ("", "200", "m")
