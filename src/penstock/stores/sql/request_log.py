"""Writes rows of the request log and adds them up by hour and day, in one transaction: a row that is kept is counted,
and a row that is there already is neither kept nor counted again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.core.json_text import write_json
from penstock.stores.sql.database import Database
from penstock.stores.sql.ledger import column_text
from penstock.stores.sql.log_entry import LogEntry
from penstock.stores.sql.log_partitions import Partitions
from penstock.stores.sql.log_usage import add_up
from penstock.stores.sql.schema import log_metadata, request_content, request_log, workspace

_MOST_NAMES: Final = 20
"""Members of a request's metadata by which its row is found."""
_LONGEST: Final = 512
"""Characters of a text that an index holds: callers choose some of them. PostgreSQL's indexes end at 2,700 bytes."""
_LARGEST: Final = (1 << 63) - 1
_TEXTS: Final = (
    "key_id", "key_name", "trace_id", "span_id", "parent_span_id", "span_name", "method", "path", "operation",
    "provider", "model", "virtual_key", "config", "error", "message", "cache", "target",
)  # fmt: skip
_CUT: Final = frozenset({"trace_id", "path", "provider", "model", "virtual_key", "config"})
_PLAIN: Final = (
    "at", "id", "source", "status", "is_stream", "latency", "first_token", "upstream", "attempts", "retries",
    "is_fallback", "input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens", "total_tokens",
)  # fmt: skip

Row = dict[str, Any]


class LogWriter:
    """Writes to one database. It remembers which partitions there are, and the default workspace."""

    def __init__(self) -> None:
        self._partitions = Partitions()
        self._statements: dict[str, tuple[str, Sequence[str]]] = {}

    async def write(self, database: Database, entries: Sequence[LogEntry], *, is_repeated: bool = False) -> None:
        """Add rows. ``is_repeated``: some of them may be there already. Raises DatabaseError."""
        if not entries:
            return
        async with database.write() as connection:
            made = await self._partitions.make(connection, [entry.at for entry in entries])
            if is_repeated:
                known = await _present(connection, entries)
                entries = [entry for entry in entries if entry.id not in known]
            await self._insert_all(connection, entries)
        self._partitions.made.update(made)

    async def _insert_all(self, connection: AsyncConnection, entries: Sequence[LogEntry]) -> None:
        default = (await connection.execute(_DEFAULT_WORKSPACE)).scalar() or ""
        rows = [_row(entry, default) for entry in entries]
        await self._insert(connection, request_log, rows)
        members = [each for row, entry in zip(rows, entries, strict=True) for each in _members(row, entry)]
        await self._insert(connection, log_metadata, members)
        contents = [{"at": entry.at, "log_id": entry.id, "body": entry.content} for entry in entries if entry.content]
        await self._insert(connection, request_content, contents)
        await add_up(connection, rows, members)

    async def _insert(self, connection: AsyncConnection, table: sa.Table, rows: Sequence[Row]) -> None:
        """Insert rows with one statement that the driver repeats for values as they are."""
        if not rows:
            return
        statement, order = self._statements.get(table.name) or self._compile(connection, table, rows[0])
        await connection.exec_driver_sql(statement, [tuple([row[name] for name in order]) for row in rows])

    def _compile(self, connection: AsyncConnection, table: sa.Table, row: Row) -> tuple[str, Sequence[str]]:
        compiled = sa.insert(table).compile(dialect=connection.dialect, column_keys=list(row))
        made = compiled.string, getattr(compiled, "positiontup", None) or list(row)
        self._statements[table.name] = made
        return made


_DEFAULT_WORKSPACE: Final = sa.select(workspace.c.id).where(workspace.c.is_default)


async def _present(connection: AsyncConnection, entries: Sequence[LogEntry]) -> set[str]:
    """The ids that the table holds already."""
    moments = [entry.at for entry in entries]
    query = sa.select(request_log.c.id).where(
        request_log.c.at.between(min(moments), max(moments)), request_log.c.id.in_([entry.id for entry in entries])
    )
    return set((await connection.execute(query)).scalars())


def _row(entry: LogEntry, default_workspace: str) -> Row:
    row: Row = {name: getattr(entry, name) for name in _PLAIN}
    for name in _TEXTS:
        text = column_text(getattr(entry, name))
        row[name] = text[:_LONGEST] if text is not None and name in _CUT else text
    row["workspace_id"] = entry.workspace_id or default_workspace
    row["amount"] = None if entry.amount is None else min(entry.amount, _LARGEST)
    row["saved"] = min(entry.saved, _LARGEST)
    row["metadata"] = _json(entry.metadata)
    row["details"] = _json(entry.details)
    row["has_content"] = entry.content is not None
    return row


def _json(value: Any) -> str:
    text = column_text(write_json(value).decode())
    return text if text is not None else "{}"


def _members(row: Row, entry: LogEntry) -> Iterator[Row]:
    """The rows by which a request is found by its metadata."""
    common = {"workspace_id": row["workspace_id"], "at": entry.at, "log_id": entry.id}
    seen = set()
    for name, value in islice(entry.metadata.items(), _MOST_NAMES):
        cut = (column_text(name) or "")[:_LONGEST]
        if cut not in seen:
            seen.add(cut)
            yield {**common, "name": cut, "value": (column_text(value) or "")[:_LONGEST]}
