"""Gateway keys: made, listed, read, changed, rotated, deleted. A key's text is shown when it is made, and never again.

An actor grants no scope that it does not hold, and does not loosen its own limits. A deleted key keeps its row, since
records of requests name it, and loses its secrets.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.control import api_key_members, configs, limits, owner_limits
from penstock.control.actor import Actor
from penstock.control.api_key_fence import LISTS, refuse_wider
from penstock.control.api_key_members import CREATED, FIELDS, KeyMembers
from penstock.control.api_key_rows import DELETED, KINDS, scope_of, shown
from penstock.control.audit import Entry
from penstock.control.exhausted import marked
from penstock.control.key_text import masked, new_key_text
from penstock.control.members import VALUE, Fields, Members
from penstock.control.moments import as_text
from penstock.control.pages import Page, as_list, select
from penstock.control.plane import Change, ControlPlane, now, organisation_id, workspace_filter, workspace_for
from penstock.control.refusal import Problem, Refusal, Why, absent, invalid, taken
from penstock.control.scopes import allows
from penstock.control.sign_in import digest_of
from penstock.core.json_text import read_json_or_none
from penstock.stores.sql.ids import random_id
from penstock.stores.sql.schema import api_key, api_key_secret, config, user

_OWN: Final = frozenset(
    """
    scopes allowed_models allowed_providers allowed_ips expires_at metadata allow_config_override default_config_id
    """.split()
)
"""Columns that a key may not change of itself: each limits what the key can do, or by what it is counted."""
_ROTATION: Final = Fields(key_transition_period_ms=VALUE)
_SHORTEST_TRANSITION: Final = 1_800_000
_LONGEST_TRANSITION: Final = 90 * 24 * 3600 * 1000
_NO_MAIL: Final = "alert_emails get mail where the operator has set alerts.smtp (docs/alerts.md)"
IMPORTED: Final = "imported"
"""What stands for the text of a key that nobody but its holder knows."""


class _Proof(NamedTuple):
    """What is kept of a key's text: its SHA-256, its masked form, and how it begins."""

    digest: bytes
    masked: str
    prefix: str


async def create(plane: ControlPlane, actor: Actor, kind: str, body: Any, text: str | None = None) -> dict[str, Any]:
    """Make a key of a kind: its id, and its text, which nothing shows again. ``text``: of a key that exists elsewhere.

    Raises Refusal.
    """
    key = new_key_text(kind) if text is None else text
    answer = await _create(plane, actor, kind, body, _proof_of(key))
    return {"id": answer.pop("id"), "key": key, **answer}


async def create_by_digest(plane: ControlPlane, actor: Actor, kind: str, body: Any, digest: bytes) -> dict[str, Any]:
    """Make a key of the SHA-256 of its text, which its holder has from another gateway: its id. Raises Refusal."""
    return await _create(plane, actor, kind, body, _Proof(digest, IMPORTED, IMPORTED))


async def _create(plane: ControlPlane, actor: Actor, kind: str, body: Any, proof: _Proof) -> dict[str, Any]:
    actor.require(scope_of(kind, "create"))
    members = Members(body, CREATED)
    members.require("name", "scopes", *(("user_id",) if kind == "workspace-user" else ()))
    values = api_key_members.read(members, kind)
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
        await _add_secret(change, row["id"], proof)
        warnings = await _put_limits(change, row["id"], values)
        told = {"kind": kind, **columns}
        change.record(Entry("create", "api_key", row["id"], owner["workspace_id"], body, None, told))
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
        told = await _told_with(connection, rows)
    return as_list(total, await _shown(plane, rows, told))


async def read(plane: ControlPlane, actor: Actor, id_: str) -> dict[str, Any]:
    """One key. Raises Refusal."""
    async with plane.database.read() as connection:
        row = await _find(connection, actor, id_, "read")
        told = await _told_with(connection, [row])
    (item,) = await _shown(plane, [row], told)
    return item


async def update(plane: ControlPlane, actor: Actor, id_: str, body: Any) -> dict[str, Any]:
    """Change the members that the body has; null clears a member. Raises Refusal."""
    async with plane.change(actor) as change:
        row = await _find(change.connection, actor, id_, "update")
        members = Members(body, FIELDS)
        values = api_key_members.read(members, row.kind)
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
        await change.connection.execute(api_key_secret.delete().where(api_key_secret.c.api_key_id == row.id))
        await _write(change, row, {"status": DELETED, "default_config_id": None})
        await limits.drop_limits(change.connection, "api_key", row.id)
        change.record(Entry("delete", "api_key", row.id, row.workspace_id, None, {"name": row.name}, {}))
    return {}


async def rotate(plane: ControlPlane, actor: Actor, id_: str, body: Any) -> dict[str, Any]:
    """Give a key a new text. The old one stays in force for ``key_transition_period_ms``, 0 for not at all.

    Raises Refusal, also while an earlier rotation lasts: two texts at most are in force.
    """
    members = Members(body, _ROTATION)
    period = members.whole("key_transition_period_ms", 0, _LONGEST_TRANSITION)
    if period is not None and 0 < period < _SHORTEST_TRANSITION:
        members.complain("key_transition_period_ms", f"expected 0, or at least {_SHORTEST_TRANSITION}")
    members.finish()
    async with plane.change(actor) as change:
        row = await _find(change.connection, actor, id_, "rotate")
        _check_grant(actor, {"scopes": row.scopes}, ())
        await refuse_wider(change.connection, actor, {name: getattr(row, name) for name in LISTS})
        until = change.now + (_SHORTEST_TRANSITION if period is None else period) * 1000
        await _retire_secrets(change, row.id, until)
        key = new_key_text(row.kind)
        proof = _proof_of(key)
        await _add_secret(change, row.id, proof)
        await _write(change, row, {"masked": proof.masked})
        told = {"key_transition_expires_at": as_text(until)}
        change.record(Entry("rotate", "api_key", row.id, row.workspace_id, body, {}, told))
    return {"id": row.id, "key": key, "object": "api-key", "key_transition_expires_at": as_text(until)}


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


_ToldWith = tuple[str, Mapping[str, limits.StoredLimits]]


async def _told_with(connection: AsyncConnection, rows: Iterable[Any]) -> _ToldWith:
    """What answers tell beside the rows of keys: the organisation, and the limits by the key's id."""
    return await organisation_id(connection), await limits.limits_of(connection, "api_key", [row.id for row in rows])


async def _shown(plane: ControlPlane, rows: Iterable[Any], told: _ToldWith) -> list[dict[str, Any]]:
    (organisation, stored), moment = told, now()
    items = [shown(row, organisation, stored.get(row.id, limits.NO_LIMITS), moment) for row in rows]
    return await marked(plane, items, stored, moment)


async def _write(change: Change, row: Any, columns: Mapping[str, Any]) -> None:
    """Change a row that was read in this transaction. Raises Refusal if another change came between."""
    where = api_key.c.id == row.id, api_key.c.row_version == row.row_version
    values = {**columns, **change.touched(row.row_version)}
    if not (await change.connection.execute(api_key.update().where(*where).values(**values))).rowcount:
        raise taken(f"the key {row.name} was changed at the same time: try again")


def _proof_of(key: str) -> _Proof:
    return _Proof(digest_of(key), masked(key), masked(key).partition("*")[0])


async def _add_secret(change: Change, id_: str, proof: _Proof) -> None:
    """Keep the digest of a key's text. Raises Refusal if another key has this text."""
    same = api_key_secret.c.digest == proof.digest
    known = await change.connection.execute(sa.select(api_key_secret.c.id).where(same))
    if known.first() is not None:
        raise taken("there is a key with this text already")
    values = {"id": random_id(), "api_key_id": id_, "digest": proof.digest, "prefix": proof.prefix}
    await change.connection.execute(api_key_secret.insert().values(**values, created_at=change.now))


async def _retire_secrets(change: Change, id_: str, until: int) -> None:
    """Let the text of a key be in force up to a moment. Raises Refusal while an older one is in force, too."""
    secret = api_key_secret.c
    ended = sa.and_(secret.api_key_id == id_, secret.valid_until.is_not(None), secret.valid_until <= change.now)
    await change.connection.execute(api_key_secret.delete().where(ended))
    in_transition = sa.select(secret.valid_until).where(secret.api_key_id == id_, secret.valid_until.is_not(None))
    end = (await change.connection.execute(in_transition)).scalar()
    if end is not None:
        raise taken(f"an earlier rotation lasts until {as_text(end)}: two texts of a key at most are in force")
    if until <= change.now:
        await change.connection.execute(api_key_secret.delete().where(secret.api_key_id == id_))
    else:
        await change.connection.execute(
            api_key_secret.update().where(secret.api_key_id == id_).values(valid_until=until)
        )


async def _put_limits(change: Change, id_: str, values: KeyMembers) -> list[str]:
    """Set the limits that a body has; its warnings."""
    told = await owner_limits.put(change, "api_key", id_, values.limits)
    mails = [_NO_MAIL] if values.columns.get("alert_emails", "[]") != "[]" else []
    return [*told, *mails]


def _scopes(row: Any) -> list[str]:
    scopes = read_json_or_none(row.scopes.encode())
    return scopes if isinstance(scopes, list) else []
