"""Exports of the request log: which rows and members a file holds, and links by which it is fetched without a key.

Nothing is written to the disk: the file is made of the database's rows when it is fetched (files.py).
Source: docs/request-log.md#exports.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa

from penstock.control.actor import Actor
from penstock.control.audit import Entry
from penstock.control.logs.files import FORMATS, MEMBERS, MOST, LogFile
from penstock.control.logs.filter_reader import NAMES, read_filter
from penstock.control.logs.filters import LogFilter, for_actor
from penstock.control.logs.logs import count_up_to
from penstock.control.members import VALUE, Fields, Members, in_snake_case
from penstock.control.pages import Page, as_list, select
from penstock.control.plane import ControlPlane, now, organisation_id, workspace_for
from penstock.control.refusal import Problem, Refusal, Why, absent, taken
from penstock.control.timestamps import as_text
from penstock.core.did_you_mean import hint
from penstock.core.json_text import read_json_or_none, write_json
from penstock.core.whole_number import whole_number
from penstock.stores.sql.ids import random_id
from penstock.stores.sql.schema import log_export

FIELDS: Final = Fields(filters=VALUE, description=VALUE, requested_data=VALUE, workspace_id=VALUE, format=VALUE)
_PAGES: Final = frozenset({"page_size", "current_page"})
_LINK_SECONDS: Final = 3600
_DRAFT: Final = "draft"
_READY: Final = "success"
_STOPPED: Final = "stopped"
_ALSO: Final = {"request": "request_url", "response": "response_status_code", "prompt_slug": "id", "mode": "source"}
"""Members that Portkey's exports have and a file of ours does not: what stands nearest."""


async def create(plane: ControlPlane, actor: Actor, body: Any) -> dict[str, Any]:
    """Make a draft: its id, and how many rows it has now. Raises Refusal."""
    members = Members(body, FIELDS)
    columns = _read(members)
    workspace = members.text("workspace_id")
    members.finish()
    async with plane.change(actor, revises=False) as change:
        wanted = await for_actor(change.connection, actor, _filter_of(columns["filters"], workspace))
        workspace_id = None if wanted.workspaces is None else wanted.workspaces[0]
        total = min(await count_up_to(change.connection, wanted, MOST), _most(columns["filters"]))
        row = {
            "id": random_id(),
            "workspace_id": workspace_id,
            "status": _DRAFT,
            "total": total,
            "secret": secrets.token_bytes(32),
            **columns,
            **change.made(),
        }
        await change.connection.execute(log_export.insert().values(**row))
        change.record(Entry("create", "log_export", row["id"], workspace_id, body))
    return {"id": row["id"], "total": total, "object": "export"}


async def list_exports(plane: ControlPlane, actor: Actor, query: Mapping[str, str], page: Page) -> dict[str, Any]:
    """The exports that the actor sees, the newest first. Raises Refusal."""
    async with plane.database.read() as connection:
        wanted = _visible(actor)
        if "workspace_id" in query:
            wanted = wanted.where(
                log_export.c.workspace_id == await workspace_for(connection, actor, query["workspace_id"])
            )
        total, rows = await select(connection, wanted, (log_export.c.created_at, log_export.c.id), page)
        organisation = await organisation_id(connection)
    return as_list(total, [_shown(row, organisation) for row in rows])


async def read(plane: ControlPlane, actor: Actor, id_: str) -> dict[str, Any]:
    """One export. Raises Refusal."""
    async with plane.database.read() as connection:
        return _shown(await _found(connection, actor, id_), await organisation_id(connection))


async def update(plane: ControlPlane, actor: Actor, id_: str, body: Any) -> dict[str, Any]:
    """Change a draft. Raises Refusal."""
    members = Members(body, FIELDS)
    columns = {name: value for name, value in _read(members).items() if members.has(name)}
    members.finish()
    async with plane.change(actor, revises=False) as change:
        row = await _found(change.connection, actor, id_)
        if row.status != _DRAFT:
            raise taken(f"the export is {row.status}: only a draft can be changed")
        filters = columns.get("filters", row.filters)
        wanted = await for_actor(change.connection, actor, _filter_of(filters, row.workspace_id))
        columns["total"] = min(await count_up_to(change.connection, wanted, MOST), _most(filters))
        written = {**columns, **change.touched(row.row_version)}
        await change.connection.execute(log_export.update().where(log_export.c.id == row.id).values(**written))
        change.record(Entry("update", "log_export", row.id, row.workspace_id, body))
    return {"id": row.id, "total": columns["total"], "object": "export"}


async def start(plane: ControlPlane, actor: Actor, id_: str) -> dict[str, Any]:
    """Make an export one that can be fetched. Raises Refusal."""
    await _move(plane, actor, id_, _READY)
    return {"message": "The export can be downloaded.", "object": "export"}


async def cancel(plane: ControlPlane, actor: Actor, id_: str) -> dict[str, Any]:
    """Make an export one that can't be fetched any more. Raises Refusal."""
    await _move(plane, actor, id_, _STOPPED)
    return {"message": "The export is stopped.", "object": "export"}


async def _move(plane: ControlPlane, actor: Actor, id_: str, status: str) -> None:
    async with plane.change(actor, revises=False) as change:
        row = await _found(change.connection, actor, id_)
        written = {"status": status, **change.touched(row.row_version)}
        await change.connection.execute(log_export.update().where(log_export.c.id == row.id).values(**written))
        action = "start" if status == _READY else "cancel"
        change.record(Entry(action, "log_export", row.id, row.workspace_id))


async def link(plane: ControlPlane, actor: Actor, id_: str) -> str:
    """The path and the query of the file, valid for an hour; the audit log tells of it. Raises Refusal."""
    async with plane.change(actor, revises=False) as change:
        row = await _found(change.connection, actor, id_)
        if row.status != _READY:
            raise taken(f"the export is {row.status}: start it first")
        change.record(Entry("export", "log_export", row.id, row.workspace_id))
    expires = now() // 1_000_000 + _LINK_SECONDS
    return f"/v1/logs/exports/{row.id}/file?expires={expires}&signature={_signature(row, expires)}"


async def file_of(plane: ControlPlane, id_: str, query: Mapping[str, str]) -> tuple[Actor, LogFile]:
    """The file behind a link, and who may read it: the export's workspace. Raises Refusal."""
    expires, signature = query.get("expires", ""), query.get("signature", "")
    async with plane.database.read() as connection:
        row = (await connection.execute(sa.select(log_export).where(log_export.c.id == id_))).one_or_none()
    is_number = expires.isascii() and expires.isdigit() and len(expires) < 12
    if row is None or not is_number or not _is_signed(row, int(expires), signature):
        raise absent("export", id_)
    if int(expires) * 1_000_000 < now() or row.status != _READY:
        raise Refusal(Why.FORBIDDEN, "the link is not valid any more: ask for another one")
    requested = read_json_or_none(row.requested_data.encode())
    wanted = _filter_of(row.filters, row.workspace_id)
    members = tuple(requested) if isinstance(requested, list) and requested else MEMBERS
    actor = Actor("link", "link", frozenset({"logs.export"}), row.workspace_id)
    return actor, LogFile(wanted, members, row.format, _most(row.filters))


def _is_signed(row: sa.Row[Any], expires: int, signature: str) -> bool:
    # As bytes: texts are compared only where they are ASCII.
    return hmac.compare_digest(signature.encode(), _signature(row, expires).encode())


def _signature(row: sa.Row[Any], expires: int) -> str:
    return hmac.new(bytes(row.secret), f"{row.id}|{expires}".encode(), hashlib.sha256).hexdigest()


def _read(members: Members) -> dict[str, Any]:
    filters = members.values.get("filters")
    texts = _texts(filters) if isinstance(filters, dict) else {}
    if filters is not None and not isinstance(filters, dict):
        members.complain("filters", "expected an object")
    for name in texts:
        if name not in NAMES | _PAGES:
            way_out = hint(name, sorted(NAMES), "docs/request-log.md lists them")
            members.problems.append(Problem(f"{members.at('filters')}/{name[:64]}", f"there is no filter: {way_out}"))
    _check(members, texts)
    requested = members.texts("requested_data") or []
    named = [_ALSO.get(each, each) for each in requested]
    for index, each in enumerate(named):
        if each not in MEMBERS:
            way_out = hint(each, MEMBERS, f"there are {', '.join(MEMBERS)}")
            members.problems.append(Problem(f"/requested_data/{index}", f"rows have no {each[:64]}: {way_out}"))
    return {
        "filters": write_json(texts).decode(),
        "description": members.remark("description"),
        "requested_data": write_json(list(dict.fromkeys(named))).decode(),
        "format": members.choice("format", tuple(FORMATS)) or "jsonl",
    }


def _check(members: Members, texts: Mapping[str, str]) -> None:
    try:
        read_filter(texts)
    except Refusal as refusal:
        where = members.at("filters")
        members.problems.extend(Problem(f"{where}{each.pointer}", each.text) for each in refusal.problems)


def _texts(filters: Mapping[str, Any]) -> dict[str, str]:
    """Filters as a query has them: lists with commas, objects as JSON."""
    texts = {}
    for name, value in filters.items():
        if value is None:
            continue
        is_list = isinstance(value, list) and all(isinstance(each, str | int | float) for each in value)
        if is_list:
            text = ",".join(str(each) for each in value)
        else:
            text = value if isinstance(value, str) else write_json(value).decode()
        texts[in_snake_case(name)] = text
    return texts


def _filter_of(filters: str, workspace: str | None) -> LogFilter:
    texts = read_json_or_none(filters.encode())
    query = texts if isinstance(texts, dict) else {}
    return read_filter({**query, "workspace_id": workspace} if workspace else query)


def _most(filters: str) -> int:
    texts = read_json_or_none(filters.encode())
    size = str(texts.get("page_size", "")) if isinstance(texts, dict) else ""
    most = whole_number(size)
    return MOST if most is None else min(most, MOST)


async def _found(connection: Any, actor: Actor, id_: str) -> sa.Row[Any]:
    row: sa.Row[Any] | None = (await connection.execute(_visible(actor).where(log_export.c.id == id_))).one_or_none()
    if row is None:
        raise absent("export", id_)
    return row


def _visible(actor: Actor) -> sa.Select[Any]:
    wanted = sa.select(log_export)
    return wanted if actor.workspace_id is None else wanted.where(log_export.c.workspace_id == actor.workspace_id)


def _shown(row: sa.Row[Any], organisation: str) -> dict[str, Any]:
    return {
        "id": row.id,
        "object": "export",
        "organisation_id": organisation,
        "workspace_id": row.workspace_id,
        "description": row.description,
        "filters": read_json_or_none(row.filters.encode()),
        "requested_data": read_json_or_none(row.requested_data.encode()),
        "format": row.format,
        "status": row.status,
        "total_records": row.total,
        "created_at": as_text(row.created_at),
        "last_updated_at": as_text(row.updated_at),
        "created_by": row.created_by,
    }
