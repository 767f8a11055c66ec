"""Writes rows of the request log and adds them up by hour and day, in one transaction: a row that is kept is counted,
and a row that is there already is neither kept nor counted again."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from itertools import islice
from operator import attrgetter
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.background import in_slices
from penstock.core.json_text import write_json
from penstock.stores.sql.database import Database
from penstock.stores.sql.ledger import column_text
from penstock.stores.sql.repeated import RepeatedStatement, Row, Rows, write_rows
from penstock.stores.sql.request_log.entry import LogEntry
from penstock.stores.sql.request_log.partitions import Partitions
from penstock.stores.sql.request_log.usage import Sums
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


class LogWriter:
    """Writes to one database. It remembers which partitions there are, and the default workspace."""

    def __init__(self) -> None:
        self._partitions = Partitions()
        self._workspace = ""

    async def write(self, database: Database, entries: Sequence[LogEntry], *, is_repeated: bool = False) -> None:
        """Add rows. ``is_repeated``: some of them may be there already. Raises DatabaseError."""
        if not entries:
            return
        if not self._workspace:
            self._workspace = await _default_workspace(database)
        if database.has_writer and not is_repeated:
            await write_rows(database, await self._rows(entries))
            return
        async with database.write() as connection:
            made = await self._partitions.make(connection, [entry.at for entry in entries])
            if is_repeated:
                known = await _present(connection, entries)
                entries = [entry for entry in entries if entry.id not in known]
            for statement, rows in await self._rows(entries):
                await statement.run(connection, rows)
        self._partitions.made.update(made)

    async def _rows(self, entries: Sequence[LogEntry]) -> list[Rows]:
        """The rows of all tables."""
        batch = _Batch(self._workspace)
        await in_slices(deque(entries), batch.add)
        return batch.rows()


async def _default_workspace(database: Database) -> str:
    """The id of the default workspace, which is made with the tables and stays; empty where there is none."""
    async with database.read() as connection:
        query = sa.select(workspace.c.id).where(workspace.c.is_default)
        return (await connection.execute(query)).scalar() or ""


class _Batch:
    """The rows of some requests. ``workspace`` is that of the requests that tell none."""

    def __init__(self, workspace: str) -> None:
        self._workspace = workspace
        self._rows: list[Row] = []
        self._members: list[Row] = []
        self._contents: list[Row] = []
        self._sums = Sums()

    def add(self, entry: LogEntry) -> None:
        entry = _clean(entry)
        workspace, content = entry.workspace_id or self._workspace, entry.content
        metadata = entry.metadata and _found_by(entry.metadata)
        values = msgspec.structs.astuple(entry)
        row = (
            *values[:_WORKSPACE],
            workspace,
            *values[_WORKSPACE + 1 : _METADATA],
            _json(entry.metadata) if metadata else "{}",
            entry.details,
            content is not None,
        )
        self._rows.append(row)
        self._sums.add(row, metadata)
        for name, value in metadata.items():
            self._members.append((workspace, name, value, entry.at, entry.id))
        if content:
            self._contents.append((entry.at, entry.id, content))

    def rows(self) -> list[Rows]:
        """The rows of all tables, and what is added to those of sums."""
        rows = [Rows(_LOG, self._rows), Rows(_MEMBERS, self._members), Rows(_CONTENTS, self._contents)]
        return [*rows, *self._sums.rows()]


def _plain_insert(table: sa.Table) -> RepeatedStatement:
    return RepeatedStatement([column.name for column in table.c], lambda insert: insert(table))


_WORKSPACE: Final = LogEntry.__struct_fields__.index("workspace_id")
_METADATA: Final = LogEntry.__struct_fields__.index("metadata")
_LOG: Final = _plain_insert(request_log)
_MEMBERS: Final = _plain_insert(log_metadata)
_CONTENTS: Final = _plain_insert(request_content)


async def _present(connection: AsyncConnection, entries: Sequence[LogEntry]) -> set[str]:
    """The ids that the table holds already."""
    moments = [entry.at for entry in entries]
    query = sa.select(request_log.c.id).where(
        request_log.c.at.between(min(moments), max(moments)), request_log.c.id.in_([entry.id for entry in entries])
    )
    return set((await connection.execute(query)).scalars())


def _clean(entry: LogEntry) -> LogEntry:
    """A row whose texts and amounts every database takes."""
    texts = "".join(filter(None, _texts_of(entry)))
    if len(texts) > _LONGEST or column_text(texts) is not texts:  # the texts of hardly any request
        clean = {name: column_text(getattr(entry, name)) for name in _TEXTS}
        cut = {name: text[:_LONGEST] for name in _CUT if (text := clean[name]) is not None}
        entry = msgspec.structs.replace(entry, **{**clean, **cut})
    if entry.saved > _LARGEST or (entry.amount or 0) > _LARGEST:
        amount = None if entry.amount is None else min(entry.amount, _LARGEST)
        entry = msgspec.structs.replace(entry, amount=amount, saved=min(entry.saved, _LARGEST))
    return entry


_texts_of: Final = attrgetter(*_TEXTS)


def _json(value: Any) -> str:
    text = column_text(write_json(value).decode())
    return text if text is not None else "{}"


def _found_by(metadata: Mapping[str, str]) -> dict[str, str]:
    """The members of a request's metadata by which its row is found."""
    found: dict[str, str] = {}
    for name, value in islice(metadata.items(), _MOST_NAMES):
        found.setdefault((column_text(name) or "")[:_LONGEST], (column_text(value) or "")[:_LONGEST])
    return found
