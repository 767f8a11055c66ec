"""The audit log: who changed what. Each row holds the hash of the row before it, and a head row that of the last.

A row stands in the transaction of its change. A row that was edited, taken away, added or moved is found by
``verify``. Source: docs/control-plane.md#audit-log.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.control.actor import Actor
from penstock.control.pages import Page, as_list, select
from penstock.control.redact import Fingerprint, redacted
from penstock.control.refusal import Problem, invalid
from penstock.control.timestamps import as_text
from penstock.core.json_text import write_json
from penstock.core.rfc3339 import unix_microseconds
from penstock.core.whole_number import whole_number
from penstock.stores.sql.database import Database
from penstock.stores.sql.schema import audit, audit_head, organisation

LARGEST_PAGE: Final = 100
_FIRST_HASH: Final = bytes(32)
_LONGEST: Final = 65_536
"""Characters of a body, and of the differences, that a row keeps."""
_COLUMNS: Final = tuple(column.name for column in audit.columns if column.name != "hash")
_BATCH: Final = 500


class Entry(msgspec.Struct, frozen=True):
    """What was done to one thing. ``before`` and ``after`` are its members, where they are told."""

    action: str
    resource_type: str
    resource_id: str
    workspace_id: str | None = None
    body: Any = None
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    status: int = 200


class Verdict(msgspec.Struct, frozen=True):
    """How many rows hold together, and the first thing that does not; None if all do."""

    rows: int
    problem: str | None


async def append(
    connection: AsyncConnection, actor: Actor, now: int, entries: Sequence[Entry], fingerprint: Fingerprint | None
) -> None:
    """Add rows to the log, in the transaction of the change that they tell of."""
    if not entries:
        return
    # The lock of the head lets one transaction after the other add rows.
    head = (await connection.execute(sa.select(audit_head).with_for_update())).one_or_none()
    if head is None:
        await connection.execute(audit_head.insert().values(id=1, seq=0, hash=_FIRST_HASH))
    seq, last = (0, _FIRST_HASH) if head is None else (head.seq, bytes(head.hash))
    for entry in entries:
        seq += 1
        row = _row(seq, last, actor, now, entry, fingerprint)
        last = _hash(row)
        await connection.execute(audit.insert().values(**row, hash=last))
    await connection.execute(audit_head.update().values(seq=seq, hash=last))


def _row(
    seq: int, last: bytes, actor: Actor, now: int, entry: Entry, fingerprint: Fingerprint | None
) -> dict[str, Any]:
    origin = actor.origin
    return {
        "seq": seq,
        "at": now,
        "actor_kind": actor.kind,
        "actor_id": actor.id,
        "workspace_id": entry.workspace_id or actor.workspace_id,
        "action": entry.action,
        "resource_type": entry.resource_type,
        "resource_id": entry.resource_id,
        "status": entry.status,
        "address": origin.address,
        "request_id": origin.request_id or None,
        "method": origin.method or None,
        "path": origin.path or None,
        "query": origin.query or None,
        "body": None if entry.body is None else _json(redacted(entry.body, fingerprint)),
        "changes": _changes(entry, fingerprint),
        "previous_hash": last,
    }


def _changes(entry: Entry, fingerprint: Fingerprint | None) -> str | None:
    """The members that differ, each before and after."""
    before, after = entry.before, entry.after
    if before is None and after is None:
        return None
    old, new = before or {}, after or {}
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    # Redaction goes by the names of members: each side is an object with these members.
    sides = {"before": old, "after": new}
    changes = {
        side: redacted({name: values.get(name) for name in names}, fingerprint) for side, values in sides.items()
    }
    return _json({name: {side: values[name] for side, values in changes.items()} for name in names})


def _json(value: Any) -> str:
    text = write_json(value).decode()
    return text if len(text) <= _LONGEST else write_json({"cut": text[:_LONGEST]}).decode()


def _hash(row: Mapping[str, Any]) -> bytes:
    """SHA-256 over the hash of the row before and the row itself, in the order of the columns."""
    values = [bytes(value).hex() if isinstance(value := row[name], bytes | memoryview) else value for name in _COLUMNS]
    return hashlib.sha256(msgspec.json.encode(values)).digest()


async def verify(database: Database) -> Verdict:
    """Whether every row of the log is the one that was written."""
    seq, last = 0, _FIRST_HASH
    async with database.read() as connection:
        while rows := list(await connection.execute(_after(seq))):
            for row in rows:
                problem = _problem(row, seq, last)
                if problem is not None:
                    return Verdict(seq, problem)
                seq, last = row.seq, bytes(row.hash)
        head = (await connection.execute(sa.select(audit_head))).one_or_none()
    if head is None:
        return Verdict(seq, "the head of the log is missing" if seq else None)
    if (head.seq, bytes(head.hash)) != (seq, last):
        return Verdict(seq, f"the log ends with row {seq}, its head says {head.seq}: rows are missing or were added")
    return Verdict(seq, None)


def _after(seq: int) -> sa.Select[Any]:
    return sa.select(audit).where(audit.c.seq > seq).order_by(audit.c.seq).limit(_BATCH)


def _problem(row: sa.Row[Any], seq: int, last: bytes) -> str | None:
    if row.seq != seq + 1:
        return f"row {seq + 1} is missing"
    if bytes(row.previous_hash) != last:
        return f"row {row.seq} does not follow the row before it"
    if bytes(row.hash) != _hash(row._asdict()):
        return f"row {row.seq} was changed"
    return None


_FILTERS: Final[dict[str, sa.Column[Any]]] = {
    "method": audit.c.method,
    "uri": audit.c.path,
    "request_id": audit.c.request_id,
    "user_id": audit.c.actor_id,
    "user_type": audit.c.actor_kind,
    "workspace_id": audit.c.workspace_id,
    "resource_type": audit.c.resource_type,
    "action": audit.c.action,
    "client_ip": audit.c.address,
}


async def list_rows(database: Database, query: Mapping[str, str], page: Page) -> dict[str, Any]:
    """The rows that match a query's filters, newest first. Raises Refusal."""
    async with database.read() as connection:
        id_ = (await connection.execute(sa.select(organisation.c.id))).scalar()
        total, rows = await select(connection, _matching(query), (audit.c.seq,), page)
    return as_list(total, [_shown(row, id_) for row in rows], "records")


def _matching(query: Mapping[str, str]) -> sa.Select[Any]:
    wanted = sa.select(audit)
    problems: list[Problem] = []
    for name, column in _FILTERS.items():
        if name in query:
            wanted = wanted.where(column == query[name])
    for name, comparison in (("start_time", audit.c.at.__ge__), ("end_time", audit.c.at.__le__)):
        if name in query:
            try:
                wanted = wanted.where(comparison(unix_microseconds(query[name])))
            except ValueError as problem:
                problems.append(Problem(f"/{name}", str(problem)))
    if "response_status_code" in query:
        status = whole_number(query["response_status_code"])
        if status is None or not 100 <= status <= 999:
            problems.append(Problem("/response_status_code", "expected a status such as 200"))
        else:
            wanted = wanted.where(audit.c.status == status)
    if problems:
        raise invalid(problems)
    return wanted


def _shown(row: sa.Row[Any], organisation_id: str | None) -> dict[str, Any]:
    return {
        "timestamp": as_text(row.at),
        "method": row.method,
        "uri": row.path,
        "request_id": row.request_id,
        "request_body": row.body,
        "query_params": row.query,
        "request_headers": None,
        "user_id": row.actor_id,
        "user_type": row.actor_kind,
        "organisation_id": organisation_id,
        "workspace_id": row.workspace_id,
        "response_status_code": row.status,
        "resource_type": row.resource_type,
        "resource_id": row.resource_id,
        "action": row.action,
        "client_ip": row.address,
        "country": None,
        "changes": row.changes,
        "sequence": row.seq,
    }
