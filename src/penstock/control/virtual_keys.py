"""Virtual keys: a credential and its name in one, the older face of integrations and providers.

A virtual key is a provider on an integration of its own, which is never shown apart from it. Providers on other
integrations are listed and read here, too. Source: docs/control-plane.md#virtual-keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa

from penstock.control import provider_rows
from penstock.control.actor import Actor
from penstock.control.audit import Entry
from penstock.control.integrations import configurations
from penstock.control.integrations import rows as integration_rows
from penstock.control.integrations.configurations import ProviderRow
from penstock.control.integrations.rows import Wanted
from penstock.control.limits import providers as provider_limits
from penstock.control.limits.limits import StoredLimits
from penstock.control.limits.usage import marked
from penstock.control.members import LONGEST_NAME, VALUE, Fields, Members
from penstock.control.pages import Page, select
from penstock.control.plane import Change, ControlPlane, now, workspace_filter, workspace_for
from penstock.control.redact import MASK
from penstock.control.refusal import invalid, taken
from penstock.core.virtual_key import VirtualKey
from penstock.stores.sql.catalogue.load import CREDENTIAL
from penstock.stores.sql.schema import integration, provider

KIND: Final = "virtual-key"
_CHANGED: Final = Fields(
    {
        "name": VALUE,
        "key": VALUE,
        "note": VALUE,
        "tags": VALUE,
        "expires_at": VALUE,
        "status": VALUE,
        "secret_mappings": VALUE,
        **provider_limits.FIELDS,
    }
)
_MADE: Final = Fields({**_CHANGED, "provider": VALUE, "workspace_id": VALUE, "slug": VALUE})
_UPDATED: Final = Fields({**_CHANGED, "reset_usage": VALUE})


async def create(plane: ControlPlane, actor: Actor, body: Any) -> dict[str, Any]:
    """Make a virtual key; its id and slug. The provider's own settings stand beside its members. Raises Refusal."""
    row = _row_of(plane, body)
    members = Members(body, Fields({**_MADE, **_settings(row)}))
    members.require("name", "provider")
    row = integration_rows.provider_row(plane, members, "provider")
    name, place = members.text("name", LONGEST_NAME), members.text("workspace_id")
    slug = integration_rows.slug_of(members, "slug") or integration_rows.new_slug(name or "")
    limits, columns = provider_limits.read(members), provider_rows.changed_columns(members)
    if row is None:
        raise invalid(members.problems)
    wanted = _wanted(plane, actor, row, members)
    members.finish()
    async with plane.change(actor) as change:
        workspace_id = await workspace_for(change.connection, actor, place)
        await integration_rows.refuse_taken(change.connection, integration.c.slug, slug)
        integration_id = await integration_rows.insert(
            plane, change, row, wanted, workspace_id=workspace_id, slug=slug, name=name, is_hidden=True
        )
        id_ = await provider_rows.insert(plane, change, integration_id, workspace_id, slug, **columns)
        warnings = await provider_limits.put(change, id_, limits)
        change.record(Entry("create", KIND, id_, workspace_id, body=body))
    return {"id": id_, "slug": slug, "object": KIND, **({"warnings": warnings} if warnings else {})}


async def list_(plane: ControlPlane, actor: Actor, page: Page, workspace: str | None = None) -> dict[str, Any]:
    """The virtual keys and providers of a workspace, or of all that the actor sees."""
    async with plane.database.read() as connection:
        where = await workspace_filter(connection, actor, provider.c.workspace_id, workspace)
        total, rows = await select(connection, provider_rows.ROWS.where(where), provider_rows.ORDER, page)
        limits = await provider_limits.of(connection, [row.id for row in rows])
    moment = now()
    items = await marked(plane, [_listed(plane, row, limits, moment) for row in rows], limits, moment)
    return provider_rows.with_file(plane, page, total, items, _file_item)


async def read(plane: ControlPlane, actor: Actor, reference: str) -> dict[str, Any]:
    """One virtual key, its credential masked. Raises Refusal."""
    of_file = plane.in_file().virtual_keys.get(reference)
    if of_file is not None:
        return {**_file_item(of_file), "ai_provider_name": of_file.provider, "key": "", "masked_api_key": MASK}
    async with plane.database.read() as connection:
        row = await provider_rows.find(connection, actor, reference, None)
        limits, moment = await provider_limits.of(connection, [row.id]), now()
    (item,) = await marked(plane, [_listed(plane, row, limits, moment)], limits, moment)
    return {
        **item,
        "ai_provider_name": row.ai_provider,
        "key": "",
        "masked_api_key": row.masked_key,
    }


async def update(plane: ControlPlane, actor: Actor, reference: str, body: Any) -> dict[str, Any]:
    """Change a virtual key: a member that is absent stays, null clears. Raises Refusal."""
    integration_rows.refuse_in_file(plane, reference)
    async with plane.change(actor) as change:
        connection = change.connection
        row = await provider_rows.find(connection, actor, reference, None)
        provider_row = plane.provider_rules.find(row.ai_provider)
        members = Members(body, Fields({**_UPDATED, **_settings(provider_row)}))
        limits, columns = provider_limits.read(members), provider_rows.changed_columns(members)
        resets = members.switch("reset_usage")
        wanted = Wanted() if provider_row is None else _wanted(plane, actor, provider_row, members)
        members.finish()
        before = _listed(plane, row, await provider_limits.of(connection, [row.id]), change.now)
        if provider_row is not None and _says_something(wanted):
            await _apply(plane, change, provider_row, row, wanted)
        warnings = await provider_limits.put(change, row.id, limits)
        if resets:
            await provider_limits.reset(change, row.id)
        await provider_rows.apply(change, row, columns)
        row = await provider_rows.find(connection, actor, row.id, None)
        after = _listed(plane, row, await provider_limits.of(connection, [row.id]), change.now)
        change.record(Entry("update", KIND, row.id, row.workspace_id, body=body, before=before, after=after))
    return {"id": row.id, "slug": row.slug, "object": KIND, **({"warnings": warnings} if warnings else {})}


async def delete(plane: ControlPlane, actor: Actor, reference: str, *, is_forced: bool = False) -> None:
    """Delete a virtual key with its credential. Raises Refusal while configs name it."""
    integration_rows.refuse_in_file(plane, reference)
    async with plane.change(actor) as change:
        row = await provider_rows.find(change.connection, actor, reference, None)
        if not is_forced:
            await provider_rows.refuse_used(change.connection, row.slug, row.workspace_id)
        await provider_rows.remove(change, row)
        change.record(Entry("delete", KIND, row.id, row.workspace_id, before={"slug": row.slug, "name": row.name}))


async def _apply(plane: ControlPlane, change: Change, row: ProviderRow, key: Any, wanted: Wanted) -> None:
    if not key.is_hidden:
        text = f"{key.slug} stands on the integration {key.integration_slug}, which others may use: change it there"
        raise taken(text)
    query = sa.select(integration).where(integration.c.id == key.integration_id)
    before = (await change.connection.execute(query)).one()
    await integration_rows.apply(plane, change, row, before, wanted)


def _row_of(plane: ControlPlane, body: Any) -> ProviderRow | None:
    """The provider of a body, which says what other members the body may have."""
    name = body.get("provider") if isinstance(body, Mapping) else None
    return plane.provider_rules.find(name) if isinstance(name, str) else None


def _settings(row: ProviderRow | None) -> Fields:
    """The settings of a provider that may stand in a virtual key's body."""
    if row is None:
        return Fields()
    names = (*configurations.names(row), *configurations.lists_deployments(row))
    return Fields({name: VALUE for name in names if name not in _MADE})


def _wanted(plane: ControlPlane, actor: Actor, row: ProviderRow, members: Members) -> Wanted:
    settings = {name: members.values[name] for name in _settings(row) if members.has(name)}
    judge = plane.provider_rules.judge_host
    return Wanted(
        key=integration_rows.credential(members),
        sets_key=members.values.get(CREDENTIAL, "") != "",
        configurations=configurations.read(row, settings, judge, "", members.problems),
        mappings=integration_rows.mappings(row, members, actor),
    )


def _says_something(wanted: Wanted) -> bool:
    settings = wanted.configurations
    return wanted.sets_key or wanted.mappings is not None or bool(settings.plain or settings.secret)


def _listed(plane: ControlPlane, row: Any, limits: Mapping[str, StoredLimits], moment: int) -> dict[str, Any]:
    settings, masks = integration_rows.texts(row.configurations), integration_rows.texts(row.masked_configurations)
    return {
        **provider_rows.shown(row, limits, moment),
        "provider": row.ai_provider,
        "model_config": configurations.shown(plane.provider_rules.find(row.ai_provider), settings, masks),
        "workspace_name": row.workspace_name,
        "object": KIND,
    }


def _file_item(key: VirtualKey) -> dict[str, Any]:
    more: dict[str, Any] = {"provider": key.provider, "model_config": {}, "workspace_name": None}
    return {**provider_rows.of_file(key), **more, "object": KIND}
