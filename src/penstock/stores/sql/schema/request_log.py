"""The request log and what is added up of it (docs/request-log.md).

Times are microseconds since 1970, durations microseconds, amounts nanodollars. On PostgreSQL the first three tables are
partitioned by month of ``at`` (stores/sql/request_log/partitions.py): so ``at`` stands in their primary keys, and the
id of a row, made at ``at``, says in which partition it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, Table, Text, TextClause, text

from penstock.stores.sql.schema.columns import changes, id_column, json_column, metadata

LATENCY_BOUNDS: Final = (10, 25, 50, 100, 200, 300, 500, 750, 1000, 1500, 2000, 3000, 5000, 10_000, 30_000)
"""Upper bounds in milliseconds of the counts in ``LATENCY_COUNTS``; the last count is of all that took longer."""
LATENCY_COUNTS: Final = tuple(f"latency_{number:02d}" for number in range(len(LATENCY_BOUNDS) + 1))
"""Names of the columns of a histogram of latencies."""

UNUSUAL_STATUS: Final = "status <> 200"
"""The rows that an index finds by their status, in SQL: hardly any of them, so that it costs hardly any row something.
A query says this, too, or it is not answered by the index."""
COST_CLASS: Final = (
    "(length(CAST(abs(amount) AS TEXT)) * 10 + CAST(substr(CAST(abs(amount) AS TEXT), 1, 1) AS INTEGER))"
)
"""How many digits an amount has, and the first of them, in SQL: 45 for 5,000 nanodollars, 44 for 4,999. It rises with
the amount; of one below 0 the sign is left out: PostgreSQL would refuse the row, and the step that makes the index.
Rows come into an index by class at a few places, into one by amount each at a place of its own: a page to be read,
logged and moved for each row (docs/performance.md#what-a-request-leaves-behind)."""


def cost_class(amount: int) -> int:
    """``COST_CLASS`` of an amount of 0 or more."""
    digits = str(amount)
    return len(digits) * 10 + int(digits[0])


def _partial(where: str, *parts: str | TextClause, name: str | None = None) -> Index:
    """An index of the rows for which a condition holds. PostgreSQL's is made by the steps alone, with the same one: its
    argument would load SQLAlchemy's dialect of it everywhere."""
    return Index(name, *parts, sqlite_where=text(where))


request_log: Final = Table(
    "request_log",
    metadata,
    Column("at", BigInteger, primary_key=True, nullable=False, autoincrement=False),
    Column("id", Text, primary_key=True, nullable=False),
    Column("workspace_id", Text, nullable=False),
    Column("key_id", Text),
    Column("key_name", Text),
    Column("trace_id", Text, nullable=False),
    Column("span_id", Text),
    Column("parent_span_id", Text),
    Column("span_name", Text),
    Column("source", Text, nullable=False),
    Column("method", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("operation", Text),
    Column("provider", Text),
    Column("model", Text),
    Column("virtual_key", Text),
    Column("config", Text),
    Column("status", Integer, nullable=False),
    Column("error", Text),
    Column("message", Text),
    Column("is_stream", Boolean, nullable=False),
    Column("cache", Text),
    Column("latency", BigInteger, nullable=False),
    Column("first_token", BigInteger),
    Column("upstream", BigInteger),
    Column("attempts", Integer, nullable=False),
    Column("retries", Integer, nullable=False),
    Column("is_fallback", Boolean, nullable=False),
    Column("target", Text),
    Column("input_tokens", BigInteger, nullable=False),
    Column("output_tokens", BigInteger, nullable=False),
    Column("cached_tokens", BigInteger, nullable=False),
    Column("reasoning_tokens", BigInteger, nullable=False),
    Column("total_tokens", BigInteger, nullable=False),
    Column("amount", BigInteger),
    Column("saved", BigInteger, nullable=False, server_default=text("0")),
    json_column("metadata", "{}"),
    json_column("details", "{}"),
    Column("has_content", Boolean, nullable=False),
    Index(None, "workspace_id", "at"),
    Index(None, "trace_id"),
    _partial("key_id IS NOT NULL", "key_id", "at"),
    _partial(UNUSUAL_STATUS, "workspace_id", "status", "at"),
    Index(None, "workspace_id", "model", "at"),
    Index(None, "workspace_id", "provider", "at"),
    _partial("amount IS NOT NULL", "workspace_id", text(COST_CLASS), "at", "amount", name="ix_request_log_cost"),
)
"""One row for each request. ``amount`` is NULL if the price is unknown; ``saved`` is what an answer from the cache
would have cost. ``details`` are the members of a row that nobody searches: its attempts, labels, dropped parameters."""

log_metadata: Final = Table(
    "log_metadata",
    metadata,
    Column("workspace_id", Text, primary_key=True, nullable=False),
    Column("name", Text, primary_key=True, nullable=False),
    Column("value", Text, primary_key=True, nullable=False),
    Column("at", BigInteger, primary_key=True, nullable=False, autoincrement=False),
    Column("log_id", Text, primary_key=True, nullable=False),
    Index(None, "at"),
    sqlite_with_rowid=False,
)
"""The metadata of requests, to search them by it: at most 20 members of each request."""

request_content: Final = Table(
    "request_content",
    metadata,
    Column("at", BigInteger, primary_key=True, nullable=False, autoincrement=False),
    Column("log_id", Text, primary_key=True, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
"""Headers and bodies of a request and its answer, compressed (stores/sql/request_log/stored_content.py)."""


MEASURES: Final = (
    "requests", "errors", "input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens", "total_tokens",
    "amount", "saved", "latency", "first_token", "first_tokens", "retried", "fallbacks", *LATENCY_COUNTS, "last_at",
)  # fmt: skip
"""What is added up, by the names of columns; of ``last_at`` the latest is kept."""
FEW_MEASURES: Final = ("requests", "errors", "total_tokens", "amount", "latency", "last_at")
"""What is added up of values that are many."""


def _measures(names: Sequence[str] = MEASURES) -> tuple[Column[Any], ...]:
    return tuple([Column(name, BigInteger, nullable=False) for name in names])


def _usage(name: str) -> Table:
    return Table(
        name,
        metadata,
        Column("start", BigInteger, primary_key=True, nullable=False, autoincrement=False),
        Column("workspace_id", Text, primary_key=True, nullable=False),
        Column("key_id", Text, primary_key=True, nullable=False),
        Column("provider", Text, primary_key=True, nullable=False),
        Column("model", Text, primary_key=True, nullable=False),
        Column("status", Integer, primary_key=True, nullable=False, autoincrement=False),
        Column("cache", Text, primary_key=True, nullable=False),
        *_measures(),
        sqlite_with_rowid=False,
    )


usage_hour: Final = _usage("usage_hour")
"""Requests by the hour that begins at ``start``. A text that a request lacks is empty here. ``first_tokens`` counts the
requests whose time to the first token is in ``first_token``."""
usage_day: Final = _usage("usage_day")
"""… and by the day."""


def _totals(name: str) -> Table:
    return Table(
        name,
        metadata,
        Column("start", BigInteger, primary_key=True, nullable=False, autoincrement=False),
        Column("workspace_id", Text, primary_key=True, nullable=False),
        Column("cache", Text, primary_key=True, nullable=False),
        *_measures(),
        sqlite_with_rowid=False,
    )


total_hour: Final = _totals("usage_total_hour")
"""The same of all keys, providers, models and statuses together: what is asked of a time and a workspace alone reads
few rows."""
total_day: Final = _totals("usage_total_day")
"""… and by the day."""

usage_metadata: Final = Table(
    "usage_metadata",
    metadata,
    Column("workspace_id", Text, primary_key=True, nullable=False),
    Column("name", Text, primary_key=True, nullable=False),
    Column("start", BigInteger, primary_key=True, nullable=False, autoincrement=False),
    Column("value", Text, primary_key=True, nullable=False),
    *_measures(FEW_MEASURES),
    Index(None, "start"),
    Index(None, "workspace_id", "name", "value", "start"),
    sqlite_with_rowid=False,
)
"""Requests by the day and by each member of their metadata; ``_user`` is the user."""

usage_user: Final = Table(
    "usage_user",
    metadata,
    Column("workspace_id", Text, primary_key=True, nullable=False),
    Column("length", BigInteger, primary_key=True, nullable=False, autoincrement=False),
    Column("start", BigInteger, primary_key=True, nullable=False, autoincrement=False),
    Column("value", Text, primary_key=True, nullable=False),
    *_measures(FEW_MEASURES),
    Index(None, "start"),
    sqlite_with_rowid=False,
)
"""Requests by user, in hours and weeks that are over: ``length`` is one of an hour, a week. Days are in
``usage_metadata``. Written by stores/sql/request_log/usage_users.py."""

user_count: Final = Table(
    "usage_user_count",
    metadata,
    Column("workspace_id", Text, primary_key=True, nullable=False),
    Column("length", BigInteger, primary_key=True, nullable=False, autoincrement=False),
    Column("start", BigInteger, primary_key=True, nullable=False, autoincrement=False),
    Column("users", BigInteger, nullable=False),
    Column("requests", BigInteger, nullable=False),
    Column("of_requests", BigInteger, nullable=False),
    Index(None, "start"),
    sqlite_with_rowid=False,
)
"""How many users an hour, a day, a week had, and the requests that name one. ``of_requests`` is how many requests there
were then, with a user or without: where there are more by now, the line is stale."""

log_export: Final = Table(
    "log_export",
    metadata,
    id_column(),
    Column("workspace_id", Text),
    Column("description", Text, nullable=False, server_default=text("''")),
    json_column("filters", "{}"),
    json_column("requested_data", "[]"),
    Column("format", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("total", BigInteger, nullable=False, server_default=text("0")),
    Column("secret", LargeBinary, nullable=False),
    *changes(),
    Index(None, "workspace_id", "created_at"),
)
"""A file of rows that can be fetched by a signed link. Without a workspace it is of all. ``secret`` signs its links."""
