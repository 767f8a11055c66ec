"""Rows of configs as the admin API shows them, what uses a config, and the configs of penstock.toml beside them."""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.control.plane import Change, ControlPlane
from penstock.control.redact import redacted
from penstock.control.timestamps import as_text
from penstock.core.json_text import read_json_or_none, write_json
from penstock.core.virtual_key import VirtualKey
from penstock.stores.sql.schema import api_key, integration, provider, workspace

_SOURCE: Final = "penstock.toml"


def shown(row: Any, organisation: str) -> dict[str, Any]:
    """A config as an item of a list: without its text."""
    return {
        "id": row.id,
        "name": row.name,
        "slug": row.slug,
        "organisation_id": organisation,
        "workspace_id": row.workspace_id,
        "is_default": int(row.is_default),
        "status": row.status,
        "owner_id": row.created_by,
        "updated_by": row.updated_by,
        "created_at": as_text(row.created_at),
        "last_updated_at": as_text(row.updated_at),
        "object": "config",
    }


def whole(row: Any, version: Any, organisation: str) -> dict[str, Any]:
    """A config with the text of its version, also as ``data``, where Terraform looks for it."""
    fields = {**shown(row, organisation), **_text(version.body, version.id)}
    return {**fields, "success": True, "data": fields}


def version_shown(row: Any, version: Any, organisation: str) -> dict[str, Any]:
    """One version of a config, with its text."""
    times = {"created_at": as_text(version.created_at), "last_updated_at": as_text(version.created_at)}
    members = {**times, "owner_id": version.created_by, "updated_by": version.created_by, "version": version.number}
    is_current = version.id == row.version_id
    return {**shown(row, organisation), **_text(version.body, version.id), **members, "is_current": is_current}


def _text(body: str, version_id: str) -> dict[str, Any]:
    return {"config": body, "format": "json", "type": "ORG_CONFIG", "version_id": version_id}


def is_of_file(plane: ControlPlane, reference: str) -> bool:
    """Whether penstock.toml defines a config of this name or id."""
    return reference in plane.in_file().configs


def file_configs(plane: ControlPlane, organisation: str) -> list[dict[str, Any]]:
    """The configs of penstock.toml as items of a list."""
    names = dict.fromkeys(saved.name for saved in plane.in_file().configs.values())
    return [_file_item(name, organisation) for name in names]


def of_file(plane: ControlPlane, reference: str, organisation: str) -> dict[str, Any]:
    """A config of penstock.toml. Credentials in its text are masked: they are in the file for its readers alone."""
    saved = plane.in_file().configs[reference]
    text = write_json(redacted(read_json_or_none(saved.body))).decode()
    fields = {**_file_item(saved.name, organisation), **_text(text, saved.name)}
    return {**fields, "success": True, "data": fields}


def _file_item(name: str, organisation: str) -> dict[str, Any]:
    return {
        "id": name,
        "name": name,
        "slug": name,
        "organisation_id": organisation,
        "workspace_id": None,
        "is_default": 0,
        "status": "active",
        "owner_id": "file",
        "updated_by": "file",
        "created_at": None,
        "last_updated_at": None,
        "object": "config",
        "penstock_source": _SOURCE,
    }


async def references(plane: ControlPlane, connection: AsyncConnection, workspace_id: str) -> dict[str, VirtualKey]:
    """The virtual keys that a config of a workspace may name: by name, without their credentials."""
    query = (
        sa.select(provider.c.slug, integration.c.provider)
        .join(integration)
        .where(provider.c.workspace_id == workspace_id)
    )
    stored = {row.slug: VirtualKey(row.slug, row.provider) for row in await connection.execute(query)}
    return {**stored, **plane.in_file().virtual_keys}


async def users_of(connection: AsyncConnection, row: Any) -> list[str]:
    """The keys and workspaces whose default a config is, as words for people."""
    keys = sa.select(api_key.c.name).where(api_key.c.default_config_id == row.id).order_by(api_key.c.id).limit(20)
    names = [f"the key {name}" for name in (await connection.execute(keys)).scalars()]
    workspaces = list(await connection.execute(sa.select(workspace.c.name, workspace.c.defaults)))
    return names + [f"the workspace {each.name}" for each in workspaces if _default_of(each) in {row.id, row.slug}]


async def release(change: Change, row: Any) -> None:
    """Take a config from the keys and workspaces whose default it is."""
    connection = change.connection
    used = api_key.c.default_config_id == row.id
    await connection.execute(api_key.update().where(used).values(default_config_id=None))
    for each in list(await connection.execute(sa.select(workspace.c.id, workspace.c.defaults))):
        if _default_of(each) in {row.id, row.slug}:
            defaults = read_json_or_none(each.defaults.encode())
            defaults.pop("config_id")
            values = {"defaults": write_json(defaults).decode()}
            await connection.execute(workspace.update().where(workspace.c.id == each.id).values(**values))


def _default_of(row: Any) -> str | None:
    defaults = read_json_or_none(row.defaults.encode())
    config_id = defaults.get("config_id") if isinstance(defaults, dict) else None
    return config_id if isinstance(config_id, str) else None
