"""Who there is: the organisation, its workspaces, and the keys that callers prove themselves with."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Index, LargeBinary, Table, Text, UniqueConstraint, text

from penstock.stores.sql.schema.columns import changes, id_column, json_column, metadata, reference

organisation: Final = Table(
    "organisation",
    metadata,
    id_column(),
    Column("name", Text, nullable=False),
    json_column("settings", "{}"),
    *changes(),
)
"""One row."""

workspace: Final = Table(
    "workspace",
    metadata,
    id_column(),
    Column("slug", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False, server_default=text("''")),
    Column("icon", Text, nullable=False, server_default=text("''")),
    Column("is_default", Boolean, nullable=False, server_default=text("false")),
    Column("status", Text, nullable=False, server_default=text("'active'")),
    json_column("defaults", "{}"),
    json_column("settings", "{}"),
    json_column("required_metadata", "[]"),
    *changes(),
    UniqueConstraint("slug"),
)

api_key: Final = Table(
    "api_key",
    metadata,
    id_column(),
    reference("workspace", "workspace_id", optional=True),
    Column("kind", Text, nullable=False),
    Column("user_id", Text),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False, server_default=text("''")),
    Column("masked", Text, nullable=False),
    Column("status", Text, nullable=False, server_default=text("'active'")),
    Column("creation_mode", Text, nullable=False, server_default=text("'api'")),
    Column("expires_at", BigInteger),
    reference("config", "default_config_id", optional=True),
    Column("allow_config_override", Boolean, nullable=False, server_default=text("true")),
    json_column("scopes", "[]"),
    json_column("metadata", "{}"),
    json_column("labels", "{}"),
    Column("allowed_models", Text),
    Column("allowed_providers", Text),
    Column("allowed_ips", Text),
    json_column("alert_emails", "[]"),
    Column("expose_cost", Boolean, nullable=False, server_default=text("false")),
    Column("log_content", Boolean),
    Column("last_used_at", BigInteger),
    *changes(),
    Column("model_aliases", Text),
    Column("rotation", Text),
    Column("next_rotation_at", BigInteger),
    Column("last_rotated_at", BigInteger),
    Index(None, "workspace_id", "created_at", "id"),
    Index(None, "status", "expires_at"),
    Index(None, "next_rotation_at"),
)
"""Who may call. ``kind``: ``organisation-service``, ``workspace-service`` or ``workspace-user``. The lists are texts in
JSON; NULL stands for no limit. ``rotation`` says how the key is rotated by itself, as JSON; without it,
``next_rotation_at`` is NULL."""

api_key_secret: Final = Table(
    "api_key_secret",
    metadata,
    id_column(),
    reference("api_key", "api_key_id", dies_with=True),
    Column("digest", LargeBinary(32), nullable=False),
    Column("prefix", Text, nullable=False),
    Column("valid_until", BigInteger),
    Column("created_at", BigInteger, nullable=False),
    UniqueConstraint("digest"),
    Index(None, "api_key_id"),
)
"""What proves a key, as its SHA-256: one row, two while a rotation lasts."""

user: Final = Table(
    "user",
    metadata,
    id_column(),
    Column("name", Text, nullable=False),
    Column("email", Text),
    Column("role", Text, nullable=False),
    Column("status", Text, nullable=False, server_default=text("'active'")),
    *changes(),
    UniqueConstraint("email"),
)
"""People. The first administrator is there from the beginning; keys of kind ``workspace-user`` belong to a user."""
