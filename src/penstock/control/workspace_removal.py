"""Deletes a workspace: an empty one, or with all that is in it. Records of its requests stay, and so does its row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.control import configs, guardrails, policy_calls, providers, slugged_rows
from penstock.control.actor import Actor
from penstock.control.audit import Entry
from penstock.control.integrations import integrations
from penstock.control.keys import api_keys
from penstock.control.keys import rows as api_key_rows
from penstock.control.limits import limits
from penstock.control.members import LONGEST_NAME, VALUE, Fields, Members
from penstock.control.plane import Change, ControlPlane
from penstock.control.refusal import Refusal, Why, taken
from penstock.control.workspaces import DELETED, find_workspace, write_workspace
from penstock.stores.sql.limit_rows import ACTIVE
from penstock.stores.sql.schema import (
    api_key,
    config,
    guardrail,
    integration,
    integration_workspace,
    limit,
    policy,
    provider,
)

_FIELDS: Final = Fields(name=VALUE, force_delete=VALUE)
_ONE: Final = {
    "providers": "provider", "integrations": "integration", "API keys": "API key", "configs": "config",
    "guardrails": "guardrail", "policies": "policy",
}  # fmt: skip
_QUERIES: Final[Mapping[str, sa.Select[Any]]] = {
    "providers": sa.select(provider.c.slug),
    "integrations": sa.select(integration.c.slug).where(integration.c.is_hidden.is_(False)),
    "API keys": sa.select(api_key.c.id).where(api_key.c.status != api_key_rows.DELETED),
    "configs": sa.select(config.c.slug).where(config.c.status != slugged_rows.DELETED),
    "guardrails": sa.select(guardrail.c.slug).where(guardrail.c.status != slugged_rows.DELETED),
    "policies": sa.select(policy.c.id, policy.c.kind).where(policy.c.status == ACTIVE),
}
"""What may be in a workspace, in the order in which it is deleted."""


async def delete_workspace(
    plane: ControlPlane, actor: Actor, reference: str, body: Any, *, is_forced: bool = False
) -> dict[str, Any]:
    """Delete a workspace by its id or slug. The body repeats its ``name``; ``force_delete`` or ``is_forced`` deletes
    all that is in it, too. Raises Refusal: 409 for a workspace that holds something, and for the default one."""
    members = Members(body, _FIELDS)
    members.require("name")
    name, is_forced = members.text("name", LONGEST_NAME), members.switch("force_delete") is True or is_forced
    async with plane.joined(actor) as (part, change):
        row = await find_workspace(change.connection, actor, reference)
        if not actor.is_of_organisation:
            raise Refusal(Why.FORBIDDEN, "a workspace is deleted with a key of the organisation")
        if name is not None and name != row.name:
            members.complain("name", f"expected the name of the workspace {row.slug}, which is another one")
        members.finish()
        if row.is_default:
            raise taken("the default workspace can't be deleted")
        contents = await _contents(change.connection, row.id)
        if any(contents.values()) and not is_forced:
            raise taken(f"the workspace {row.slug} holds {_told(contents)}: delete these, or say force_delete")
        await _empty(part, actor, contents)
        await _forget(change, row)
        details = {"name": row.name, "slug": row.slug, "deleted": {kind: len(each) for kind, each in contents.items()}}
        change.record(Entry("delete", "workspace", row.id, row.id, None, details, {}))
    return {}


async def _contents(connection: AsyncConnection, workspace_id: str) -> dict[str, list[Any]]:
    """The rows of each kind in a workspace."""
    found = {}
    for kind, query in _QUERIES.items():
        table = query.get_final_froms()[0]
        found[kind] = list(await connection.execute(query.where(table.c.workspace_id == workspace_id)))
    return found


def _told(contents: Mapping[str, list[Any]]) -> str:
    """``2 providers, 1 API key``."""
    return ", ".join(
        [f"{len(rows)} {kind if len(rows) > 1 else _ONE[kind]}" for kind, rows in contents.items() if rows]
    )


async def _empty(plane: ControlPlane, actor: Actor, contents: Mapping[str, list[Any]]) -> None:
    """Delete all that is in a workspace, each with its own row in the audit log."""
    for row in contents["providers"]:
        await providers.delete(plane, actor, row.slug, is_forced=True)
    for row in contents["integrations"]:
        await integrations.delete(plane, actor, row.slug, is_forced=True)
    for row in contents["API keys"]:
        await api_keys.delete(plane, actor, row.id)
    for row in contents["configs"]:
        await configs.delete(plane, actor, row.slug, force=True)
    for row in contents["guardrails"]:
        await guardrails.delete(plane, actor, row.slug)
    for row in contents["policies"]:
        await policy_calls.archive(plane, actor, row.kind, row.id)


async def _forget(change: Change, row: Any) -> None:
    """Take the row of an empty workspace out of force, and its limits and accesses away."""
    connection = change.connection
    await limits.drop_limits(connection, "workspace", row.id)
    of_integrations = limit.c.owner_id.endswith(f"/{row.id}", autoescape=True)
    await connection.execute(limit.delete().where(limit.c.level == "integration", of_integrations))
    await connection.execute(integration_workspace.delete().where(integration_workspace.c.workspace_id == row.id))
    await write_workspace(change, row, {"status": DELETED, "defaults": "{}"})
