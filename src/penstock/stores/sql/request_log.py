"""Writes rows of the request log and adds them up by hour and day, in one transaction: a row that is kept is counted,
and a row that is there already is neither kept nor counted again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.core.json_text import write_json
from penstock.stores.sql.database import Database
from penstock.stores.sql.ledger import column_text
from penstock.stores.sql.log_entry import LogEntry
from penstock.stores.sql.log_partitions import Partitions
from penstock.stores.sql.log_usage import add_up
from penstock.stores.sql.repeated import RepeatedStatement
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
Row = dict[str, Any]


class LogWriter:
    """Writes to one database. It remembers which partitions there are."""

    def __init__(self) -> None:
        self._partitions = Partitions()

    async def write(self, database: Database, entries: Sequence[LogEntry], *, is_repeated: bool = False) -> None:
        """Add rows. ``is_repeated``: some of them may be there already. Raises DatabaseError."""
        if not entries:
            return
        async with database.write() as connection:
            made = await self._partitions.make(connection, [entry.at for entry in entries])
            if is_repeated:
                known = await _present(connection, entries)
                entries = [entry for entry in entries if entry.id not in known]
            await _insert_all(connection, entries)
        self._partitions.made.update(made)


async def _insert_all(connection: AsyncConnection, entries: Sequence[LogEntry]) -> None:
    default = (await connection.execute(_DEFAULT_WORKSPACE)).scalar() or ""
    rows = [_row(entry, default) for entry in entries]
    await _LOG_ROWS.run(connection, rows)
    members = [each for row, entry in zip(rows, entries, strict=True) for each in _members(row, entry)]
    await _METADATA_ROWS.run(connection, members)
    contents = [{"at": entry.at, "log_id": entry.id, "body": entry.content} for entry in entries if entry.content]
    await _CONTENT_ROWS.run(connection, contents)
    await add_up(connection, rows, members)


_LOG_ROWS: Final = RepeatedStatement(lambda insert: insert(request_log))
_METADATA_ROWS: Final = RepeatedStatement(lambda insert: insert(log_metadata))
_CONTENT_ROWS: Final = RepeatedStatement(lambda insert: insert(request_content))
_DEFAULT_WORKSPACE: Final = sa.select(workspace.c.id).where(workspace.c.is_default)


async def _present(connection: AsyncConnection, entries: Sequence[LogEntry]) -> set[str]:
    """The ids that the table holds already."""
    moments = [entry.at for entry in entries]
    query = sa.select(request_log.c.id).where(
        request_log.c.at.between(min(moments), max(moments)), request_log.c.id.in_([entry.id for entry in entries])
    )
    return set((await connection.execute(query)).scalars())


def _row(entry: LogEntry, default_workspace: str) -> Row:
    row: Row = msgspec.structs.asdict(entry)
    texts = "".join(filter(None, map(row.get, _TEXTS)))
    if len(texts) > _LONGEST or column_text(texts) is not texts:  # the texts of hardly any request
        for name in _TEXTS:
            text = column_text(row[name])
            row[name] = text[:_LONGEST] if text is not None and name in _CUT else text
    row["workspace_id"] = entry.workspace_id or default_workspace
    row["amount"] = None if entry.amount is None else min(entry.amount, _LARGEST)
    row["saved"] = min(entry.saved, _LARGEST)
    row["metadata"] = _json(entry.metadata)
    row["details"] = _json(entry.details)
    row["has_content"] = row.pop("content") is not None
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
