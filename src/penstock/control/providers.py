"""Providers: what a workspace calls ``@slug``, on an integration that holds the credential.

Source: docs/control-plane.md#providers.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from penstock.control import provider_rows
from penstock.control.actor import Actor
from penstock.control.audit import Entry
from penstock.control.integrations import rows as integration_rows
from penstock.control.limits import providers as provider_limits
from penstock.control.limits.limits import StoredLimits
from penstock.control.limits.usage import marked
from penstock.control.members import LONGEST_NAME, VALUE, Fields, Members
from penstock.control.pages import Page, select
from penstock.control.plane import ControlPlane, now, workspace_filter, workspace_for
from penstock.control.refusal import Problem, invalid
from penstock.core.virtual_key import VirtualKey
from penstock.stores.sql.schema import provider

KIND: Final = "provider"
_CHANGED: Final = Fields(
    {"name": VALUE, "note": VALUE, "tags": VALUE, "expires_at": VALUE, "status": VALUE, **provider_limits.FIELDS}
)
_MADE: Final = Fields({**_CHANGED, "integration_id": VALUE, "slug": VALUE, "workspace_id": VALUE})
_UPDATED: Final = Fields({**_CHANGED, "reset_usage": VALUE, "integration_id": VALUE})


async def create(plane: ControlPlane, actor: Actor, body: Any) -> dict[str, Any]:
    """Make a provider; its id and slug. Raises Refusal."""
    members = Members(body, _MADE)
    members.require("name", "integration_id")
    slug = integration_rows.slug_of(members, "slug")
    name, reference = members.text("name", LONGEST_NAME), members.text("integration_id")
    place = members.text("workspace_id")
    limits, columns = provider_limits.read(members), provider_rows.changed_columns(members)
    members.finish()
    if slug is None:
        slug = integration_rows.new_slug(name or "")
    async with plane.change(actor) as change:
        workspace_id = await workspace_for(change.connection, actor, place)
        row = await integration_rows.find(change.connection, actor, reference or "")
        await provider_rows.grant(change, row, workspace_id)
        id_ = await provider_rows.insert(plane, change, row.id, workspace_id, slug, **columns)
        warnings = await provider_limits.put(change, id_, limits)
        change.record(Entry("create", KIND, id_, workspace_id, body=body))
    return {"id": id_, "slug": slug, "object": KIND, **({"warnings": warnings} if warnings else {})}


async def list_(
    plane: ControlPlane, actor: Actor, page: Page, workspace: str | None = None, *, has_arrays: bool = False
) -> dict[str, Any]:
    """The providers of a workspace, or of all that the actor sees. ``rate_limits`` is null or the first limit, which is
    all that Python's client can read there; all stand in ``penstock_rate_limits``. ``has_arrays``: all stand in
    ``rate_limits``, as Terraform's client wants them."""
    async with plane.database.read() as connection:
        where = await workspace_filter(connection, actor, provider.c.workspace_id, workspace)
        total, rows = await select(connection, provider_rows.ROWS.where(where), provider_rows.ORDER, page)
        limits = await provider_limits.of(connection, [row.id for row in rows])
    moment, listed = now(), partial(_listed, has_arrays=has_arrays)
    items = await marked(plane, [listed(_item(row, limits, moment)) for row in rows], limits, moment)
    return provider_rows.with_file(plane, page, total, items, lambda key: listed(_file_item(key)))


async def read(plane: ControlPlane, actor: Actor, reference: str, workspace: str | None = None) -> dict[str, Any]:
    """One provider. Raises Refusal."""
    of_file = plane.in_file().virtual_keys.get(reference)
    if of_file is not None:
        return _file_item(of_file)
    async with plane.database.read() as connection:
        place = None if workspace is None else await workspace_for(connection, actor, workspace)
        row = await provider_rows.find(connection, actor, reference, place)
        limits, moment = await provider_limits.of(connection, [row.id]), now()
    (item,) = await marked(plane, [_item(row, limits, moment)], limits, moment)
    return item


async def update(
    plane: ControlPlane, actor: Actor, reference: str, body: Any, workspace: str | None = None
) -> dict[str, Any]:
    """Change a provider: a member that is absent stays, null clears. Raises Refusal."""
    members = Members(body, _UPDATED)
    limits, columns = provider_limits.read(members), provider_rows.changed_columns(members)
    resets = members.switch("reset_usage")
    members.finish()
    integration_rows.refuse_in_file(plane, reference)
    async with plane.change(actor) as change:
        connection = change.connection
        place = None if workspace is None else await workspace_for(connection, actor, workspace)
        row = await provider_rows.find(connection, actor, reference, place)
        before = _item(row, await provider_limits.of(connection, [row.id]), change.now)
        if members.values.get("integration_id") not in (None, before["integration_id"], row.integration_id):
            raise invalid([Problem("/integration_id", "it can't be changed: make another provider")])
        warnings = await provider_limits.put(change, row.id, limits)
        if resets:
            await provider_limits.reset(change, row.id)
        await provider_rows.apply(change, row, columns)
        row = await provider_rows.find(connection, actor, row.id, None)
        after = _item(row, await provider_limits.of(connection, [row.id]), change.now)
        change.record(Entry("update", KIND, row.id, row.workspace_id, body=body, before=before, after=after))
    return {"id": row.id, "slug": row.slug, **({"warnings": warnings} if warnings else {})}


async def delete(
    plane: ControlPlane, actor: Actor, reference: str, workspace: str | None = None, *, is_forced: bool = False
) -> None:
    """Delete a provider, and the credential with it if it is a virtual key. Raises Refusal while configs name it."""
    integration_rows.refuse_in_file(plane, reference)
    async with plane.change(actor) as change:
        place = None if workspace is None else await workspace_for(change.connection, actor, workspace)
        row = await provider_rows.find(change.connection, actor, reference, place)
        if not is_forced:
            await provider_rows.refuse_used(change.connection, row.slug, row.workspace_id)
        await provider_rows.remove(change, row)
        change.record(Entry("delete", KIND, row.id, row.workspace_id, before={"slug": row.slug, "name": row.name}))


def _item(row: Any, limits: Mapping[str, StoredLimits], moment: int) -> dict[str, Any]:
    return {**provider_rows.shown(row, limits, moment), "ai_provider_id": row.ai_provider, "object": KIND}


def _file_item(key: VirtualKey) -> dict[str, Any]:
    return {**provider_rows.of_file(key), "ai_provider_id": key.provider, "object": KIND}


def _listed(item: dict[str, Any], *, has_arrays: bool) -> dict[str, Any]:
    limits = item["rate_limits"]
    first = limits[0] if limits else None
    return {**item, "rate_limits": limits if has_arrays else first, "penstock_rate_limits": limits}
