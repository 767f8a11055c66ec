"""Writes rows of the request log and adds them up by hour and day, in one transaction: a row that is kept is counted,
and a row that is there already is neither kept nor counted again."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.core.json_text import write_json
from penstock.stores.sql.database import Database
from penstock.stores.sql.ledger import column_text
from penstock.stores.sql.repeated import AT_ONCE, RepeatedStatement, Row, Rows, SharedRows, write_rows
from penstock.stores.sql.request_log.entry import (
    OWN,
    OWN_PLACES,
    AlikeEntries,
    Entries,
    LogEntry,
    OwnValues,
    one_by_one,
)
from penstock.stores.sql.request_log.partitions import Partitions
from penstock.stores.sql.request_log.usage import Sums
from penstock.stores.sql.schema import log_metadata, request_content, request_log, workspace
from penstock.stores.sql.shared_values import whole_rows

_MOST_NAMES: Final = 20
"""Members of a request's metadata by which its row is found."""
_LONGEST: Final = 512
"""Characters of a text that an index holds: callers choose some of them. PostgreSQL's indexes end at 2,700 bytes."""
_LARGEST: Final = (1 << 63) - 1
_HANDFUL: Final = 100
"""Requests whose rows are made ready in one turn of the event loop: some 100 microseconds."""
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

    async def write(self, database: Database, entries: Sequence[Entries], *, is_repeated: bool = False) -> None:
        """Add rows. ``is_repeated``: some of them may be there already. Raises DatabaseError."""
        if not entries:
            return
        if not self._workspace:
            self._workspace = await _default_workspace(database)
        if database.has_writer and not is_repeated:
            await write_rows(database, await self._rows(entries))
            return
        singles = one_by_one(entries)
        await self._partitions.make(database, [entry.at for entry in singles])
        async with database.write() as connection:
            if is_repeated:
                known = await _present(connection, singles)
                singles = [entry for entry in singles if entry.id not in known]
            for each in await self._rows(singles):
                await each.run(connection)

    async def _rows(self, entries: Sequence[Entries]) -> list[Rows | SharedRows]:
        """The rows of all tables."""
        batch = _Batch(self._workspace)
        singles = [each for each in entries if isinstance(each, LogEntry)]
        alike = [each for each in entries if not isinstance(each, LogEntry)]
        if _are_own_clean([own for each in alike for own in each.own]):
            singles += one_by_one([each for each in alike if not batch.add_alike(each)])
        else:
            singles += one_by_one(alike)
        for first in range(0, len(singles), _HANDFUL):
            batch.add(singles[first : first + _HANDFUL])
            await asyncio.sleep(0)
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
        self._alike: dict[bytes, _Alike] = {}
        """Rows that share most values, by these."""
        self._alike_of: dict[int, _Alike] = {}
        """… and by the identity of the row that tells them, which is mostly the same one."""
        self._sums = Sums()

    def add(self, entries: Sequence[LogEntry]) -> None:
        """Add some requests. What most of them don't have is looked for in all of them at once."""
        columns = list(zip(*map(msgspec.structs.astuple, entries), strict=True))
        if not _are_clean(columns):
            entries = list(map(_clean, entries))
            columns = list(zip(*map(msgspec.structs.astuple, entries), strict=True))
        contents, metadata = columns[_CONTENT], columns[_METADATA]
        columns[_WORKSPACE] = tuple([each or self._workspace for each in columns[_WORKSPACE]])
        columns[_METADATA] = tuple([_json(each) if each else "{}" for each in metadata])
        columns[_CONTENT] = tuple([each is not None for each in contents])
        rows = list(zip(*columns, strict=True))
        self._rows += rows
        self._sums.add(rows)
        if any(contents):
            self._contents += [(each.at, each.id, each.content) for each in entries if each.content]
        if any(metadata):
            for entry, workspace in zip(entries, columns[_WORKSPACE], strict=True):
                members = _found_by(entry.metadata)
                self._members += [(workspace, name, value, entry.at, entry.id) for name, value in members.items()]
                self._sums.add_members(entry, workspace, members)

    def add_alike(self, entries: AlikeEntries) -> bool:
        """Add requests that share most columns, and whose own ones every database takes. False if it doesn't take what
        they share: they are not added then."""
        common, own = entries.common, entries.own
        alike = self._alike_of.get(id(common))
        if alike is None:
            key = _KEYS.encode(common)
            alike = self._alike.get(key) or _Alike(common, self._workspace)
            self._alike[key] = self._alike_of[id(common)] = alike
        alike.own += own if alike.is_clean else ()
        return alike.is_clean

    def rows(self) -> list[Rows | SharedRows]:
        """The rows of all tables, and what is added to those of sums."""
        several: list[SharedRows] = []
        for alike in self._alike.values():
            shared, own = alike.shared, alike.own
            whole = len(own) // AT_ONCE * AT_ONCE
            if whole:
                several.append(SharedRows(_LOG, own[:whole], shared, OWN_PLACES))
                self._sums.add_shared(shared, own[:whole])
            # What does not fill a statement fills one together with rows of other kinds.
            rest = whole_rows(shared, OWN_PLACES, own[whole:])
            self._rows += rest
            self._sums.add(rest)
        rows = [Rows(_LOG, self._rows), Rows(_MEMBERS, self._members), Rows(_CONTENTS, self._contents)]
        return [*several, *rows, *self._sums.rows()]


class _Alike:
    """Rows that share most columns: the values of all columns, of which those at ``OWN_PLACES`` are each row's own."""

    def __init__(self, common: LogEntry, workspace: str) -> None:
        self.common = common  # as long as it is kept, its identity is no other's
        values = msgspec.structs.astuple(common)
        self.is_clean = _are_clean([(value,) for value in values])
        row = list(values)
        row[_WORKSPACE], row[_METADATA], row[_CONTENT] = common.workspace_id or workspace, "{}", False
        self.shared: Row = tuple(row)
        self.own: list[Row] = []


def _plain_insert(table: sa.Table) -> RepeatedStatement:
    return RepeatedStatement([column.name for column in table.c], lambda insert: insert(table))


_WORKSPACE, _METADATA, _CONTENT, _AMOUNT, _SAVED = map(
    LogEntry.__struct_fields__.index, ("workspace_id", "metadata", "content", "amount", "saved")
)
_TEXT_COLUMNS: Final = [LogEntry.__struct_fields__.index(name) for name in _TEXTS]
_LOG: Final = _plain_insert(request_log)
_MEMBERS: Final = _plain_insert(log_metadata)
_CONTENTS: Final = _plain_insert(request_content)
_KEYS: Final = msgspec.msgpack.Encoder()


async def _present(connection: AsyncConnection, entries: Sequence[LogEntry]) -> set[str]:
    """The ids that the table holds already."""
    moments = [entry.at for entry in entries]
    query = sa.select(request_log.c.id).where(
        request_log.c.at.between(min(moments), max(moments)), request_log.c.id.in_([entry.id for entry in entries])
    )
    return set((await connection.execute(query)).scalars())


def _are_clean(columns: Sequence[Sequence[Any]]) -> bool:
    """Whether every database takes all texts and amounts of some rows, and no text that may be long is."""
    # Rows have most of their texts in common.
    texts = set().union(*[columns[each] for each in _TEXT_COLUMNS])
    texts.discard(None)
    together = "".join(texts)
    if column_text(together) is not together or len(max(texts, key=len, default="")) > _LONGEST:
        return False
    return max(columns[_SAVED]) <= _LARGEST and max(filter(None, columns[_AMOUNT]), default=0) <= _LARGEST


def _are_own_clean(rows: Sequence[OwnValues]) -> bool:
    """The same of the columns that rows have of their own."""
    if not rows:
        return True
    columns = dict(zip(OWN, zip(*rows, strict=True), strict=True))
    traces: Sequence[str] = columns["trace_id"]
    together = "".join(traces)
    if column_text(together) is not together or len(max(traces, key=len)) > _LONGEST:
        return False
    return max(columns["saved"]) <= _LARGEST and max(filter(None, columns["amount"]), default=0) <= _LARGEST


def _clean(entry: LogEntry) -> LogEntry:
    """A row whose texts and amounts every database takes."""
    clean = {name: column_text(getattr(entry, name)) for name in _TEXTS}
    cut = {name: text[:_LONGEST] for name in _CUT if (text := clean[name]) is not None}
    entry = msgspec.structs.replace(entry, **{**clean, **cut})
    if entry.saved > _LARGEST or (entry.amount or 0) > _LARGEST:
        amount = None if entry.amount is None else min(entry.amount, _LARGEST)
        entry = msgspec.structs.replace(entry, amount=amount, saved=min(entry.saved, _LARGEST))
    return entry


def _json(value: Any) -> str:
    text = column_text(write_json(value).decode())
    return text if text is not None else "{}"


def _found_by(metadata: Mapping[str, str]) -> dict[str, str]:
    """The members of a request's metadata by which its row is found."""
    found: dict[str, str] = {}
    for name, value in islice(metadata.items(), _MOST_NAMES):
        found.setdefault((column_text(name) or "")[:_LONGEST], (column_text(value) or "")[:_LONGEST])
    return found
