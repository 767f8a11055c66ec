"""Rows of the control plane's tables, as the admin API makes them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from penstock.core.secret import Secret
from penstock.stores.sql import schema, secrets
from penstock.stores.sql.database import Database
from penstock.stores.sql.ids import random_id
from penstock.stores.sql.keyring import Keyring, SecretPlace

OLD, NEW = Keyring({"old": bytes(32)}), Keyring({"new": bytes([7]) * 32, "old": bytes(32)})
COMMON = {"created_at": 1, "updated_at": 1, "created_by": "test", "updated_by": "test"}


async def insert(database: Database, table: sa.Table, **values: Any) -> str:
    """A row of a table in a change of its own; its id."""
    values = {"id": random_id(), **(COMMON if "created_by" in table.c and "row_version" in table.c else {}), **values}
    async with database.change() as connection:
        await connection.execute(table.insert().values(**values))
    return str(values["id"])


class Rows:
    """Makes rows as the control plane does."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.workspace = ""

    async def make_workspace(self) -> None:
        self.workspace = await insert(self.database, schema.workspace, slug="ws-main", name="Main", is_default=True)

    async def provider(self, slug: str, key: str | None = None, **more: Any) -> str:
        integration = await insert(
            self.database, schema.integration, slug=slug, name=slug, provider=more.pop("provider", "openai"),
            configurations=more.pop("configurations", "{}"), allow_all_models=more.pop("allow_all_models", True),
        )  # fmt: skip
        async with self.database.change() as connection:
            value = None if key is None else Secret(key)
            await secrets.put(connection, OLD, SecretPlace("integration", integration, "key"), value)
        await insert(
            self.database, schema.provider, workspace_id=self.workspace, integration_id=integration, slug=slug,
            name=slug, **more,
        )  # fmt: skip
        return integration

    async def config(self, slug: str, body: str) -> str:
        version = random_id()
        config = await insert(
            self.database, schema.config, workspace_id=self.workspace, slug=slug, name=slug, version_id=version
        )
        await insert(
            self.database, schema.config_version, id=version, config_id=config, number=1, body=body, created_at=1,
            created_by="test",
        )  # fmt: skip
        return config

    async def key(self, name: str, digest: bytes, **more: Any) -> str:
        valid_until = more.pop("valid_until", None)
        values = {"workspace_id": self.workspace, "kind": "workspace-service", "name": name, "masked": "pk*****"}
        key = await insert(self.database, schema.api_key, **{**values, **more})
        await insert(
            self.database, schema.api_key_secret, api_key_id=key, digest=digest, prefix="pk", valid_until=valid_until,
            created_at=1,
        )  # fmt: skip
        return key
