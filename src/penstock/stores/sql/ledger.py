"""The ledger: one row for each attempt, with the tokens that it took and what they cost. Rows are never changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.core.usage import Usage
from penstock.stores.sql import schema
from penstock.stores.sql.database import Database
from penstock.stores.sql.ledger_entry import LedgerEntry

_DAY: Final = 86_400_000_000
_LOST: Final = "lost"


async def write_ledger(database: Database, entries: Sequence[LedgerEntry]) -> None:
    """Add entries in one transaction. An entry that is there already stays as it is. Raises DatabaseError."""
    async with database.write() as connection:
        await insert_new(connection, entries)


async def insert_new(connection: AsyncConnection, entries: Sequence[LedgerEntry]) -> None:
    """Add the entries that the ledger doesn't hold yet."""
    if not entries:
        return
    insert = upsert_of(connection)(schema.ledger)
    statement: sa.Insert = insert.on_conflict_do_nothing(index_elements=["request_id", "attempt"])
    await connection.execute(statement, [_row(entry) for entry in entries])


def upsert_of(connection: AsyncConnection) -> Any:
    """The ``insert`` of the connection's database, which knows what to do with a row that is there already."""
    return sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert


def lost_entry(reservation: tuple[str, int], nanos: int, now: int) -> LedgerEntry:
    """The entry of a reservation whose process was killed: what it had reserved is charged."""
    return LedgerEntry(*reservation, now, "", Usage(), nanos, is_estimated=True, error=_LOST)


def _row(entry: LedgerEntry) -> dict[str, Any]:
    usage = entry.usage
    return {
        "request_id": entry.request_id,
        "attempt": entry.attempt,
        "at": entry.at,
        "day": entry.at // _DAY,
        "workspace_id": entry.workspace_id,
        "key_id": entry.key_id,
        "key_name": entry.key_name,
        "provider": entry.provider,
        "virtual_key": entry.virtual_key,
        "config": entry.config,
        "operation": entry.operation,
        "model": entry.model,
        "trace_id": entry.trace_id,
        "input_tokens": usage.prompt or 0,
        "output_tokens": usage.completion or 0,
        "cached_tokens": usage.cached or 0,
        "cache_written_tokens": usage.cache_written or 0,
        "cache_written_1h_tokens": usage.cache_written_1h or 0,
        "reasoning_tokens": usage.reasoning or 0,
        "audio_input_tokens": usage.audio_in or 0,
        "audio_output_tokens": usage.audio_out or 0,
        "units": msgspec.json.encode(entry.units).decode(),
        "amount": entry.nanos,
        "price_version": entry.price_version,
        "price_match": entry.price_match,
        "is_estimated": entry.is_estimated,
        "is_cached": entry.is_cached,
        "status": entry.status,
        "error": entry.error,
        "labels": msgspec.json.encode(entry.labels).decode(),
    }
