"""What is added up of the request log: by hour and by day, and by day for each member of requests' metadata."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from operator import add, itemgetter
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.stores.sql.repeated import RepeatedStatement
from penstock.stores.sql.schema import total_day, total_hour, usage_day, usage_hour, usage_metadata
from penstock.stores.sql.schema.request_log import LATENCY_BOUNDS, LATENCY_COUNTS

HOUR: Final = 3_600_000_000
"""Microseconds."""
DAY: Final = 24 * HOUR
_BOUNDS: Final = [bound * 1000 for bound in LATENCY_BOUNDS]
_LAST: Final = "last_at"

Row = Mapping[str, Any]
Measures = tuple[int, ...]
"""What is added, in the order of ``_NAMES``; of the last one the largest is kept."""
Sums = dict[tuple[Any, ...], Measures]
"""Measures by the values of the primary key."""


async def add_up(connection: AsyncConnection, rows: Sequence[Row], members: Iterable[Row]) -> None:
    """Add rows of the request log, which were not added before, and those of their metadata."""
    measured = [(row, _measures(row)) for row in rows]
    hours: Sums = {}
    for row, measures in measured:
        at, workspace, gateway_key, provider, model, status, cache = _KEY(row)
        others = workspace, gateway_key or "", provider or "", model or "", status, cache or ""
        _merge(hours, (at // HOUR * HOUR, *others), measures)
    days: Sums = {}
    for (start, *rest), measures in hours.items():
        _merge(days, (start // DAY * DAY, *rest), measures)
    of_all_hours, of_all_days = _of_all(hours), _of_all(days)
    by_id = {row["id"]: (row, measures) for row, measures in measured}
    by_member: Sums = {}
    for member in members:
        row, measures = by_id[member["log_id"]]
        key = (row["workspace_id"], member["name"], row["at"] // DAY * DAY, member["value"])
        _merge(by_member, key, _OF_MEMBERS(measures))
    await _add(connection, usage_hour, hours)
    await _add(connection, usage_day, days)
    await _add(connection, total_hour, of_all_hours)
    await _add(connection, total_day, of_all_days)
    await _add(connection, usage_metadata, by_member)


def _of_all(sums: Sums) -> Sums:
    """The sums of all keys, providers, models and statuses together."""
    totals: Sums = {}
    for (start, workspace, *_, cache), measures in sums.items():
        _merge(totals, (start, workspace, cache), measures)
    return totals


def is_error(row: Row) -> bool:
    """Whether a request failed, in the eyes of its caller."""
    return bool(row["status"] >= 400)


_KEY: Final = itemgetter("at", "workspace_id", "key_id", "provider", "model", "status", "cache")
_NAMES: Final = (
    "requests", "errors", "input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens", "total_tokens",
    "amount", "saved", "latency", "first_token", "first_tokens", "retried", "fallbacks", *LATENCY_COUNTS, _LAST,
)  # fmt: skip
_MEMBERS_NAMES: Final = tuple(name for name in _NAMES if name in usage_metadata.c)
_OF_MEMBERS: Final = itemgetter(*map(_NAMES.index, _MEMBERS_NAMES))


def _measures(row: Row) -> Measures:
    first_token, is_good = row["first_token"], not is_error(row)
    latencies = [0] * len(LATENCY_COUNTS)
    latencies[bisect_left(_BOUNDS, row["latency"])] = 1
    return (
        1,
        int(not is_good),
        row["input_tokens"],
        row["output_tokens"],
        row["cached_tokens"],
        row["reasoning_tokens"],
        row["total_tokens"],
        row["amount"] or 0,
        row["saved"],
        row["latency"],
        first_token or 0,
        int(first_token is not None),
        int(row["retries"] > 0 and is_good),
        int(row["is_fallback"] and is_good),
        *latencies,
        row["at"],
    )


def _merge(sums: Sums, key: tuple[Any, ...], measures: Measures) -> None:
    before = sums.get(key)
    if before is None:
        sums[key] = measures
    else:
        *counts, _ = map(add, before, measures)
        sums[key] = (*counts, max(before[-1], measures[-1]))


async def _add(connection: AsyncConnection, table: sa.Table, sums: Sums) -> None:
    """Add to the rows of a table, in the order of its key: two workers that add to the same rows wait for each other,
    and never both."""
    statement, columns = _ADDED[table.name]
    rows = [dict(zip(columns, (*key, *measures), strict=True)) for key, measures in sorted(sums.items())]
    await statement.run(connection, rows)


def _statement(table: sa.Table, names: Sequence[str]) -> tuple[RepeatedStatement, tuple[str, ...]]:
    """The statement that adds to the rows of a table, and its columns: the key's, then ``names``."""
    key = [column.name for column in table.primary_key]

    def make(insert: Any) -> sa.Insert:
        new = insert(table)
        added = {name: table.c[name] + new.excluded[name] for name in names if name != _LAST}
        last, later = table.c[_LAST], new.excluded[_LAST]
        added[_LAST] = sa.case((last > later, last), else_=later)
        statement: sa.Insert = new.on_conflict_do_update(index_elements=key, set_=added)
        return statement

    return RepeatedStatement(make), (*key, *names)


_ADDED: Final = {
    usage_hour.name: _statement(usage_hour, _NAMES),
    usage_day.name: _statement(usage_day, _NAMES),
    total_hour.name: _statement(total_hour, _NAMES),
    total_day.name: _statement(total_day, _NAMES),
    usage_metadata.name: _statement(usage_metadata, _MEMBERS_NAMES),
}
