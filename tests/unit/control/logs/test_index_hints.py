"""What each engine is told of indexes."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from penstock.control.logs.filters import LogFilter
from penstock.control.logs.index_hints import IS_TOLD_UNUSUAL, Unindexed
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
        (LogFilter(ranges={"amount": (5, None)}), "ix_request_log_cost (workspace_id=? AND <expr>>"),
        (LogFilter(texts={"key_id": ("k",)}, ranges={"amount": (5, None)}), "ix_request_log_key_id_at (key_id=?"),
    ],
)
def test_the_index_by_which_sqlite_finds_rows(wanted: LogFilter, index: str) -> None:
    engine = sa.create_engine("sqlite://")
    is_range = not wanted.texts
    wanted = msgspec.structs.replace(wanted, workspaces=("w",))
    query = sa.select(request_log.c.at).where(*wanted.conditions(request_log, by_range=is_range))
    query = query if is_range else query.order_by(request_log.c.at.desc())
    with engine.connect() as connection:
        request_log.create(connection)
        text = query.compile(connection, compile_kwargs={"literal_binds": True})
        plan = " ".join(row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}"))
    engine.dispose()
    assert index in plan
