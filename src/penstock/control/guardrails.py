"""Saved guardrails: made, listed, read, changed, deleted. Configs name them by slug or id.

A guardrail is judged as a guard of a config is: it can be used for requests, for answers, or for both.
"""

from __future__ import annotations

from collections.abc import Mapping
from secrets import token_hex
from typing import Any, Final

import sqlalchemy as sa

from penstock.control import slugged_rows
from penstock.control.actor import Actor
from penstock.control.audit import Entry
from penstock.control.members import LONGEST_NAME, VALUE, Fields, Members
from penstock.control.pages import Page, as_list, select
from penstock.control.plane import ControlPlane, organisation_id, workspace_filter, workspace_for
from penstock.control.refusal import Problem, Refusal, invalid, taken
from penstock.control.slugged_rows import DELETED
from penstock.control.slugs import slug_of
from penstock.control.timestamps import as_text
from penstock.core.json_text import read_json_or_none, write_json
from penstock.stores.saved_guardrails import problem_of
from penstock.stores.sql.ids import random_id
from penstock.stores.sql.schema import guardrail

CREATED: Final = Fields(name=VALUE, checks=VALUE, actions=VALUE, workspace_id=VALUE, organisation_id=VALUE)
CHANGED: Final = Fields(name=VALUE, checks=VALUE, actions=VALUE, status=VALUE)
_STATUSES: Final = ("active", "archived")
_LARGEST: Final = 256 << 10
"""Bytes of a guardrail."""


async def create(plane: ControlPlane, actor: Actor, body: Any) -> dict[str, Any]:
    """Save a guardrail: its id, slug and version. Raises Refusal."""
    members = Members(body, CREATED)
    members.require("name", "checks")
    name = members.text("name", LONGEST_NAME)
    workspace_name = members.text("workspace_id")
    async with plane.change(actor) as change:
        try:
            workspace_id = await workspace_for(change.connection, actor, workspace_name)
        except Refusal as refusal:
            raise invalid([*members.problems, Problem("/workspace_id", refusal.message)]) from None
        text = await _judged(plane, members, {})
        members.finish()
        id_, version_id, slug = random_id(), random_id(), slug_of("pg", name or "", token_hex(3))
        if (
            slug in plane.in_file().saved_guardrails
            or await slugged_rows.find(change.connection, guardrail, None, slug) is not None
        ):
            raise taken(f"there is a guardrail {slug} already")
        row = {"id": id_, "workspace_id": workspace_id, "slug": slug, "name": name, "version_id": version_id}
        await change.connection.execute(guardrail.insert().values(**row, body=text.decode(), **change.made()))
        change.record(Entry("create", "guardrail", id_, workspace_id, _told(name, text), None, _told(name, text)))
    ids = {"id": id_, "slug": slug, "version_id": version_id}
    return {**ids, "object": "guardrail", "success": True, "data": ids}


async def list_guardrails(plane: ControlPlane, actor: Actor, query: Mapping[str, str], page: Page) -> dict[str, Any]:
    """The guardrails that the actor sees, newest first; ``ids`` chooses some of them. Raises Refusal."""
    async with plane.database.read() as connection:
        where = await workspace_filter(connection, actor, guardrail.c.workspace_id, query.get("workspace_id"))
        wanted = sa.select(guardrail).where(where, guardrail.c.status != DELETED)
        if query.get("ids"):
            ids = [each.strip() for each in query["ids"].split(",")]
            wanted = wanted.where(sa.or_(guardrail.c.id.in_(ids), guardrail.c.slug.in_(ids)))
        total, rows = await select(connection, wanted, (guardrail.c.created_at, guardrail.c.id), page)
        organisation = await organisation_id(connection)
    return as_list(total, [_shown(row, organisation) for row in rows])


async def read(plane: ControlPlane, actor: Actor, reference: str) -> dict[str, Any]:
    """One guardrail with its checks and actions, by slug or id. Raises Refusal."""
    async with plane.database.read() as connection:
        organisation = await organisation_id(connection)
        row = await slugged_rows.found(connection, guardrail, actor, reference)
    fields = {**_shown(row, organisation), **_body(row), "version_id": row.version_id}
    return {**fields, "success": True, "data": fields}


async def update(plane: ControlPlane, actor: Actor, reference: str, body: Any) -> dict[str, Any]:
    """Change the members that the body has; the guardrail gets a new version. Raises Refusal."""
    members = Members(body, CHANGED)
    async with plane.change(actor) as change:
        row = await slugged_rows.found(change.connection, guardrail, actor, reference)
        columns: dict[str, Any] = {"version_id": random_id()}
        if members.has("name"):
            members.require("name")
            columns["name"] = members.text("name", LONGEST_NAME)
        if members.values.get("status") is not None:
            columns["status"] = members.choice("status", _STATUSES)
        text = await _judged(plane, members, _body(row))
        members.finish()
        columns["body"] = text.decode()
        where = guardrail.c.id == row.id, guardrail.c.row_version == row.row_version
        values = {**columns, **change.touched(row.row_version)}
        if not (await change.connection.execute(guardrail.update().where(*where).values(**values))).rowcount:
            raise taken(f"the guardrail {row.slug} was changed at the same time: try again")
        details = _told(columns.get("name", row.name), text)
        before = _told(row.name, row.body.encode())
        change.record(Entry("update", "guardrail", row.id, row.workspace_id, details, before, details))
    ids = {"id": row.id, "slug": row.slug, "version_id": columns["version_id"]}
    return {**ids, "object": "guardrail", "success": True}


async def delete(plane: ControlPlane, actor: Actor, reference: str) -> dict[str, Any]:
    """Delete a guardrail. Configs that name it are refused from then on. Raises Refusal."""
    async with plane.change(actor) as change:
        row = await slugged_rows.found(change.connection, guardrail, actor, reference)
        values = {"status": DELETED, **change.touched(row.row_version)}
        await change.connection.execute(guardrail.update().where(guardrail.c.id == row.id).values(**values))
        details = {"name": row.name, "slug": row.slug}
        change.record(Entry("delete", "guardrail", row.id, row.workspace_id, None, details, {}))
    return {}


async def _judged(plane: ControlPlane, members: Members, before: Mapping[str, Any]) -> bytes:
    """The guardrail as JSON, with the members that the body leaves as they were."""
    value = {name: members.values.get(name, before.get(name)) for name in ("checks", "actions")}
    value = {name: each for name, each in value.items() if each is not None}
    if not isinstance(value.get("checks"), list):
        members.complain("checks", "expected an array of checks")
    elif not isinstance(value.get("actions", {}), dict):
        members.complain("actions", "expected an object")
    else:
        problem = await plane.apart(lambda: problem_of(value, plane.judge))
        if problem is not None:
            members.complain("checks", problem)
    text = write_json(value)
    if len(text) > _LARGEST:
        members.complain("checks", f"the guardrail has more than {_LARGEST >> 10} KiB")
    return text


def _shown(row: Any, organisation: str) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "slug": row.slug,
        "organisation_id": organisation,
        "workspace_id": row.workspace_id,
        "status": row.status,
        "created_at": as_text(row.created_at),
        "last_updated_at": as_text(row.updated_at),
        "owner_id": row.created_by,
        "updated_by": row.updated_by,
        "object": "guardrail",
    }


def _body(row: Any) -> dict[str, Any]:
    value = read_json_or_none(row.body.encode())
    return value if isinstance(value, dict) else {}


def _told(name: Any, text: bytes) -> dict[str, Any]:
    """What the audit log tells of a guardrail: parameters of checks may hold credentials."""
    value = read_json_or_none(text) or {}
    checks = value.get("checks")
    ids = [each.get("id") for each in checks if isinstance(each, dict)] if isinstance(checks, list) else []
    actions = value.get("actions")
    return {"name": name, "checks": ids, "actions": actions if isinstance(actions, dict) else {}}
