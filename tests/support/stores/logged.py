"""Rows of the request log, for the tests of what reads them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from penstock.stores.sql.database import Database
from penstock.stores.sql.ids import id_at
from penstock.stores.sql.request_log.entry import LogEntry
from penstock.stores.sql.request_log.request_log import LogWriter

NOON: Final = 1_790_000_000_000_000 // 3_600_000_000 * 3_600_000_000
"""The beginning of an hour of 2026, in microseconds since 1970."""
MINUTE: Final = 60_000_000


def entry(at: int = NOON, details: Mapping[str, Any] | None = None, **more: Any) -> LogEntry:
    """A row of a request that succeeded. ``details`` are the members of its JSON."""
    told: dict[str, Any] = {
        "trace_id": "t",
        "method": "POST",
        "path": "/v1/chat/completions",
        "status": 200,
        "latency": 150_000,
        "operation": "chat.completions",
        "provider": "openai",
        "model": "m",
        "attempts": 1,
        "input_tokens": 10,
        "output_tokens": 5,
        "total_tokens": 15,
        "amount": 20_000_000,
        **more,
    }
    return LogEntry(id=id_at(at), at=at, details=json.dumps(details or {}), **told)


async def write(database: Database, *entries: LogEntry, **how: Any) -> None:
    await LogWriter().write(database, entries, **how)


def by_member(items: list[Mapping[str, Any]], name: str) -> dict[Any, Mapping[str, Any]]:
    return {item[name]: item for item in items}
