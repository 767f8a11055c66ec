"""Whether what an import would make is there already, and in what it differs.

A difference is a clause for people: empty where there is none, None where the thing itself is not there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.control import configs, policies
from penstock.control.keys import members as api_key_members
from penstock.control.keys.api_keys import IMPORTED
from penstock.control.keys.rows import DELETED
from penstock.control.limits import owners as owner_limits
from penstock.control.limits.limits import NO_LIMITS, limits_of
from penstock.control.members import Members
from penstock.control.policies import PolicyKind, StoredPolicy
from penstock.core.json_text import read_json_or_none
from penstock.limits.definition import MEMBERS
from penstock.limits.limit import Level
from penstock.stores.sql.limit_rows import ACTIVE
from penstock.stores.sql.schema import api_key, api_key_secret, config_version, integration, workspace
from penstock.stores.sql.schema import config as config_table
from penstock.stores.sql.schema import policy as policy_table
from penstock.stores.sql.schema import provider as provider_table

LIMITS: Final = "its limits differ"
_JSON: Final = frozenset({"scopes", "metadata", "labels", "allowed_models", "allowed_providers"})


async def provider(connection: AsyncConnection, body: Mapping[str, Any]) -> str | None:
    """How the provider of a slug differs from a body."""
    query = sa.select(provider_table, integration.c.slug.label("integration_slug")).join(integration)
    row = (await connection.execute(query.where(provider_table.c.slug == body["slug"]))).one_or_none()
    if row is None:
        return None
    if row.integration_slug != body["integration_id"]:
        return f"it is on the integration {row.integration_slug}"
    if row.status != "active":
        return "it is disabled"
    return "" if await _has_limits(connection, "provider", row.id, body) else LIMITS


async def config(connection: AsyncConnection, slug: str, wanted: Any) -> str | None:
    """How the config of a slug differs from a text."""
    row = await configs.find(connection, None, slug)
    if row is None:
        return None
    version = sa.select(config_version.c.body).where(config_version.c.id == row.version_id)
    text = (await connection.execute(version)).scalar()
    if row.status != "active":
        return "it is inactive"
    return "" if text is not None and read_json_or_none(text.encode()) == wanted else "its text differs"


async def key_row(connection: AsyncConnection, digest: bytes) -> Any:
    """The row of the key with a digest; None if there is none."""
    query = (
        sa.select(api_key, config_table.c.slug.label("config_slug"))
        .join(api_key_secret)
        .outerjoin(config_table, config_table.c.id == api_key.c.default_config_id)
        .where(api_key_secret.c.digest == digest)
    )
    return (await connection.execute(query)).one_or_none()


async def key_obstacles(connection: AsyncConnection, workspace_id: str) -> dict[str, str]:
    """Why no keys of some names are made: others have the names, or they were imported before, and deleted here."""
    query = sa.select(api_key.c.name, api_key.c.status, api_key.c.masked).where(api_key.c.workspace_id == workspace_id)
    obstacles: dict[str, str] = {}
    for name, status, masked in await connection.execute(query):
        if status != DELETED:
            obstacles[name] = "a key of this name has another text"
        elif masked == IMPORTED:
            obstacles.setdefault(name, "it was imported before and deleted here: make a new key")
    return obstacles


async def key(connection: AsyncConnection, row: Any, body: Mapping[str, Any], workspace_id: str) -> str:
    """How a key differs from a body. Raises Refusal for a body that is none."""
    members = Members(body, api_key_members.CREATED)
    values = api_key_members.read(members, row.kind)
    members.finish()
    if row.workspace_id != workspace_id:
        return f"it belongs to another workspace, as {row.name}"
    wanted = {"expires_at": None, "status": "active", "labels": "{}", "metadata": "{}", "allowed_models": None}
    for name, value in {**wanted, **values.columns}.items():
        before = getattr(row, name)
        if before != value and (name not in _JSON or _json(before) != _json(value)):
            return f"its {name} differs" if name != "name" else f"it is here as {before}"
    if row.config_slug != values.config.get("reference"):
        return "its config differs"
    return "" if await _has_limits(connection, "api_key", row.id, body) else LIMITS


async def policy(
    connection: AsyncConnection, kind: PolicyKind, body: Mapping[str, Any], workspace_id: str
) -> StoredPolicy | None:
    """The active policy of a body's name that limits the same; None if there is none."""
    table = policy_table.c
    same = table.kind == kind, table.name == body["name"], table.workspace_id == workspace_id, table.status == ACTIVE
    for id_ in list((await connection.execute(sa.select(table.id).where(*same))).scalars()):
        stored = await policies.find_policy(connection, kind, id_)
        if stored is not None and all(stored.definition.get(name) == body.get(name) for name in ("type", "unit")):
            return stored
    return None


async def workspace_difference(connection: AsyncConnection, id_: str, body: Mapping[str, Any]) -> str | None:
    """How a workspace differs from a body with its limits, or with its default config; None if it has none."""
    if "defaults" not in body:
        if await _has_limits(connection, "workspace", id_, {}):
            return None
        return "" if await _has_limits(connection, "workspace", id_, body) else LIMITS
    text = (await connection.execute(sa.select(workspace.c.defaults).where(workspace.c.id == id_))).scalar_one()
    known = (_json(text) or {}).get("config_id")
    if known is None:
        return None
    wanted = await configs.find(connection, id_, body["defaults"]["config_id"])
    return "" if wanted is not None and known in {wanted.id, wanted.slug} else "its default config differs"


async def _has_limits(connection: AsyncConnection, level: Level, owner: str, body: Mapping[str, Any]) -> bool:
    """Whether an owner has the limits of a body, and no other."""
    members = Members({name: body[name] for name in MEMBERS if name in body}, owner_limits.FIELDS)
    wanted = {name: value for name, value in owner_limits.read(level, members).items() if value not in (None, [])}
    stored = (await limits_of(connection, level, [owner])).get(owner, NO_LIMITS)
    return {name: value for name, value in stored.members.items() if value not in (None, [])} == wanted


def _json(text: str | None) -> Any:
    return None if text is None else read_json_or_none(text.encode())
