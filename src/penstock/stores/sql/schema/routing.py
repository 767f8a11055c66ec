"""What callers route with: credentials at providers, the providers of workspaces, saved configs."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, Table, Text, UniqueConstraint, text

from penstock.stores.sql.schema.columns import changes, id_column, json_column, metadata, reference

integration: Final = Table(
    "integration",
    metadata,
    id_column(),
    reference("workspace", "workspace_id", optional=True),
    Column("slug", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("description", Text, nullable=False, server_default=text("''")),
    Column("masked_key", Text, nullable=False, server_default=text("''")),
    json_column("configurations", "{}"),
    json_column("masked_configurations", "{}"),
    json_column("secret_mappings", "{}"),
    Column("allow_all_models", Boolean, nullable=False, server_default=text("true")),
    Column("is_for_every_workspace", Boolean, nullable=False, server_default=text("true")),
    Column("is_hidden", Boolean, nullable=False, server_default=text("false")),
    json_column("pricing_adjustments", "{}"),
    *changes(),
    UniqueConstraint("slug"),
)
"""A credential at one of the provider rows. ``configurations`` holds nothing secret: what is, stands in ``secret``, and
masked in ``masked_configurations``. ``secret_mappings``: field to reference (``env:NAME``, ``file:PATH``), in place of
a value in ``secret``. Without a workspace it belongs to the organisation: the workspaces of ``integration_workspace``
use it, or with ``is_for_every_workspace`` all. ``is_hidden``: made with a virtual key, and never shown apart from
it."""

integration_model: Final = Table(
    "integration_model",
    metadata,
    reference("integration", "integration_id", dies_with=True),
    Column("model", Text, nullable=False),
    Column("is_enabled", Boolean, nullable=False, server_default=text("true")),
    Column("is_custom", Boolean, nullable=False, server_default=text("false")),
    Column("is_finetune", Boolean, nullable=False, server_default=text("false")),
    Column("base_model", Text),
    Column("pricing", Text),
    UniqueConstraint("integration_id", "model"),
)
"""A model of an integration, switched on or off. ``pricing``: the price that the operator gives it, as JSON."""

integration_workspace: Final = Table(
    "integration_workspace",
    metadata,
    reference("integration", "integration_id", dies_with=True),
    reference("workspace", "workspace_id", dies_with=True),
    Column("is_enabled", Boolean, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    UniqueConstraint("integration_id", "workspace_id"),
)
"""Whether a workspace may use an integration of the organisation, where that was said. A provider of a workspace that
may not is not in force."""

provider: Final = Table(
    "provider",
    metadata,
    id_column(),
    reference("workspace", "workspace_id"),
    reference("integration", "integration_id"),
    Column("slug", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("note", Text, nullable=False, server_default=text("''")),
    Column("status", Text, nullable=False, server_default=text("'active'")),
    Column("expires_at", BigInteger),
    Column("is_default", Boolean, nullable=False, server_default=text("false")),
    *changes(),
    json_column("tags", "[]"),
    UniqueConstraint("slug"),
    Index(None, "integration_id"),
)
"""What callers mean by ``@slug``. A slug is one in the whole installation, as the names in penstock.toml are.
``is_default``: made together with its integration, and deleted with it."""

config: Final = Table(
    "config",
    metadata,
    id_column(),
    reference("workspace", "workspace_id"),
    Column("slug", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("is_default", Boolean, nullable=False, server_default=text("false")),
    Column("status", Text, nullable=False, server_default=text("'active'")),
    Column("version_id", Text, nullable=False),
    *changes(),
    UniqueConstraint("slug"),
    Index(None, "workspace_id", "created_at", "id"),
)

guardrail: Final = Table(
    "guardrail",
    metadata,
    id_column(),
    reference("workspace", "workspace_id"),
    Column("slug", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("status", Text, nullable=False, server_default=text("'active'")),
    Column("version_id", Text, nullable=False),
    Column("body", Text, nullable=False),
    *changes(),
    UniqueConstraint("slug"),
    Index(None, "workspace_id", "created_at", "id"),
)
"""A saved guardrail. ``body``: its checks and its actions, as JSON."""

config_version: Final = Table(
    "config_version",
    metadata,
    id_column(),
    reference("config", "config_id", dies_with=True),
    Column("number", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    UniqueConstraint("config_id", "number"),
)
"""One text of a config. Never changed: a change of a config makes a new version, and points to it."""
