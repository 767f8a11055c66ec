"""Policies as the admin API and the command line use them: bodies in, answers out, changes in the audit log.

policies.py holds what is done with the rows. Source: docs/control-plane.md#policies.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.control.actor import Actor
from penstock.control.audit import Entry
from penstock.control.limits.limits import LimitsRefused
from penstock.control.members import LONGEST_NAME, VALUE, Fields, Members
from penstock.control.pages import ALL, Page, as_list
from penstock.control.plane import Change, ControlPlane, now, organisation_id, workspace_for
from penstock.control.policies import (
    STATUSES,
    PolicyKind,
    StoredPolicy,
    archive_policy,
    change_policy,
    create_policy,
    entities,
    find_policy,
    list_policies,
    reset_entity,
)
from penstock.control.refusal import Problem, Refusal, Why, absent, invalid
from penstock.control.timestamps import as_text
from penstock.limits.validate import Problem as LimitProblem
from penstock.stores.sql.limit_rows import ACTIVE

_COMMON: Final = ("conditions", "group_by", "type", "strict", "exceeded_status")
_DEFINITION: Final[Mapping[PolicyKind, tuple[str, ...]]] = {
    "usage": (
        *_COMMON,
        *("credit_limit", "alert_threshold", "periodic_reset", "periodic_reset_days", "penstock_window"),
        *("next_usage_reset_at", "unknown_price", "token_price"),
    ),
    "rate": (*_COMMON, "unit", "penstock_window", "value", "window", "target"),
}
"""What a policy's definition holds; its name and its workspace stand beside."""
_FIELDS: Final[Mapping[PolicyKind, Fields]] = {
    kind: Fields(dict.fromkeys(("name", "workspace_id", "reset_usage_for_value", *names), VALUE))
    for kind, names in _DEFINITION.items()
}
_OBJECTS: Final[Mapping[PolicyKind, str]] = {"usage": "policy_usage_limits", "rate": "policy_rate_limits"}


async def create(plane: ControlPlane, actor: Actor, kind: PolicyKind, body: Any) -> dict[str, Any]:
    """Make a policy. Raises Refusal."""
    members, definition = _read(kind, body)
    name, workspace = members.text("name", LONGEST_NAME), members.text("workspace_id")
    members.finish()
    async with plane.change(actor) as change:
        workspace_id = await workspace_for(change.connection, actor, workspace)
        try:
            stored = await create_policy(
                change.connection, kind, definition, workspace_id=workspace_id, name=name or "", by=actor.name,
                now=change.now, largest_cost=change.largest_cost,
            )  # fmt: skip
        except LimitsRefused as refused:
            raise _refusal(refused.problems) from None
        change.record(Entry("create", "policy", stored.id, workspace_id, body, None, dict(definition)))
    return {"id": stored.id, "object": _OBJECTS[kind], "success": True}


async def list_all(
    plane: ControlPlane, actor: Actor, kind: PolicyKind, query: Mapping[str, str], page: Page
) -> dict[str, Any]:
    """Policies that the actor sees, newest first, by ``status`` and ``type`` of the query. Raises Refusal."""
    if (query.get("status") or ACTIVE) not in STATUSES:
        raise invalid([Problem("/status", f"expected one of {', '.join(STATUSES)}")])
    async with plane.database.read() as connection:
        found = await list_policies(
            connection, kind, workspace_ids=await _workspaces(connection, actor, query.get("workspace_id")),
            status=query.get("status") or ACTIVE, type_=query.get("type"), page=page.number, page_size=page.size,
        )  # fmt: skip
        organisation = await organisation_id(connection)
    return as_list(found.total, [_shown(stored, organisation) for stored in found.items])


async def read(
    plane: ControlPlane, actor: Actor, kind: PolicyKind, id_: str, query: Mapping[str, str]
) -> dict[str, Any]:
    """One policy; with ``include_usage`` in the query what each combination of values has used. Raises Refusal."""
    async with plane.database.read() as connection:
        stored = await _found(connection, actor, kind, id_)
        answer = _shown(stored, await organisation_id(connection))
        if query.get("include_usage", "").lower() in {"true", "1"} and kind == "usage":
            page = await entities(connection, stored, now(), page_size=ALL.size)
            answer["value_key_usage_map"] = {
                entity.value_key: {
                    "current_usage": entity.current_usage,
                    "status": "exhausted" if entity.is_exhausted else "active",
                    "is_threshold_alerts_sent": entity.is_alerted,
                    "is_exhausted_alerts_sent": entity.is_exhausted,
                }
                for entity in page.items
            }
    return answer


async def update(plane: ControlPlane, actor: Actor, kind: PolicyKind, id_: str, body: Any) -> dict[str, Any]:
    """Change the members that the body has; null removes one. ``reset_usage_for_value`` names a value whose usage is
    set to nothing. Raises Refusal."""
    members, definition = _read(kind, body)
    name, value_key = members.text("name", LONGEST_NAME), members.text("reset_usage_for_value")
    members.finish()
    async with plane.change(actor) as change:
        stored = await _found(change.connection, actor, kind, id_)
        if stored.status != ACTIVE:
            raise Refusal(Why.CONFLICT, "the policy is archived, and limits nothing: make another one")
        try:
            await change_policy(
                change.connection, stored, definition, name=name, by=actor.name, now=change.now,
                largest_cost=change.largest_cost,
            )  # fmt: skip
        except LimitsRefused as refused:
            raise _refusal(refused.problems) from None
        if value_key is not None:
            await _reset(plane, change, stored, value_key)
        before = {member: stored.definition.get(member) for member in definition}
        change.record(Entry("update", "policy", id_, stored.workspace_id, body, before, dict(definition)))
    return {"success": True}


async def archive(plane: ControlPlane, actor: Actor, kind: PolicyKind, id_: str) -> dict[str, Any]:
    """End a policy; it can still be read. Raises Refusal."""
    async with plane.change(actor) as change:
        stored = await _found(change.connection, actor, kind, id_)
        await archive_policy(change.connection, stored, by=actor.name, now=change.now)
        change.record(Entry("delete", "policy", id_, stored.workspace_id, None, dict(stored.definition), None))
    return {"success": True}


async def list_entities(
    plane: ControlPlane, actor: Actor, id_: str, query: Mapping[str, str], page: Page
) -> dict[str, Any]:
    """What each combination of values has used of a budget. Raises Refusal."""
    async with plane.database.read() as connection:
        stored = await _found(connection, actor, "usage", id_)
        found = await entities(
            connection, stored, now(), status=query.get("status"), search=query.get("search"), page=page.number,
            page_size=page.size,
        )  # fmt: skip
    items = [
        {"id": entity.id, "value_key": entity.value_key, "current_usage": entity.current_usage}
        for entity in found.items
    ]
    return as_list(found.total, items)


async def reset(plane: ControlPlane, actor: Actor, id_: str, entity_id: str) -> dict[str, Any]:
    """Set to nothing what one combination of values has used. Raises Refusal."""
    async with plane.change(actor) as change:
        stored = await _found(change.connection, actor, "usage", id_)
        await _reset(plane, change, stored, entity_id)
        change.record(Entry("reset", "policy", id_, stored.workspace_id, {"entity": entity_id}))
    return {"success": True}


async def _reset(plane: ControlPlane, change: Change, stored: StoredPolicy, entity_id: str) -> None:
    is_known = await reset_entity(change.connection, plane.counters, stored, entity_id, change.now)
    if not is_known:
        raise absent("entity", entity_id)


def definition_of(kind: PolicyKind, body: Any) -> dict[str, Any]:
    """The members of a body that are the policy's definition. Raises Refusal."""
    members, definition = _read(kind, body)
    members.finish()
    return definition


def _read(kind: PolicyKind, body: Any) -> tuple[Members, dict[str, Any]]:
    """The members of a body, and those of them that are the policy's definition."""
    members = Members(body, _FIELDS[kind])
    return members, {name: members.values[name] for name in _DEFINITION[kind] if name in members.values}


async def _workspaces(connection: AsyncConnection, actor: Actor, reference: str | None) -> list[str] | None:
    """The workspaces that a list is of; None for all."""
    if reference is None and actor.workspace_id is None:
        return None
    return [await workspace_for(connection, actor, reference)]


async def _found(connection: AsyncConnection, actor: Actor, kind: PolicyKind, id_: str) -> StoredPolicy:
    workspaces = None if actor.workspace_id is None else [actor.workspace_id]
    stored = await find_policy(connection, kind, id_, workspaces)
    if stored is None:
        raise absent("policy", id_)
    return stored


def _shown(stored: StoredPolicy, organisation: str) -> dict[str, Any]:
    reset_at = {"next_usage_reset_at": stored.next_reset(now())} if stored.kind == "usage" else {}
    return {
        "id": stored.id,
        "name": stored.name,
        "workspace_id": stored.workspace_id,
        "organisation_id": organisation,
        **dict.fromkeys(_DEFINITION[stored.kind]),
        **stored.definition,
        **reset_at,
        "status": stored.status,
        "created_at": as_text(stored.created_at),
        "last_updated_at": as_text(stored.updated_at),
        "last_reset_at": as_text(stored.last_reset_at),
        "object": _OBJECTS[stored.kind],
    }


def _refusal(problems: Iterable[LimitProblem]) -> Refusal:
    return invalid([Problem(_pointer(problem.path), problem.text) for problem in problems])


def _pointer(path: str) -> str:
    """``policy.conditions[0].key`` as ``/conditions/0/key``."""
    return "/" + "/".join(part for part in re.split(r"[.\[\]]+", path.removeprefix("policy.")) if part)
