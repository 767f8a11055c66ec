"""Saved configs: made, listed, read, changed, deleted. A changed text is a new version; versions never change.

A config is judged as the header x-portkey-config is. One that names a provider which is not there is kept, with a
warning: the provider may come later.
"""

from __future__ import annotations

from collections.abc import Mapping
from secrets import token_hex
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.control import slugged_rows
from penstock.control.actor import Actor
from penstock.control.audit import Entry
from penstock.control.config_rows import (
    file_configs,
    is_of_file,
    of_file,
    references,
    release,
    shown,
    users_of,
    version_shown,
    whole,
)
from penstock.control.config_text import ConfigText, judged, with_missing_guardrails
from penstock.control.members import LONGEST_NAME, VALUE, Fields, Members
from penstock.control.pages import Page, as_list, select
from penstock.control.plane import Change, ControlPlane, organisation_id, workspace_filter, workspace_for
from penstock.control.refusal import Problem, Refusal, invalid, taken
from penstock.control.slugged_rows import DELETED
from penstock.control.slugs import slug_of
from penstock.core.json_text import read_json_or_none
from penstock.stores.sql.ids import random_id
from penstock.stores.sql.schema import config, config_version, guardrail

CHANGED: Final = Fields(name=VALUE, config=VALUE, is_default=VALUE, status=VALUE, version_id=VALUE)
CREATED: Final = Fields(name=VALUE, config=VALUE, is_default=VALUE, workspace_id=VALUE)
_STATUSES: Final = ("active", "inactive")


async def create(plane: ControlPlane, actor: Actor, body: Any, slug: str | None = None) -> dict[str, Any]:
    """Save a config: its id, slug and version. ``slug``: another one than is made of the name. Raises Refusal."""
    members = Members(body, CREATED)
    members.require("name", "config")
    name = members.text("name", LONGEST_NAME)
    is_default = members.switch("is_default") is True
    workspace_name = members.text("workspace_id")
    async with plane.change(actor) as change:
        workspace_id = await _workspace(change.connection, actor, members, workspace_name)
        text = await _judged(plane, change.connection, workspace_id, members)
        members.finish()
        id_, version_id = random_id(), random_id()
        slug = slug_of("pc", name or "", token_hex(3)) if slug is None else slug
        if is_of_file(plane, slug) or await find(change.connection, None, slug) is not None:
            raise taken(f"there is a config {slug} already")
        row = {"id": id_, "workspace_id": workspace_id, "slug": slug, "name": name, "version_id": version_id}
        await change.connection.execute(config.insert().values(**row, **change.made()))
        await _add_version(change, id_, version_id, 1, text)
        if is_default:
            await _make_default(change, workspace_id, id_)
        details = {"name": name, "config": text.value, "is_default": is_default}
        change.record(Entry("create", "config", id_, workspace_id, _told(body, text), None, details))
    ids = {"id": id_, "version_id": version_id, "slug": slug}
    return _with_warnings({**ids, "object": "config", "success": True, "data": ids}, text)


async def list_configs(plane: ControlPlane, actor: Actor, query: Mapping[str, str], page: Page) -> dict[str, Any]:
    """The configs that the actor sees, newest first; those of penstock.toml stand at the end. Raises Refusal."""
    async with plane.database.read() as connection:
        where = await workspace_filter(connection, actor, config.c.workspace_id, query.get("workspace_id"))
        wanted = sa.select(config).where(where, config.c.status != DELETED)
        total, rows = await select(connection, wanted, (config.c.created_at, config.c.id), page)
        organisation = await organisation_id(connection)
    items = [shown(row, organisation) for row in rows]
    rest = file_configs(plane, organisation)
    start = page.number * page.size
    items += rest[max(0, start - total) : max(0, start + page.size - total)]
    return as_list(total + len(rest), items)


async def read(plane: ControlPlane, actor: Actor, reference: str) -> dict[str, Any]:
    """One config with its text, by slug or id. Raises Refusal."""
    async with plane.database.read() as connection:
        organisation = await organisation_id(connection)
        if is_of_file(plane, reference):
            return of_file(plane, reference, organisation)
        row = await slugged_rows.found(connection, config, actor, reference)
        version = await _version(connection, row.id, row.version_id)
    return whole(row, version, organisation)


async def update(plane: ControlPlane, actor: Actor, reference: str, body: Any) -> dict[str, Any]:
    """Change the members that the body has. ``config`` makes a new version; ``version_id`` goes back to one.

    Raises Refusal.
    """
    members = Members(body, CHANGED)
    _refuse_file(plane, reference)
    async with plane.change(actor) as change:
        connection = change.connection
        row = await slugged_rows.found(connection, config, actor, reference)
        columns = _columns(members)
        text = None
        if members.values.get("config") is not None:
            text = await _judged(plane, connection, row.workspace_id, members)
        old = members.text("version_id")
        if old is not None and text is not None:
            members.complain("version_id", "it excludes config: leave one of them out")
        elif old is not None:
            columns["version_id"] = await _known_version(connection, row.id, old, members)
        members.finish()
        before = await _version(connection, row.id, row.version_id)
        if text is not None:
            columns["version_id"] = random_id()
            await _add_version(change, row.id, columns["version_id"], await _next_number(connection, row.id), text)
        await _write(change, row, columns)
        if members.switch("is_default") is True:
            await _make_default(change, row.workspace_id, row.id)
        difference = _difference(row, before, columns, text)
        change.record(Entry("update", "config", row.id, row.workspace_id, _told(body, text), *difference))
    answer = {"version_id": columns.get("version_id", row.version_id), "object": "config", "success": True}
    return _with_warnings(answer, text)


async def versions(plane: ControlPlane, actor: Actor, reference: str, page: Page) -> dict[str, Any]:
    """All versions of a config with their texts, newest first. Raises Refusal."""
    async with plane.database.read() as connection:
        organisation = await organisation_id(connection)
        row = await slugged_rows.found(connection, config, actor, reference)
        wanted = sa.select(config_version).where(config_version.c.config_id == row.id)
        total, rows = await select(connection, wanted, (config_version.c.number,), page)
    return as_list(total, [version_shown(row, each, organisation) for each in rows])


async def delete(plane: ControlPlane, actor: Actor, reference: str, *, force: bool = False) -> dict[str, Any]:
    """Delete a config. One that keys or workspaces use by default is refused; ``force`` takes it from them first.

    Raises Refusal.
    """
    _refuse_file(plane, reference)
    async with plane.change(actor) as change:
        row = await slugged_rows.found(change.connection, config, actor, reference)
        users = await users_of(change.connection, row)
        if users and not force:
            raise taken(f"the config {row.slug} is the default of {', '.join(users)}: say force=true to delete it")
        await release(change, row)
        await _write(change, row, {"status": DELETED, "is_default": False})
        details = {"name": row.name, "slug": row.slug, "released": users}
        change.record(Entry("delete", "config", row.id, row.workspace_id, None, details, {}))
    return {}


async def find(connection: AsyncConnection, workspace_id: str | None, reference: str) -> Any:
    """The row of a config by slug or id, in a workspace or, with None, in any; None if there is none."""
    return await slugged_rows.find(connection, config, workspace_id, reference)


async def _workspace(connection: AsyncConnection, actor: Actor, members: Members, reference: str | None) -> str:
    try:
        return await workspace_for(connection, actor, reference)
    except Refusal as refusal:
        raise invalid([*members.problems, Problem("/workspace_id", refusal.message)]) from None


def _refuse_file(plane: ControlPlane, reference: str) -> None:
    if is_of_file(plane, reference):
        raise taken(f"the config {reference[:64]} is defined in file: change it in penstock.toml")


async def _judged(plane: ControlPlane, connection: AsyncConnection, workspace_id: str, members: Members) -> ConfigText:
    """The text of the member ``config``; what is wrong with it is added to the problems."""
    known = await references(plane, connection, workspace_id)
    text = await plane.apart(lambda: judged(members.values.get("config"), known, plane.providers, plane.judge))
    if text.problem is not None and members.values.get("config") is not None:
        members.complain("config", text.problem)
    return with_missing_guardrails(text, await guardrail_names(plane, connection, workspace_id))


async def guardrail_names(plane: ControlPlane, connection: AsyncConnection, workspace_id: str) -> set[str]:
    """The names and ids of the saved guardrails that configs of a workspace may name."""
    rows = await connection.execute(
        sa.select(guardrail.c.slug, guardrail.c.id).where(
            guardrail.c.workspace_id == workspace_id, guardrail.c.status != DELETED
        )
    )
    return {*plane.in_file().saved_guardrails, *(name for row in rows for name in row)}


def _columns(members: Members) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    if members.has("name"):
        members.require("name")
        columns["name"] = members.text("name", LONGEST_NAME)
    if members.values.get("status") is not None:
        columns["status"] = members.choice("status", _STATUSES)
    if members.has("config"):
        members.require("config")
    if members.has("is_default"):
        columns["is_default"] = members.switch("is_default") is True
    return columns


async def _add_version(change: Change, id_: str, version_id: str, number: int, text: ConfigText) -> None:
    values = {"id": version_id, "config_id": id_, "number": number, "body": text.body}
    made = {"created_at": change.now, "created_by": change.actor.name}
    await change.connection.execute(config_version.insert().values(**values, **made))


async def _next_number(connection: AsyncConnection, id_: str) -> int:
    query = sa.select(sa.func.max(config_version.c.number)).where(config_version.c.config_id == id_)
    return int((await connection.execute(query)).scalar_one()) + 1


async def _version(connection: AsyncConnection, id_: str, version_id: str) -> Any:
    where = config_version.c.config_id == id_, config_version.c.id == version_id
    return (await connection.execute(sa.select(config_version).where(*where))).one_or_none()


async def _known_version(connection: AsyncConnection, id_: str, version_id: str, members: Members) -> str:
    if await _version(connection, id_, version_id) is None:
        members.complain("version_id", f"this config has no version {version_id[:64]}")
    return version_id


async def _write(change: Change, row: Any, columns: Mapping[str, Any]) -> None:
    where = config.c.id == row.id, config.c.row_version == row.row_version
    values = {**columns, **change.touched(row.row_version)}
    if not (await change.connection.execute(config.update().where(*where).values(**values))).rowcount:
        raise taken(f"the config {row.slug} was changed at the same time: try again")


async def _make_default(change: Change, workspace_id: str, id_: str) -> None:
    """Make a config the only default of its workspace."""
    where = config.c.workspace_id == workspace_id, config.c.is_default, config.c.id != id_
    await change.connection.execute(config.update().where(*where).values(is_default=False))
    await change.connection.execute(config.update().where(config.c.id == id_).values(is_default=True))


def _told(body: Any, text: ConfigText | None) -> Any:
    """The body as the audit log redacts it: a config that came as text is told as an object."""
    return body if text is None else {**body, "config": text.value}


def _difference(row: Any, version: Any, columns: Mapping[str, Any], text: ConfigText | None) -> tuple[Any, Any]:
    before = {name: getattr(row, name) for name in columns}
    if text is None:
        return before, dict(columns)
    old = None if version is None else read_json_or_none(version.body.encode())
    return {**before, "config": old}, {**columns, "config": text.value}


def _with_warnings(answer: dict[str, Any], text: ConfigText | None) -> dict[str, Any]:
    return {**answer, "warnings": list(text.warnings)} if text is not None and text.warnings else answer
