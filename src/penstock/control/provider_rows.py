"""The rows of providers: found for an actor, made, changed, deleted. Virtual keys are the same rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.control.actor import Actor
from penstock.control.config_text import named_keys
from penstock.control.integrations import rows as integration_rows
from penstock.control.integrations.rows import visible
from penstock.control.limits import providers as provider_limits
from penstock.control.limits.limits import StoredLimits
from penstock.control.members import LONGEST_NAME, Members
from penstock.control.pages import Page, as_list
from penstock.control.plane import Change, ControlPlane
from penstock.control.refusal import Refusal, Why, absent, taken
from penstock.control.timestamps import as_text
from penstock.core.json_text import read_json_or_none, write_json
from penstock.core.virtual_key import VirtualKey
from penstock.stores.sql.ids import random_id
from penstock.stores.sql.schema import (
    config,
    config_version,
    integration,
    integration_workspace,
    organisation,
    provider,
    workspace,
)

ROWS: Final[sa.Select[Any]] = (
    sa.select(
        *provider.columns,
        integration.c.slug.label("integration_slug"),
        integration.c.provider.label("ai_provider"),
        integration.c.masked_key,
        integration.c.configurations,
        integration.c.masked_configurations,
        integration.c.is_hidden,
        workspace.c.name.label("workspace_name"),
        sa.select(organisation.c.id).limit(1).scalar_subquery().label("organisation_id"),
    )
    .join(integration, integration.c.id == provider.c.integration_id)
    .join(workspace, workspace.c.id == provider.c.workspace_id)
)
"""Providers with what their answers tell of integration and workspace."""
ORDER: Final = (provider.c.created_at, provider.c.id)
_SOURCE: Final = "penstock.toml"
ACTIVE: Final = "active"
_MOST_TAGS: Final = 50
_LONGEST_TAG: Final = 128


def status(row: Any, now: int) -> str:
    """``active``, ``disabled`` or ``expired``; limits/usage.py knows which of the active ones are exhausted."""
    is_over = row.expires_at is not None and row.expires_at <= now
    return "expired" if is_over else str(row.status)


async def find(connection: AsyncConnection, actor: Actor, reference: str, workspace_id: str | None) -> sa.Row[Any]:
    """A provider by id or slug, of the actor's workspace, or of the one that the query names. Raises Refusal."""
    named = sa.or_(provider.c.id == reference, provider.c.slug == reference)
    query = ROWS.where(named)
    if workspace_id is not None:
        query = query.where(provider.c.workspace_id == workspace_id)
    if actor.workspace_id is not None:
        query = query.where(provider.c.workspace_id == actor.workspace_id)
    row: sa.Row[Any] | None = (await connection.execute(query)).first()
    if row is None:
        raise absent("provider", reference)
    return row


def shown(row: Any, stored: Mapping[str, StoredLimits], now: int) -> dict[str, Any]:
    """What answers tell of a provider and of a virtual key alike."""
    return {
        "id": row.id,
        "slug": row.slug,
        "name": row.name,
        "note": row.note or None,
        "status": status(row, now),
        "organisation_id": row.organisation_id,
        "workspace_id": row.workspace_id,
        "integration_id": row.integration_slug,
        **provider_limits.shown(stored, row.id, now),
        "reset_usage": None,
        "tags": read_json_or_none(row.tags.encode()),
        "expires_at": as_text(row.expires_at),
        "last_reset_at": as_text(provider_limits.last_reset(stored, row.id)),
        "created_at": as_text(row.created_at),
        "last_updated_at": as_text(row.updated_at),
    }


def with_file(
    plane: ControlPlane,
    page: Page,
    total: int,
    items: list[dict[str, Any]],
    make: Callable[[VirtualKey], dict[str, Any]],
) -> dict[str, Any]:
    """A page of a list, at whose end the virtual keys of penstock.toml stand. ``make`` makes items of them."""
    rest = list(plane.in_file().virtual_keys.values())
    start = page.number * page.size
    shown = [make(key) for key in rest[max(0, start - total) : max(0, start + page.size - total)]]
    return as_list(total + len(rest), [*items, *shown])


def of_file(key: VirtualKey) -> dict[str, Any]:
    """What answers tell of a virtual key of penstock.toml: nothing but its name is like a row's."""
    return {
        "id": key.name,
        "slug": key.name,
        "name": key.name,
        "note": None,
        "status": ACTIVE,
        "organisation_id": None,
        "workspace_id": None,
        "integration_id": None,
        "usage_limits": None,
        "rate_limits": [],
        "reset_usage": None,
        "tags": [],
        "expires_at": None,
        "last_reset_at": None,
        "created_at": None,
        "last_updated_at": None,
        "penstock_source": _SOURCE,
    }


async def insert(
    plane: ControlPlane, change: Change, integration_id: str, workspace_id: str, slug: str, **columns: Any
) -> str:
    """Make a provider; its id. Raises Refusal for a slug that is taken."""
    integration_rows.refuse_in_file(plane, slug)
    await integration_rows.refuse_taken(change.connection, provider.c.slug, slug)
    id_ = random_id()
    await change.connection.execute(
        provider.insert().values(
            id=id_,
            workspace_id=workspace_id,
            integration_id=integration_id,
            slug=slug,
            **columns,
            **change.made(),
        )
    )
    return id_


async def grant(change: Change, row: Any, workspace_id: str) -> None:
    """Have a workspace use an integration of the organisation. Raises Refusal where that was switched off, and for
    an actor who may not give it."""
    if row.workspace_id is not None:
        if row.workspace_id != workspace_id:
            raise Refusal(Why.CONFLICT, f"the integration {row.slug} belongs to another workspace")
        return
    query = sa.select(integration.c.id).where(integration.c.id == row.id, visible(workspace_id))
    if (await change.connection.execute(query)).first() is not None:
        return
    is_enabled = (
        await change.connection.execute(
            sa.select(integration_workspace.c.is_enabled).where(
                integration_workspace.c.integration_id == row.id,
                integration_workspace.c.workspace_id == workspace_id,
            )
        )
    ).scalar()
    if is_enabled is False:
        raise taken(f"the integration {row.slug} is switched off for this workspace: switch it on there")
    await set_access(change, row.id, workspace_id, is_enabled=True)


async def set_access(change: Change, integration_id: str, workspace_id: str, *, is_enabled: bool) -> None:
    """Say whether a workspace may use an integration of the organisation."""
    table = integration_workspace
    same = table.c.integration_id == integration_id, table.c.workspace_id == workspace_id
    changed = await change.connection.execute(
        table.update().where(*same).values(is_enabled=is_enabled, updated_at=change.now)
    )
    if not changed.rowcount:
        await change.connection.execute(
            table.insert().values(
                integration_id=integration_id,
                workspace_id=workspace_id,
                is_enabled=is_enabled,
                created_at=change.now,
                updated_at=change.now,
            )
        )


def changed_columns(members: Members) -> dict[str, Any]:
    """The columns that a body changes: name, note, tags, end, status. A null clears note, tags and end."""
    columns: dict[str, Any] = {}
    if members.has("name"):
        members.require("name")
        columns["name"] = members.text("name", LONGEST_NAME)
    if members.has("note"):
        columns["note"] = members.remark("note")
    if members.has("tags"):
        columns["tags"] = write_json(_tags(members)).decode()
    if members.has("expires_at"):
        columns["expires_at"] = members.timestamp("expires_at")
    if members.values.get("status") is not None:
        columns["status"] = members.choice("status", (ACTIVE, "disabled"))
    return columns


def _tags(members: Members) -> list[str]:
    """Words by which people sort providers, each once."""
    tags = list(dict.fromkeys(members.texts("tags") or ()))
    if len(tags) > _MOST_TAGS or any(len(tag) > _LONGEST_TAG for tag in tags):
        members.complain("tags", f"expected at most {_MOST_TAGS} texts of at most {_LONGEST_TAG} characters")
    return tags


async def apply(change: Change, row: Any, columns: dict[str, Any]) -> None:
    """Change a provider. Raises Refusal where somebody else changed it meanwhile."""
    same = provider.c.id == row.id, provider.c.row_version == row.row_version
    update = provider.update().where(*same).values(**columns, **change.touched(row.row_version))
    if (await change.connection.execute(update)).rowcount != 1:
        raise taken("somebody else changed this at the same time: read it anew and repeat the change")


async def remove(change: Change, row: Any) -> None:
    """Take a provider away, with its limits, and with its integration if that is a virtual key's."""
    await provider_limits.drop(change.connection, row.id)
    await change.connection.execute(provider.delete().where(provider.c.id == row.id))
    if row.is_hidden:
        await integration_rows.remove(change, row.integration_id)


async def refuse_used(connection: AsyncConnection, slug: str, workspace_id: str) -> None:
    """Raise Refusal while configs of its workspace, the only ones that can use it, name a provider."""
    names = await _configs_naming(connection, slug, workspace_id)
    if names:
        text = f"{slug} is used by the configs {', '.join(names)}: change them first, or repeat this with ?force=true"
        raise taken(text)


async def _configs_naming(connection: AsyncConnection, slug: str, workspace_id: str) -> list[str]:
    """The slugs of a workspace's saved configs that name a provider, as a virtual key, a provider or in a model."""
    is_found = config_version.c.body.contains(slug, autoescape=True)
    query = (
        sa.select(config.c.slug, config_version.c.body)
        .join(config_version, config_version.c.id == config.c.version_id)
        .where(config.c.status == ACTIVE, config.c.workspace_id == workspace_id, is_found)
        .order_by(config.c.slug)
    )
    rows = await connection.execute(query)
    return [row.slug for row in rows if slug in named_keys(read_json_or_none(row.body.encode()))]
