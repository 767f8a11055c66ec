"""What each engine is told of indexes."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from databases import fresh_address, make_tables
from logged import MINUTE, NOON, entry, write
from penstock.control import timestamps
from penstock.control.actor import CLI
from penstock.control.analytics import groups
from penstock.control.bootstrap import bootstrap
from penstock.control.logs import candidates, logs, narrowing
from penstock.control.logs.filters import LogFilter
from penstock.control.pages import Page
from penstock.control.plane import ControlPlane
from penstock.stores.sql.database import MEMORY, Database
from penstock.stores.sql.index_hints import IS_TOLD_UNUSUAL, Unindexed, read_by_index, read_serially
from penstock.stores.sql.keyring import parse_keyring
from penstock.stores.sql.request_log.usage import DAY
from penstock.stores.sql.schema import request_log


def as_text(clause: sa.ColumnElement[Any], *, is_sqlite: bool) -> str:
    dialect: sa.Dialect = sqlite.dialect() if is_sqlite else postgresql.dialect()  # type: ignore[no-untyped-call]
    return str(clause.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))


def test_a_column_is_hidden_from_the_indexes_of_sqlite_alone() -> None:
    clause = Unindexed(request_log.c.amount) >= 5
    assert as_text(clause, is_sqlite=True) == "(+ request_log.amount) >= 5"
    assert as_text(clause, is_sqlite=False) == "(request_log.amount) >= 5"


def test_only_sqlite_is_told_what_follows_from_the_rest() -> None:
    clause = sa.and_(request_log.c.status >= 500, IS_TOLD_UNUSUAL)
    assert as_text(clause, is_sqlite=True) == "request_log.status >= 500 AND status <> 200"
    assert as_text(clause, is_sqlite=False) == "request_log.status >= 500 AND true"


@pytest.fixture(params=["memory", "postgres"])
def address(request: pytest.FixtureRequest) -> str:
    return fresh_address(request)


@pytest.mark.parametrize(
    ("tell", "setting", "value"),
    [(read_by_index, "enable_seqscan", "off"), (read_serially, "max_parallel_workers_per_gather", "0")],
)
async def test_what_postgresql_is_told_holds_until_the_transaction_ends(
    address: str, tell: Callable[[AsyncConnection], Awaitable[None]], setting: str, value: str
) -> None:
    database = Database(address)
    query = sa.text(f"SELECT current_setting('{setting}')")
    try:
        async with database.read() as connection:
            await tell(connection)
            if not database.is_sqlite:
                assert (await connection.execute(query)).scalar() == value
        if not database.is_sqlite:
            async with database.read() as connection:
                assert (await connection.execute(query)).scalar() != value
    finally:
        await database.close()


def test_a_filter_of_a_key_and_a_cost_lets_postgresql_see_each_column() -> None:
    wanted = LogFilter(texts={"key_id": ("k",)}, ranges={"amount": (1, None)}, workspaces=("w",))
    clause = sa.and_(*wanted.conditions(request_log))
    assert as_text(clause, is_sqlite=True).count("(+ ") == 2
    assert "+" not in as_text(clause, is_sqlite=False)


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (LogFilter(statuses=((500, 599),)), "ix_request_log_workspace_id_status_at (workspace_id=? AND status>"),
        (LogFilter(is_success=False), "ix_request_log_workspace_id_status_at (workspace_id=? AND status>"),
        (LogFilter(ranges={"amount": (5, None)}), "ix_request_log_cost (workspace_id=? AND <expr>=?"),
        (
            LogFilter(ranges={"amount": (5, None)}, since=1, until=2),
            "COVERING INDEX ix_request_log_cost (workspace_id=? AND <expr>=? AND at>? AND at<?)",
        ),
        (LogFilter(texts={"key_id": ("k",)}, ranges={"amount": (5, None)}), "ix_request_log_key_id_at (key_id=?"),
    ],
)
def test_the_index_by_which_sqlite_finds_rows(wanted: LogFilter, index: str) -> None:
    engine = sa.create_engine("sqlite://")
    is_range = not wanted.texts
    wanted = msgspec.structs.replace(wanted, workspaces=("w",))
    query = sa.select(request_log.c.at).where(
        *wanted.conditions(request_log, by_range=is_range), *wanted.within(request_log.c.at)
    )
    query = query if is_range else query.order_by(request_log.c.at.desc())
    with engine.connect() as connection:
        request_log.create(connection)
        text = query.compile(connection, compile_kwargs={"literal_binds": True})
        plan = " ".join(row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}"))
    engine.dispose()
    assert index in plan


async def plans_of(ask: Callable[[ControlPlane], Awaitable[Any]], table: str) -> str:
    """How SQLite finds rows of a table where something is asked of a few requests, in a line for each statement."""
    database = Database(MEMORY)
    statements: list[tuple[str, Any]] = []
    try:
        await make_tables(database)
        await bootstrap(database)
        several = [entry(NOON + number * DAY, status=500 - number * 250, provider="p") for number in range(3)]
        await write(database, *several, entry(NOON, provider="p", metadata={"_user": "u"}))

        def note(_: Any, __: Any, statement: str, parameters: Any, *more: Any) -> None:
            statements.append((statement, parameters))

        sa.event.listen(database.engine.sync_engine, "before_cursor_execute", note)
        await ask(ControlPlane(database, parse_keyring("")))
        sa.event.remove(database.engine.sync_engine, "before_cursor_execute", note)
        async with database.read() as connection:
            explained = [
                await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {each}", parameters)
                for each, parameters in statements
                if f"FROM {table}" in each
            ]
            plans = [" ".join(str(row.detail) for row in plan) for plan in explained]
    finally:
        await database.close()
    return "\n".join(plans)


TWO_DAYS = {
    "time_of_generation_min": timestamps.as_text(NOON - DAY),
    "time_of_generation_max": timestamps.as_text(NOON + MINUTE),
}


async def test_failures_of_a_time_and_a_provider_are_found_by_their_status(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "FEW", -1)
    query = {**TWO_DAYS, "providers": "p", "is_success": "false"}
    plans = await plans_of(lambda plane: logs.list_logs(plane, CLI, query), "request_log")
    assert "ix_request_log_workspace_id_status_at" in plans
    assert "ix_request_log_workspace_id_at " not in plans


async def test_failures_whose_rows_have_to_be_read_are_found_by_their_status(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there are: in the order of their time all others would be read, too."""
    monkeypatch.setattr(candidates, "FEW", -1)
    query = {"is_success": "false", "virtual_keys": "v"}
    plans = await plans_of(lambda plane: logs.list_logs(plane, CLI, query), "request_log")
    assert "ix_request_log_workspace_id_status_at" in plans
    assert "ix_request_log_workspace_id_at " not in plans


async def test_few_rows_of_several_models_are_found_by_their_models() -> None:
    query = {"metadata": '{"_user": "u"}', "models": "x,y"}
    plans = await plans_of(lambda plane: logs.list_logs(plane, CLI, query), "request_log")
    assert plans.count("ix_request_log_workspace_id_model_at (workspace_id=? AND model=?)") == 2  # counted, and read
    assert "ix_request_log_workspace_id_at " not in plans


async def test_the_piece_of_feedback_on_a_row_is_found_by_its_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(narrowing, "FEW", -1)
    plans = await plans_of(lambda plane: logs.list_logs(plane, CLI, {"weighted_feedback_min": "1"}), "feedback")
    assert "SEARCH feedback USING INDEX ix_feedback_trace_id (trace_id=?)" in plans


async def test_feedback_that_is_not_kept_yet_is_found_first_and_requests_by_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ask = functools.partial(groups.group, actor=CLI, name="ai-models", query=TWO_DAYS, page=Page())
    plans = (await plans_of(ask, "feedback")).split("\n")
    assert "SEARCH feedback_value USING PRIMARY KEY (name=? AND created_at>? AND created_at<?)" in plans.pop(0)
    assert len(plans) == 2
    assert "SEARCH feedback USING INDEX ix_feedback_unmatched (created_at>? AND created_at<?)" in plans[0]
    assert "SEARCH request_log USING INDEX ix_request_log_trace_id (trace_id=?)" in plans[0]
    assert "SEARCH request_log USING INDEX sqlite_autoindex_request_log_1 (at>? AND at<?)" in plans[1]
    assert "SEARCH feedback USING INDEX ix_feedback_trace_id (trace_id=?)" in plans[1]


async def test_groups_by_user_read_the_days_that_are_asked_for() -> None:
    week = {**TWO_DAYS, "time_of_generation_min": timestamps.as_text(NOON - 6 * DAY)}
    plans = await plans_of(lambda plane: groups.by_member(plane, CLI, "_user", week, Page()), "usage_metadata")
    # All lines are ranked, and those of a page's users read again for the rest.
    ranked, measured = plans.split("\n")
    assert "SEARCH usage_metadata USING PRIMARY KEY (workspace_id=? AND name=? AND start=?)" in ranked
    assert "SEARCH usage_metadata USING PRIMARY KEY (workspace_id=? AND name=? AND start=? AND value=?)" in measured
    assert "ix_usage_metadata_workspace_id_name_value_start" not in plans


async def test_groups_by_user_read_the_rows_of_a_page_s_users_alone() -> None:
    ask = functools.partial(groups.by_member, actor=CLI, name="_user", query=TWO_DAYS, page=Page())
    ranked, measured, *_ = (await plans_of(ask, "log_metadata")).split("\n")
    assert "SEARCH log_metadata USING COVERING INDEX ix_log_metadata_at (at>? AND at<?)" in ranked
    assert "SEARCH request_log" not in ranked
    assert "SEARCH log_metadata USING PRIMARY KEY (workspace_id=? AND name=? AND value=? AND at>? AND at<?)" in measured
    assert "SEARCH request_log USING INDEX sqlite_autoindex_request_log_1 (at=? AND id=?)" in measured
