"""The workspaces there are, at least the default one, and what each sets for its keys: limits, metadata, a config.

workspace_removal.py deletes them. A deleted workspace keeps its row: records of requests name it.
"""

from __future__ import annotations

from collections.abc import Mapping
from secrets import token_hex
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.control import configs
from penstock.control.actor import Actor
from penstock.control.audit import Entry
from penstock.control.limits import owners as owner_limits
from penstock.control.limits.limits import NO_LIMITS, StoredLimits, limits_of
from penstock.control.members import LONGEST_NAME, VALUE, Fields, Members
from penstock.control.pages import Page, as_list, select
from penstock.control.plane import Change, ControlPlane, now, organisation_id
from penstock.control.refusal import Problem, Refusal, Why, absent, not_supported, taken
from penstock.control.security_settings import SECURITY_SETTINGS
from penstock.control.slugs import slug_of
from penstock.control.timestamps import as_text
from penstock.core.json_text import read_json_or_none, write_json
from penstock.limits.limit import Level
from penstock.stores.sql.ids import random_id
from penstock.stores.sql.schema import workspace

_LEVEL: Final[Level] = "workspace"
_GUARDS: Final = ("input_guardrails", "output_guardrails")
_DEFAULTS: Final = Fields(dict.fromkeys(("metadata", "config_id", *_GUARDS), VALUE))
_SETTINGS: Final = ("debug_log", "user_key_metadata_override", "block_inline_config")
DELETED: Final = "deleted"
_FIELDS: Final = Fields(
    name=VALUE,
    description=VALUE,
    icon=VALUE,
    defaults=_DEFAULTS,
    settings=Fields(dict.fromkeys(_SETTINGS, VALUE)),
    required_metadata=VALUE,
    reset_usage=VALUE,
    **owner_limits.FIELDS,
)
_CREATED: Final = Fields(users=VALUE, **{name: each for name, each in _FIELDS.items() if name != "reset_usage"})
_MOST_LABELS: Final = 20
_LONGEST_METADATA: Final = 128


async def create_workspace(plane: ControlPlane, actor: Actor, body: Any) -> dict[str, Any]:
    """Make a workspace, and answer as ``read_workspace`` does. Its name is another one than those there are, whatever
    the case. Raises Refusal."""
    if not actor.is_of_organisation:
        raise Refusal(Why.FORBIDDEN, "a workspace is made with a key of the organisation")
    members = Members(body, _CREATED)
    members.require("name")
    if members.values.get("users"):
        raise not_supported("members of a workspace are not served in this release: leave users out")
    limits = owner_limits.read(_LEVEL, members)
    texts = {"name": members.text("name", LONGEST_NAME) or ""}
    texts |= {name: members.remark(name, LONGEST_NAME) for name in ("description", "icon")}
    id_, slug = random_id(), slug_of("ws", texts["name"], token_hex(3))
    async with plane.change(actor) as change:
        row = {"id": id_, "slug": slug, **texts}
        blank = _Blank(id_)
        columns = {**await _defaults(plane, change, members, blank), **_settings(members, blank), **_required(members)}
        members.finish()
        await _refuse_taken(change.connection, texts["name"])
        await change.connection.execute(workspace.insert().values(**row, **columns, **change.made()))
        warnings = await owner_limits.put(change, _LEVEL, id_, limits)
        change.record(Entry("create", "workspace", id_, id_, body, None, {**row, **columns, **limits}))
        stored = await limits_of(change.connection, _LEVEL, [id_])
        made = (await change.connection.execute(sa.select(workspace).where(workspace.c.id == id_))).one()
        shown = _shown(made, await organisation_id(change.connection), stored.get(id_, NO_LIMITS), change.now)
    return {**shown, "success": True, **({"warnings": warnings} if warnings else {})}


class _Blank(NamedTuple):
    """A workspace of which nothing is kept yet."""

    id: str
    defaults: str = "{}"
    settings: str = "{}"


async def _refuse_taken(connection: AsyncConnection, name: str, id_: str = "") -> None:
    """Raise Refusal for a name that another workspace has."""
    columns = workspace.c
    others = sa.select(columns.name).where(columns.status != DELETED, columns.id != id_)
    names = (await connection.execute(others)).scalars()
    if name.casefold() in {each.casefold() for each in names}:
        raise taken(f"there is a workspace {name[:64]} already")


async def list_workspaces(plane: ControlPlane, actor: Actor, query: Mapping[str, str], page: Page) -> dict[str, Any]:
    """The workspaces that the actor sees, also by a part of the name (``name``), ``exact_name`` and ``status``."""
    wanted = _visible(actor)
    if "name" in query:
        wanted = wanted.where(workspace.c.name.icontains(query["name"], autoescape=True))
    for name, column in (("exact_name", workspace.c.name), ("status", workspace.c.status)):
        if name in query:
            wanted = wanted.where(column == query[name])
    async with plane.database.read() as connection:
        total, rows = await select(connection, wanted, (workspace.c.created_at, workspace.c.id), page)
        organisation = await organisation_id(connection)
        stored = await limits_of(connection, _LEVEL, [row.id for row in rows])
    moment = now()
    return as_list(total, [_shown(row, organisation, stored.get(row.id, NO_LIMITS), moment) for row in rows])


async def read_workspace(plane: ControlPlane, actor: Actor, reference: str) -> dict[str, Any]:
    """One workspace, by its id or slug. Raises Refusal."""
    async with plane.database.read() as connection:
        row = await find_workspace(connection, actor, reference)
        stored = await limits_of(connection, _LEVEL, [row.id])
        shown = _shown(row, await organisation_id(connection), stored.get(row.id, NO_LIMITS), now())
    return {**shown, "users": [], "created_by": row.created_by}


async def update_workspace(plane: ControlPlane, actor: Actor, reference: str, body: Any) -> dict[str, Any]:
    """Change the members that the body has; null clears a member. ``reset_usage`` begins its budgets and rates anew.

    Limits and their reset need a key of the organisation: nobody loosens what limits the own workspace. Raises Refusal.
    """
    members = Members(body, _FIELDS)
    columns: dict[str, Any] = {}
    for name in ("description", "icon"):
        if members.has(name):
            columns[name] = members.remark(name, LONGEST_NAME)
    if members.has("name"):
        members.require("name")
        columns["name"] = members.text("name", LONGEST_NAME)
    limits, resets = owner_limits.read(_LEVEL, members), members.switch("reset_usage") is True
    if (limits or resets) and not actor.is_of_organisation:
        members.complain("usage_limits", "limits of a workspace are set with a key of the organisation")
    async with plane.change(actor) as change:
        row = await find_workspace(change.connection, actor, reference)
        columns |= await _defaults(plane, change, members, row)
        columns |= {**_settings(members, row), **_required(members)}
        members.finish()
        if "name" in columns:
            await _refuse_taken(change.connection, columns["name"], row.id)
        await write_workspace(change, row, columns)
        warnings = await owner_limits.put(change, _LEVEL, row.id, limits)
        if resets:
            await owner_limits.reset(change, _LEVEL, row.id)
        before = {name: getattr(row, name) for name in columns}
        change.record(Entry("update", "workspace", row.id, row.id, body, before, {**columns, **limits}))
    return {"warnings": warnings} if warnings else {}


async def _defaults(plane: ControlPlane, change: Change, members: Members, row: Any) -> dict[str, str]:
    """The column of the defaults of a workspace (``row``, or ``_Blank``), where the body says something of them. Null
    clears all. Raises Refusal."""
    if not members.has("defaults"):
        return {}
    kept: dict[str, Any] = {}
    defaults = members.inner("defaults")
    if defaults is not None:
        kept = {**(read_json_or_none(row.defaults.encode()) or {})}
        if defaults.has("metadata"):
            kept["metadata"] = defaults.labels("metadata", _MOST_LABELS, _LONGEST_METADATA) or {}
        if defaults.has("config_id"):
            kept["config_id"] = await _config(change.connection, defaults, row.id)
        for name in _GUARDS:
            if defaults.has(name):
                kept[name] = await _guardrails(plane, change.connection, defaults, name, row.id)
    return {"defaults": write_json({name: value for name, value in kept.items() if value}).decode()}


def _settings(members: Members, row: Any) -> dict[str, str]:
    """The column of the settings, where the body says something of them, each 1 or 0: whether requests are logged with
    their content, whether users' requests may name another user, whether configs in requests are refused. Null takes a
    setting away."""
    if not members.has("settings"):
        return {}
    settings = members.inner("settings")
    kept = {} if settings is None else {**(read_json_or_none(row.settings.encode()) or {})}
    for name in _SETTINGS if settings is not None else ():
        if settings is not None and settings.has(name):
            value = settings.switch(name)
            kept[name] = None if value is None else int(value)
    return {"settings": write_json({name: value for name, value in kept.items() if value is not None}).decode()}


def _required(members: Members) -> dict[str, str]:
    """The column of the names that metadata of requests must have, where the body says them. Null asks for none."""
    if not members.has("required_metadata"):
        return {}
    names = list(dict.fromkeys(members.texts("required_metadata") or ()))
    if len(names) > _MOST_LABELS or any(len(name) > _LONGEST_METADATA for name in names):
        members.complain(
            "required_metadata", f"expected at most {_MOST_LABELS} names of at most {_LONGEST_METADATA} characters"
        )
    return {"required_metadata": write_json(names).decode()}


async def _config(connection: AsyncConnection, defaults: Members, workspace_id: str) -> str | None:
    """The id of the config that is named for all keys of the workspace; None for null."""
    reference = defaults.text("config_id", LONGEST_NAME)
    found = None if reference is None else await configs.find(connection, workspace_id, reference)
    if reference is not None and found is None:
        defaults.problems.append(
            Problem(defaults.at("config_id"), f"there is no config {reference[:64]} in the workspace")
        )
    return None if found is None else str(found.id)


async def _guardrails(
    plane: ControlPlane, connection: AsyncConnection, defaults: Members, member: str, workspace_id: str
) -> list[str]:
    """The saved guardrails, by slug or id, that judge all requests or answers of the workspace; none for null."""
    names = list(dict.fromkeys(defaults.texts(member) or ()))
    known = await configs.guardrail_names(plane, connection, workspace_id) if names else set()
    for name in [each for each in names if each not in known][:_MOST_LABELS]:
        defaults.problems.append(Problem(defaults.at(member), f"there is no guardrail {name[:64]} in the workspace"))
    if len(names) > _MOST_LABELS:
        defaults.complain(member, f"there are {len(names)}, and {_MOST_LABELS} at most may be set")
    return names


async def write_workspace(change: Change, row: Any, columns: Mapping[str, Any]) -> None:
    """Give the row of a workspace new values."""
    written = {**columns, **change.touched(row.row_version)}
    await change.connection.execute(workspace.update().where(workspace.c.id == row.id).values(**written))


async def find_workspace(connection: AsyncConnection, actor: Actor, reference: str) -> Any:
    """The row of a workspace that the actor sees, by its id or slug. Raises Refusal."""
    where = sa.or_(workspace.c.id == reference, workspace.c.slug == reference)
    row = (await connection.execute(_visible(actor).where(where))).one_or_none()
    if row is None:
        raise absent("workspace", reference)
    return row


def _visible(actor: Actor) -> sa.Select[Any]:
    wanted = sa.select(workspace).where(workspace.c.status != DELETED)
    return wanted if actor.workspace_id is None else wanted.where(workspace.c.id == actor.workspace_id)


def _shown(row: sa.Row[Any], organisation: str, stored: StoredLimits, moment: int) -> dict[str, Any]:
    """A workspace at a moment in microseconds since 1970. Portkey's clients read its limits as arrays."""
    limits = stored.answer(moment)
    usage = limits["usage_limits"] or []
    return {
        "object": "workspace",
        "id": row.id,
        "organisation_id": organisation,
        "slug": row.slug,
        "name": row.name,
        "description": row.description,
        "icon": row.icon or None,
        "is_default": int(row.is_default),
        "defaults": read_json_or_none(row.defaults.encode()),
        "settings": read_json_or_none(row.settings.encode()),
        "required_metadata": read_json_or_none(row.required_metadata.encode()),
        "security_settings": SECURITY_SETTINGS,
        "usage_limits": usage if isinstance(usage, list) else [usage],
        "rate_limits": limits["rate_limits"],
        "concurrency_limit": limits["concurrency_limit"],
        "last_reset_at": as_text(stored.last_reset_at),
        "status": row.status,
        "created_at": as_text(row.created_at),
        "last_updated_at": as_text(row.updated_at),
    }
