"""What is added up of the request log: by hour and by day, and by day for each member of requests' metadata."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.stores.sql.ledger import upsert_of
from penstock.stores.sql.schema import usage_day, usage_hour, usage_metadata
from penstock.stores.sql.schema.request_log import LATENCY_BOUNDS, LATENCY_COUNTS

HOUR: Final = 3_600_000_000
"""Microseconds."""
DAY: Final = 24 * HOUR
_BOUNDS: Final = [bound * 1000 for bound in LATENCY_BOUNDS]
_HITS: Final = frozenset({"HIT", "REPLAYED"})

Row = Mapping[str, Any]
Sums = dict[tuple[Any, ...], dict[str, int]]
"""What is added, by the values of the primary key."""


async def add_up(connection: AsyncConnection, rows: Sequence[Row], members: Iterable[Row]) -> None:
    """Add rows of the request log, which were not added before, and those of their metadata."""
    by_id = {row["id"]: row for row in rows}
    await _add(connection, usage_hour, _by_time(rows, HOUR))
    await _add(connection, usage_day, _by_time(rows, DAY))
    await _add(connection, usage_metadata, _by_member(by_id, members))


def is_error(row: Row) -> bool:
    """Whether a request failed, in the eyes of its caller."""
    return bool(row["status"] >= 400)


def _by_time(rows: Iterable[Row], length: int) -> Sums:
    sums: Sums = {}
    for row in rows:
        key = (
            row["at"] // length * length,
            row["workspace_id"],
            row["key_id"] or "",
            row["provider"] or "",
            row["model"] or "",
            row["status"],
            row["cache"] or "",
        )
        _merge(sums.setdefault(key, {}), _measures(row))
    return sums


def _by_member(by_id: Mapping[str, Row], members: Iterable[Row]) -> Sums:
    sums: Sums = {}
    for member in members:
        row = by_id[member["log_id"]]
        key = (row["workspace_id"], member["name"], row["at"] // DAY * DAY, member["value"])
        measures = {name: value for name, value in _measures(row).items() if name in usage_metadata.c}
        _merge(sums.setdefault(key, {}), measures)
    return sums


def _measures(row: Row) -> dict[str, int]:
    first_token = row["first_token"]
    return {
        "requests": 1,
        "errors": int(is_error(row)),
        "input_tokens": row["input_tokens"],
        "output_tokens": row["output_tokens"],
        "cached_tokens": row["cached_tokens"],
        "reasoning_tokens": row["reasoning_tokens"],
        "total_tokens": row["total_tokens"],
        "amount": row["amount"] or 0,
        "saved": row["saved"],
        "latency": row["latency"],
        "first_token": first_token or 0,
        "first_tokens": int(first_token is not None),
        "retried": int(row["retries"] > 0 and not is_error(row)),
        "fallbacks": int(row["is_fallback"] and not is_error(row)),
        **dict.fromkeys(LATENCY_COUNTS, 0),
        LATENCY_COUNTS[bisect_left(_BOUNDS, row["latency"])]: 1,
        "last_at": row["at"],
    }


def _merge(sums: dict[str, int], measures: Mapping[str, int]) -> None:
    for name, value in measures.items():
        before = sums.get(name, 0)
        sums[name] = max(before, value) if name == "last_at" else before + value


async def _add(connection: AsyncConnection, table: sa.Table, sums: Sums) -> None:
    """Add to the rows of a table, in the order of its key: two workers that add to the same rows wait for each other,
    and never both."""
    if not sums:
        return
    key = [column.name for column in table.primary_key]
    insert = upsert_of(connection)(table)
    measures = [column.name for column in table.c if column.name not in key]
    added = {name: table.c[name] + insert.excluded[name] for name in measures if name != "last_at"}
    last, later = table.c.last_at, insert.excluded.last_at
    added["last_at"] = sa.case((last > later, last), else_=later)
    statement = insert.on_conflict_do_update(index_elements=key, set_=added)
    rows = [{**dict(zip(key, values, strict=True)), **measured} for values, measured in sorted(sums.items())]
    await connection.execute(statement, rows)
