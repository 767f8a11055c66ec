"""Gateway keys: made, listed, read, changed, rotated, deleted. A key's text is shown when it is made, and never again.

An actor grants no scope that it does not hold, and does not loosen its own limits. A deleted key keeps its row, since
records of requests name it, and loses its secrets.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.control import configs
from penstock.control.actor import Actor
from penstock.control.audit import Entry
from penstock.control.keys import members as api_key_members
from penstock.control.keys import rotation as key_rotation
from penstock.control.keys import rotation_policy
from penstock.control.keys import secrets as api_key_secrets
from penstock.control.keys.fence import LISTS, refuse_wider
from penstock.control.keys.members import CREATED, FIELDS, KeyMembers
from penstock.control.keys.rows import DELETED, KINDS, scope_of, shown
from penstock.control.keys.secrets import Proof, proof_of
from penstock.control.keys.text import new_key_text
from penstock.control.limits import limits
from penstock.control.limits import owners as owner_limits
from penstock.control.limits.usage import marked
from penstock.control.members import VALUE, Fields, Members
from penstock.control.pages import Page, as_list, select
from penstock.control.plane import Change, ControlPlane, now, organisation_id, workspace_filter, workspace_for
from penstock.control.refusal import Problem, Refusal, Why, absent, invalid, taken
from penstock.control.scopes import allows
from penstock.control.timestamps import as_text
from penstock.core.json_text import read_json_or_none
from penstock.stores.sql.ids import random_id
from penstock.stores.sql.schema import api_key, config, user

_OWN: Final = frozenset(
    """
    scopes allowed_models allowed_providers allowed_ips expires_at metadata allow_config_override default_config_id
    rotation
    """.split()
)
"""Columns that a key may not change of itself: each limits what the key can do, or by what it is counted."""
_ROTATION: Final = Fields(key_transition_period_ms=VALUE)
_NO_MAIL: Final = "alert_emails get mail where the operator has set alerts.smtp (docs/alerts.md)"
IMPORTED: Final = "imported"
"""What stands for the text of a key that nobody but its holder knows."""


async def create(plane: ControlPlane, actor: Actor, kind: str, body: Any, text: str | None = None) -> dict[str, Any]:
    """Make a key of a kind: its id, and its text, which nothing shows again. ``text``: of a key that exists elsewhere.

    Raises Refusal.
    """
    key = new_key_text(kind) if text is None else text
    answer = await _create(plane, actor, kind, body, proof_of(key))
    return {"id": answer.pop("id"), "key": key, **answer}


async def create_by_digest(plane: ControlPlane, actor: Actor, kind: str, body: Any, digest: bytes) -> dict[str, Any]:
    """Make a key of the SHA-256 of its text, which its holder has from another gateway: its id. Raises Refusal."""
    return await _create(plane, actor, kind, body, Proof(digest, IMPORTED, IMPORTED))


async def _create(plane: ControlPlane, actor: Actor, kind: str, body: Any, proof: Proof) -> dict[str, Any]:
    actor.require(scope_of(kind, "create"))
    members = Members(body, CREATED)
    members.require("name", "scopes", *(("user_id",) if kind == "workspace-user" else ()))
    values = api_key_members.read(members, kind)
    key_rotation.refuse_without_keyring(plane, members)
    expires_at = values.columns.get("expires_at")
    if expires_at is not None and expires_at <= now():
        members.complain("expires_at", "this time is past")
    if kind == "organisation-service" and members.values.get("workspace_id") is not None:
        members.complain("workspace_id", "a key of the organisation belongs to no workspace")
    members.finish()
    async with plane.change(actor) as change:
        owner = await _owner(change.connection, actor, kind, members)
        columns = {**values.columns, **await _default_config(change.connection, values, owner["workspace_id"])}
        _check_grant(actor, columns, ())
        await refuse_wider(change.connection, actor, {**dict.fromkeys(LISTS), **columns})
        row = {"id": random_id(), "kind": kind, "masked": proof.masked, **owner, **columns, **change.made()}
        await change.connection.execute(api_key.insert().values(**row))
        await api_key_secrets.add(change, row["id"], proof)
        warnings = await _put_limits(change, row["id"], values)
        details = {"kind": kind, **columns}
        change.record(Entry("create", "api_key", row["id"], owner["workspace_id"], body, None, details))
    answer = {"id": row["id"], "object": "api-key"}
    return {**answer, "warnings": warnings} if warnings else answer


async def list_keys(plane: ControlPlane, actor: Actor, query: Mapping[str, str], page: Page) -> dict[str, Any]:
    """The keys that the actor may list, newest first. Raises Refusal."""
    kinds = [kind for kind in KINDS if actor.may(scope_of(kind, "list"))]
    if not kinds:
        actor.require(*(scope_of(kind, "list") for kind in KINDS))
    async with plane.database.read() as connection:
        where = await workspace_filter(connection, actor, api_key.c.workspace_id, query.get("workspace_id"))
        wanted = _rows().where(where, api_key.c.kind.in_(kinds))
        total, rows = await select(connection, wanted, (api_key.c.created_at, api_key.c.id), page)
        joined = await _joined_with(connection, rows)
    return as_list(total, await _shown(plane, rows, joined))


async def read(plane: ControlPlane, actor: Actor, id_: str) -> dict[str, Any]:
    """One key. Raises Refusal."""
    async with plane.database.read() as connection:
        row = await _find(connection, actor, id_, "read")
        joined = await _joined_with(connection, [row])
    (item,) = await _shown(plane, [row], joined)
    return item


async def update(plane: ControlPlane, actor: Actor, id_: str, body: Any) -> dict[str, Any]:
    """Change the members that the body has; null clears a member. Raises Refusal."""
    async with plane.change(actor) as change:
        row = await _find(change.connection, actor, id_, "update")
        members = Members(body, FIELDS)
        values = api_key_members.read(members, row.kind)
        key_rotation.refuse_without_keyring(plane, members)
        members.finish()
        columns = {**values.columns, **await _default_config(change.connection, values, row.workspace_id)}
        _check_grant(actor, columns, _scopes(row))
        _check_own(actor, row, values, columns)
        await refuse_wider(change.connection, actor, columns)
        await _write(change, row, columns)
        warnings = await _put_limits(change, row.id, values)
        if values.resets_usage:
            await owner_limits.reset(change, "api_key", row.id)
        before = {name: getattr(row, name) for name in columns}
        change.record(Entry("update", "api_key", row.id, row.workspace_id, body, before, columns))
    return {"warnings": warnings} if warnings else {}


async def delete(plane: ControlPlane, actor: Actor, id_: str) -> dict[str, Any]:
    """Revoke a key for good. Raises Refusal."""
    async with plane.change(actor) as change:
        row = await _find(change.connection, actor, id_, "delete")
        await api_key_secrets.forget(change, row.id)
        await key_rotation.forget_text(change, row.id)
        await _write(change, row, {"status": DELETED, "default_config_id": None, "next_rotation_at": None})
        await limits.drop_limits(change.connection, "api_key", row.id)
        change.record(Entry("delete", "api_key", row.id, row.workspace_id, None, {"name": row.name}, {}))
    return {}


async def rotate(plane: ControlPlane, actor: Actor, id_: str, body: Any) -> dict[str, Any]:
    """Give a key a new text. The old one stays in force for ``key_transition_period_ms``, 0 for not at all; without it
    as long as the key's rotation policy says, or half an hour.

    Raises Refusal, also while an earlier rotation lasts: two texts at most are in force.
    """
    members = Members(body, _ROTATION)
    period = rotation_policy.transition_of(members, 0)
    members.finish()
    async with plane.change(actor) as change:
        row = await _find(change.connection, actor, id_, "rotate")
        await _refuse_stronger(change.connection, actor, row)
        policy = rotation_policy.decode(row.rotation)
        if policy is not None and period is not None and not policy.is_within_period(period):
            members.complain("key_transition_period_ms", "expected less than the time to the key's next rotation")
            members.finish()
        rotation = key_rotation.new_rotation(row.kind, policy, change.now, period)
        await api_key_secrets.retire(change, row.id, rotation.until)
        await api_key_secrets.add(change, row.id, rotation.proof)
        await key_rotation.forget_text(change, row.id)
        await _write(change, row, rotation.columns(row.next_rotation_at))
        details = {"rotation_mode": "manual", "key_transition_expires_at": as_text(rotation.until)}
        change.record(Entry("rotate", "api_key", row.id, row.workspace_id, body, {}, details))
    transition = {"key_transition_expires_at": as_text(rotation.until)}
    return {"id": row.id, "key": rotation.text, "object": "api-key", **transition}


async def rotated_text(plane: ControlPlane, actor: Actor, id_: str) -> dict[str, Any]:
    """The text that a key got by its schedule, as long as the text before works on. Raises Refusal: it is for those who
    may rotate the key, and never for its holder, since a stolen text would lead to the next one."""
    async with plane.change(actor, revises=False) as change:
        row = await _find(change.connection, actor, id_, "rotate")
        if actor.kind == "api_key" and actor.id == row.id:
            raise Refusal(Why.FORBIDDEN, "a key can't read its own next text: use another key")
        await _refuse_stronger(change.connection, actor, row)
        until = (await api_key_secrets.transitions(change.connection, [row.id], change.now)).get(row.id)
        text = None if until is None else await key_rotation.text_of(change.connection, plane.keyring, row.id)
        if text is None:
            reason = "has no text that a schedule gave it and the text before outlives: rotate it with POST"
            raise Refusal(Why.ABSENT, f"the key {row.name} {reason} /v1/api-keys/{row.id}/rotate")
        change.record(Entry("read", "api_key", row.id, row.workspace_id, None, {}, {"read": "rotated text"}))
    transition = {"key_transition_expires_at": as_text(until)}
    return {"id": row.id, "key": text.reveal(), "object": "api-key", **transition}


async def _owner(connection: AsyncConnection, actor: Actor, kind: str, members: Members) -> dict[str, str | None]:
    """The workspace and the user of a new key. Raises Refusal."""
    if kind == "organisation-service":
        if not actor.is_of_organisation:
            raise Refusal(Why.FORBIDDEN, "a key of the organisation is made with a key of the organisation")
        return {"workspace_id": None, "user_id": None}
    problems: list[Problem] = []
    workspace_id = None
    try:
        workspace_id = await workspace_for(connection, actor, members.text("workspace_id"))
    except Refusal as refusal:
        problems.append(Problem("/workspace_id", refusal.message))
    user_id = members.text("user_id") if kind == "workspace-user" else None
    if user_id is not None:
        known = await connection.execute(sa.select(user.c.id).where(user.c.id == user_id, user.c.status == "active"))
        if known.first() is None:
            problems.append(Problem("/user_id", f"there is no user {user_id[:64]}"))
    if problems:
        raise invalid(problems)
    return {"workspace_id": workspace_id, "user_id": user_id}


async def _default_config(
    connection: AsyncConnection, values: KeyMembers, workspace_id: str | None
) -> dict[str, str | None]:
    """The column of the default config, where the body says something of it. Raises Refusal."""
    if "reference" not in values.config:
        return {}
    reference = values.config["reference"]
    if reference is None:
        return {"default_config_id": None}
    row = None if workspace_id is None else await configs.find(connection, workspace_id, reference)
    if row is None:
        raise invalid([Problem("/defaults/config_id", f"there is no config {reference[:64]} in the key's workspace")])
    return {"default_config_id": row.id}


def _check_grant(actor: Actor, columns: Mapping[str, Any], before: Collection[str]) -> None:
    """Refuse scopes that the actor does not hold and the key does not have yet."""
    scopes = read_json_or_none(str(columns.get("scopes", "[]")).encode())
    missing = [scope for scope in scopes or () if scope not in before and not allows(actor.scopes, scope)]
    if missing:
        raise Refusal(Why.FORBIDDEN, f"your key can't grant what it does not hold: {', '.join(missing)}")


async def _refuse_stronger(connection: AsyncConnection, actor: Actor, row: Any) -> None:
    """Refuse the text of a key that may more than the actor."""
    _check_grant(actor, {"scopes": row.scopes}, ())
    await refuse_wider(connection, actor, {name: getattr(row, name) for name in LISTS})


def _check_own(actor: Actor, row: Any, values: KeyMembers, columns: Mapping[str, Any]) -> None:
    """Refuse a key that changes what limits the key itself."""
    changed = [*values.limits, *(name for name in columns if name in _OWN)]
    if values.resets_usage:
        changed.append("reset_usage")
    if actor.kind == "api_key" and actor.id == row.id and changed:
        raise Refusal(Why.FORBIDDEN, f"a key can't change its own {', '.join(changed)}: use another key")


def _rows() -> sa.Select[Any]:
    """The keys that are not deleted, with the slugs of their default configs."""
    return (
        sa.select(api_key, config.c.slug.label("config_slug"))
        .outerjoin(config, config.c.id == api_key.c.default_config_id)
        .where(api_key.c.status != DELETED)
    )


async def _find(connection: AsyncConnection, actor: Actor, id_: str, verb: str) -> Any:
    """The row of a key that the actor may see, and do something with. Raises Refusal."""
    where = sa.true() if actor.workspace_id is None else api_key.c.workspace_id == actor.workspace_id
    row = (await connection.execute(_rows().where(api_key.c.id == id_, where))).one_or_none()
    if row is None:
        raise absent("key", id_)
    actor.require(scope_of(row.kind, verb))
    return row


_Joined = tuple[str, Mapping[str, limits.StoredLimits], Mapping[str, int]]


async def _joined_with(connection: AsyncConnection, rows: Iterable[Any]) -> _Joined:
    """What answers tell beside the rows of keys: the organisation, and by the key's id its limits, and until when the
    text before works on."""
    ids = [row.id for row in rows]
    stored = await limits.limits_of(connection, "api_key", ids)
    return await organisation_id(connection), stored, await api_key_secrets.transitions(connection, ids, now())


async def _shown(plane: ControlPlane, rows: Iterable[Any], joined: _Joined) -> list[dict[str, Any]]:
    (organisation, stored, until), moment = joined, now()
    items = [shown(row, organisation, stored.get(row.id, limits.NO_LIMITS), until.get(row.id), moment) for row in rows]
    return await marked(plane, items, stored, moment, tells_usage=True)


async def _write(change: Change, row: Any, columns: Mapping[str, Any]) -> None:
    """Change a row that was read in this transaction. Raises Refusal if another change came between."""
    where = api_key.c.id == row.id, api_key.c.row_version == row.row_version
    values = {**columns, **change.touched(row.row_version)}
    if not (await change.connection.execute(api_key.update().where(*where).values(**values))).rowcount:
        raise taken(f"the key {row.name} was changed at the same time: try again")


async def _put_limits(change: Change, id_: str, values: KeyMembers) -> list[str]:
    """Set the limits that a body has; its warnings."""
    limits_put = await owner_limits.put(change, "api_key", id_, values.limits)
    mails = [_NO_MAIL] if values.columns.get("alert_emails", "[]") != "[]" else []
    return [*limits_put, *mails]


def _scopes(row: Any) -> list[str]:
    scopes = read_json_or_none(row.scopes.encode())
    return scopes if isinstance(scopes, list) else []
