"""The ledger: one row for each attempt, with the tokens that it took and what they cost.

Rows are changed by repricing alone (reprice.py), which keeps what they said first.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.background import in_slices
from penstock.core.json_text import read_json_or_none, write_json
from penstock.core.storable_text import storable_text
from penstock.limits.limit import BucketKey
from penstock.stores.sql import schema
from penstock.stores.sql.database import Database
from penstock.stores.sql.ledger_entry import LOST, LedgerEntry
from penstock.stores.sql.repeated import RepeatedStatement, Row, Rows, write_rows

_DAY: Final = 86_400_000_000
_LARGEST: Final = (1 << 63) - 1
"""Nanodollars that a column holds."""


async def write_ledger(database: Database, entries: Sequence[LedgerEntry]) -> None:
    """Add entries in one transaction. An entry that is there already stays as it is; one of a lost reservation gives
    way to better news. Raises DatabaseError."""
    rows: list[Row] = []
    await in_slices(deque(entries), lambda entry: rows.append(_row(entry)))
    await write_rows(database, [Rows(_INSERT, rows)])


async def insert_new(connection: AsyncConnection, entries: Sequence[LedgerEntry]) -> None:
    """Add the entries that the ledger doesn't hold yet."""
    await _INSERT.run(connection, [_row(entry) for entry in entries])


def _new(insert: Any) -> sa.Insert:
    """An entry that is there already stays as it is, unless it is of a lost reservation, and news of it came after all:
    its budgets are corrected, too."""
    new = insert(schema.ledger)
    kept = {"request_id", "attempt"}
    news = {name: new.excluded[name] for name in _COLUMNS if name not in kept}
    lost: sa.ColumnClause[str] = sa.literal_column(f"'{LOST}'")
    is_news = new.excluded.error.is_distinct_from(lost)
    is_less = new.excluded.amount < schema.ledger.c.amount
    is_worse = sa.and_(schema.ledger.c.error == lost, sa.or_(is_news, is_less))
    statement: sa.Insert = new.on_conflict_do_update(index_elements=[*sorted(kept)], set_=news, where=is_worse)
    return statement


_COLUMNS: Final = (
    "request_id", "attempt", "at", "day", "workspace_id", "key_id", "key_name", "provider", "virtual_key", "config",
    "operation", "model", "trace_id", "input_tokens", "output_tokens", "cached_tokens", "cache_written_tokens",
    "cache_written_1h_tokens", "reasoning_tokens", "audio_input_tokens", "audio_output_tokens", "units", "amount",
    "price_version", "price_match", "is_estimated", "is_cached", "status", "error", "labels", "mode", "budgets",
    "region",
)  # fmt: skip
_INSERT: Final = RepeatedStatement(_COLUMNS, _new)


def column_text(text: str | None) -> str | None:
    """A text of a caller's or a provider's as every database holds it."""
    return None if text is None else storable_text(text)


@functools.lru_cache(1024)
def budgets_text(budgets: tuple[BucketKey, ...]) -> str:
    """Buckets of budgets as the ledger holds them: JSON. Requests of one key have the same for a whole window."""
    return write_json([(key.limit, key.value.hex(), key.epoch, key.window_start) for key in budgets]).decode()


def read_budgets(text: str | None) -> list[BucketKey] | None:
    """The buckets of a row; None for rows of earlier releases, which don't tell them."""
    rows = None if text is None else read_json_or_none(text.encode())
    if rows is None:
        return None
    return [BucketKey(limit, bytes.fromhex(value), epoch, start) for limit, value, epoch, start in rows]


def _row(entry: LedgerEntry) -> Row:
    """The values of ``_COLUMNS``."""
    usage = entry.usage
    return (
        entry.request_id,
        entry.attempt,
        entry.at,
        entry.at // _DAY,
        entry.workspace_id,
        entry.key_id,
        column_text(entry.key_name),
        column_text(entry.provider),
        column_text(entry.virtual_key),
        column_text(entry.config),
        column_text(entry.operation),
        column_text(entry.model),
        column_text(entry.trace_id),
        usage.prompt or 0,
        usage.completion or 0,
        usage.cached or 0,
        usage.cache_written or 0,
        usage.cache_written_1h or 0,
        usage.reasoning or 0,
        usage.audio_in or 0,
        usage.audio_out or 0,
        write_json(entry.units).decode() if entry.units else "{}",
        None if entry.nanos is None else min(entry.nanos, _LARGEST),
        entry.price_version,
        entry.price_match,
        entry.is_estimated,
        entry.is_cached,
        entry.status,
        column_text(entry.error),
        write_json(entry.labels).decode() if entry.labels else "{}",
        entry.mode,
        budgets_text(entry.budgets),
        column_text(entry.region),
    )
