"""What each engine is told of indexes."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from penstock.control.logs.filters import LogFilter
from penstock.control.logs.index_hints import IS_TOLD_UNUSUAL, Unindexed
from penstock.stores.sql.schema import request_log


def as_text(clause: sa.ColumnElement[bool], *, is_sqlite: bool) -> str:
    dialect: sa.Dialect = sqlite.dialect() if is_sqlite else postgresql.dialect()  # type: ignore[no-untyped-call]
    return str(clause.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))


def test_a_column_is_hidden_from_the_indexes_of_sqlite_alone() -> None:
    clause = Unindexed(request_log.c.amount) >= 5
    assert as_text(clause, is_sqlite=True) == "(+ request_log.amount) >= 5"
    assert as_text(clause, is_sqlite=False) == "(request_log.amount) >= 5"


def test_only_sqlite_is_told_what_follows_from_the_rest() -> None:
    assert as_text(IS_TOLD_UNUSUAL, is_sqlite=True) == "status <> 200"
    assert as_text(IS_TOLD_UNUSUAL, is_sqlite=False) == "true"


def test_a_filter_of_a_key_and_a_cost_lets_postgresql_see_each_column() -> None:
    wanted = LogFilter(texts={"key_id": ("k",)}, ranges={"amount": (1, None)}, workspaces=("w",))
    clause = sa.and_(*wanted.conditions(request_log))
    assert as_text(clause, is_sqlite=True).count("(+ ") == 2
    assert "+" not in as_text(clause, is_sqlite=False)
