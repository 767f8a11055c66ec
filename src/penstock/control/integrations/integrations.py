"""Integrations: credentials at providers, of the organisation or of one workspace.

A secret goes in and never comes out: answers show it masked. Source: docs/control-plane.md#integrations.
"""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.control import provider_rows
from penstock.control.actor import Actor
from penstock.control.audit import Entry
from penstock.control.integrations import configurations, price_problems
from penstock.control.integrations import rows as integration_rows
from penstock.control.integrations.configurations import ProviderRow
from penstock.control.integrations.rows import Wanted
from penstock.control.members import LONGEST_NAME, VALUE, Fields, Members
from penstock.control.pages import Page, as_list, select
from penstock.control.plane import Change, ControlPlane, organisation_id, workspace_for
from penstock.control.refusal import invalid, taken
from penstock.control.timestamps import as_text
from penstock.core.json_text import read_json_or_none, write_json
from penstock.prices.adjust import read_adjustments
from penstock.stores.sql.catalogue.load import CREDENTIAL
from penstock.stores.sql.schema import integration, provider

KIND: Final = "integration"
_ADJUSTMENTS: Final = "pricing_adjustments"
TYPES: Final = ("workspace", "organisation", "all")
_CHANGED: Final = Fields(
    dict.fromkeys(("name", "description", "key", "configurations", "secret_mappings", _ADJUSTMENTS), VALUE)
)
_MADE: Final = Fields(
    {
        **_CHANGED,
        **dict.fromkeys(
            ("ai_provider_id", "slug", "workspace_id", "create_default_provider", "default_provider_slug"), VALUE
        ),
    }
)
_ORDER: Final = (integration.c.created_at, integration.c.id)


async def create(plane: ControlPlane, actor: Actor, body: Any) -> dict[str, Any]:
    """Make an integration, and a provider on it unless the body says otherwise; its id and slug. Raises Refusal."""
    members = Members(body, _MADE)
    members.require("name", "ai_provider_id")
    row = integration_rows.provider_row(plane, members, "ai_provider_id")
    name, place = members.text("name", LONGEST_NAME), members.text("workspace_id")
    slug = integration_rows.slug_of(members, "slug") or integration_rows.new_slug(name or "")
    default_slug = integration_rows.slug_of(members, "default_provider_slug") or slug
    makes_provider = members.switch("create_default_provider") is not False
    columns = _changed_columns(members)
    if row is None:
        raise invalid(members.problems)
    wanted = _wanted(plane, actor, row, members)
    members.finish()
    async with plane.change(actor) as change:
        connection = change.connection
        is_of_workspace = place is not None or not actor.is_of_organisation
        workspace_id = await workspace_for(connection, actor, place)
        owner = workspace_id if is_of_workspace else None
        integration_rows.require(actor, "create", owner)
        await integration_rows.refuse_taken(connection, integration.c.slug, slug)
        id_ = await integration_rows.insert(
            plane, change, row, wanted, workspace_id=owner, slug=slug, is_for_every_workspace=False, **columns
        )
        if makes_provider:
            made = (await connection.execute(sa.select(integration).where(integration.c.id == id_))).one()
            await provider_rows.grant(change, made, workspace_id)
            await provider_rows.insert(plane, change, id_, workspace_id, default_slug, name=name, is_default=True)
        change.record(Entry("create", KIND, id_, owner, body=body))
    return {"id": id_, "slug": slug, "object": KIND}


async def holds(plane: ControlPlane, actor: Actor, connection: AsyncConnection, row: Any, body: Any) -> bool:
    """Whether an integration is what ``create`` would make of a body, but for its names. Raises Refusal."""
    members = Members(body, _MADE)
    rules = plane.provider_rules.find(row.provider)
    if rules is None or plane.provider_rules.find(body["ai_provider_id"]) is not rules:
        return False
    wanted = _wanted(plane, actor, rules, members)
    members.finish()
    return await integration_rows.holds(plane, connection, row, wanted)


async def list_(
    plane: ControlPlane, actor: Actor, page: Page, workspace: str | None = None, type_: str | None = None
) -> dict[str, Any]:
    """The integrations that the actor sees, or those that a workspace may use. Raises Refusal."""
    async with plane.database.read() as connection:
        place = None if workspace is None else await workspace_for(connection, actor, workspace)
        query = sa.select(integration).where(sa.not_(integration.c.is_hidden))
        query = query.where(integration_rows.visible(place or actor.workspace_id))
        if type_ in {"workspace", "organisation"}:
            is_of_organisation = integration.c.workspace_id.is_(None)
            query = query.where(is_of_organisation if type_ == "organisation" else sa.not_(is_of_organisation))
        total, rows = await select(connection, query, _ORDER, page)
        organisation = await organisation_id(connection)
    return as_list(total, [_item(plane, row, organisation) for row in rows])


async def read(plane: ControlPlane, actor: Actor, reference: str) -> dict[str, Any]:
    """One integration, its secrets masked. Raises Refusal."""
    async with plane.database.read() as connection:
        row = await integration_rows.find(connection, actor, reference)
        integration_rows.require(actor, "read", row.workspace_id)
        return _item(plane, row, await organisation_id(connection))


async def update(plane: ControlPlane, actor: Actor, reference: str, body: Any) -> dict[str, Any]:
    """Change an integration. A member that is absent stays, null clears; the same holds for each setting of
    ``configurations``. Raises Refusal."""
    members = Members(body, _CHANGED)
    if members.has("name"):
        members.require("name")
    columns = _changed_columns(members)
    async with plane.change(actor) as change:
        connection = change.connection
        before = await integration_rows.find(connection, actor, reference)
        integration_rows.require(actor, "update", before.workspace_id)
        row = plane.provider_rules.find(before.provider)
        if row is None:
            raise taken(f"the gateway has no provider {before.provider} any more: delete the integration")
        wanted = _wanted(plane, actor, row, members)
        members.finish()
        await integration_rows.apply(plane, change, row, before, wanted, **columns)
        after = await integration_rows.find(connection, actor, before.id)
        organisation = await organisation_id(connection)
        shown = [_item(plane, each, organisation) for each in (before, after)]
        change.record(Entry("update", KIND, before.id, before.workspace_id, body=body, before=shown[0], after=shown[1]))
    return {"id": after.id, "slug": after.slug}


async def delete(plane: ControlPlane, actor: Actor, reference: str, *, is_forced: bool = False) -> None:
    """Delete an integration with the provider that was made with it. Raises Refusal while others use it.

    ``is_forced`` deletes its providers, too.
    """
    async with plane.change(actor) as change:
        row = await integration_rows.find(change.connection, actor, reference)
        integration_rows.require(actor, "delete", row.workspace_id)
        await _delete_providers(change, row, is_forced=is_forced)
        await integration_rows.remove(change, row.id)
        change.record(Entry("delete", KIND, row.id, row.workspace_id, before={"slug": row.slug, "name": row.name}))


async def _delete_providers(change: Change, row: Any, *, is_forced: bool) -> None:
    connection = change.connection
    query = provider_rows.ROWS.where(provider.c.integration_id == row.id).order_by(provider.c.slug)
    providers = list(await connection.execute(query))
    users = [each.slug for each in providers if not each.is_default]
    if users and not is_forced:
        text = f"the integration is used by the providers {', '.join(users)}: delete them first, or repeat this with "
        raise taken(f"{text}?force=true")
    for each in providers:
        if not is_forced:
            await provider_rows.refuse_used(connection, each.slug, each.workspace_id)
        await provider_rows.remove(change, each)


def _changed_columns(members: Members) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    if members.has("name"):
        columns["name"] = members.text("name", LONGEST_NAME)
    if members.has("description"):
        columns["description"] = members.remark("description")
    if members.has(_ADJUSTMENTS):
        columns[_ADJUSTMENTS] = _adjustments(members)
    return columns


def _adjustments(members: Members) -> str:
    """Multipliers of prices, as the column keeps them. What would change no price is a problem, not a warning."""
    value = members.values[_ADJUSTMENTS]
    price_problems.tell(members, lambda unknown: read_adjustments(value, _ADJUSTMENTS, unknown))
    return write_json(value or {}).decode()


def _wanted(plane: ControlPlane, actor: Actor, row: ProviderRow, members: Members) -> Wanted:
    settings = members.values.get("configurations")
    if settings is not None and not isinstance(settings, dict):
        members.complain("configurations", "expected an object")
        settings = None
    judge = plane.provider_rules.judge_host
    return Wanted(
        key=integration_rows.credential(members),
        sets_key=members.values.get(CREDENTIAL, "") != "",
        configurations=configurations.read(row, settings or {}, judge, members.at("configurations"), members.problems),
        clears=members.has("configurations") and settings is None,
        mappings=integration_rows.mappings(row, members, actor),
    )


def _item(plane: ControlPlane, row: Any, organisation: str) -> dict[str, Any]:
    settings, masks = integration_rows.texts(row.configurations), integration_rows.texts(row.masked_configurations)
    references = integration_rows.texts(row.secret_mappings)
    is_shared = row.workspace_id is None and row.is_for_every_workspace
    return {
        "id": row.id,
        "slug": row.slug,
        "name": row.name,
        "description": row.description or None,
        "ai_provider_id": row.provider,
        "organisation_id": organisation,
        "workspace_id": row.workspace_id,
        "type": "organisation" if row.workspace_id is None else "workspace",
        "status": provider_rows.ACTIVE,
        "key": "",
        "masked_key": row.masked_key,
        "configurations": configurations.shown(plane.provider_rules.find(row.provider), settings, masks),
        "secret_mappings": [
            {"target_field": field, "secret_reference_id": reference} for field, reference in references.items()
        ],
        _ADJUSTMENTS: read_json_or_none(row.pricing_adjustments.encode()) or None,
        "allow_all_models": row.allow_all_models,
        "global_workspace_access": {"enabled": True} if is_shared else None,
        "owner_id": row.created_by,
        "created_at": as_text(row.created_at),
        "last_updated_at": as_text(row.updated_at),
        "object": KIND,
    }
