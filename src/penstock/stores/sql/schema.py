"""The tables of the control plane, the same on SQLite and PostgreSQL.

Ids are UUIDs of version 7 as text, so that rows made later sort later. Times are microseconds since 1970 (UTC), texts
in JSON are kept as they came. Every row that can change has a ``row_version``, which an update compares and raises. A
change of this file needs a new file in migrations/versions; a test compares the two.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _id() -> Column[str]:
    return Column("id", Text, primary_key=True)


def _to(table: str, name: str, *, optional: bool = False, dies_with: bool = False) -> Column[str]:
    """A reference to a row of another table. ``dies_with``: the row goes when the other one goes."""
    target = ForeignKey(f"{table}.id", ondelete="CASCADE" if dies_with else "RESTRICT")
    return Column(name, Text, target, nullable=optional)


def _json(name: str, default: str) -> Column[str]:
    """A text in JSON."""
    return Column(name, Text, nullable=False, server_default=text(f"'{default}'"))


def _changes() -> tuple[Column[Any], ...]:
    """When and by whom a row was made and changed; ``row_version`` rises with each change."""
    return (
        Column("created_at", BigInteger, nullable=False),
        Column("updated_at", BigInteger, nullable=False),
        Column("created_by", Text, nullable=False),
        Column("updated_by", Text, nullable=False),
        Column("row_version", Integer, nullable=False, server_default=text("1")),
    )


revision: Final = Table(
    "revision",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("number", BigInteger, nullable=False),
    CheckConstraint("id = 1", name="single"),
)
"""One row. Each transaction that changes what the data plane reads raises the number by one."""

organisation: Final = Table(
    "organisation", metadata, _id(), Column("name", Text, nullable=False), _json("settings", "{}"), *_changes()
)
"""One row."""

workspace: Final = Table(
    "workspace",
    metadata,
    _id(),
    Column("slug", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False, server_default=text("''")),
    Column("icon", Text, nullable=False, server_default=text("''")),
    Column("is_default", Boolean, nullable=False, server_default=text("false")),
    Column("status", Text, nullable=False, server_default=text("'active'")),
    _json("defaults", "{}"),
    _json("settings", "{}"),
    _json("required_metadata", "[]"),
    *_changes(),
    UniqueConstraint("slug"),
)

api_key: Final = Table(
    "api_key",
    metadata,
    _id(),
    _to("workspace", "workspace_id", optional=True),
    Column("kind", Text, nullable=False),
    Column("user_id", Text),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False, server_default=text("''")),
    Column("masked", Text, nullable=False),
    Column("status", Text, nullable=False, server_default=text("'active'")),
    Column("creation_mode", Text, nullable=False, server_default=text("'api'")),
    Column("expires_at", BigInteger),
    _to("config", "default_config_id", optional=True),
    Column("allow_config_override", Boolean, nullable=False, server_default=text("true")),
    _json("scopes", "[]"),
    _json("metadata", "{}"),
    _json("labels", "{}"),
    Column("allowed_models", Text),
    Column("allowed_providers", Text),
    Column("allowed_ips", Text),
    Column("last_used_at", BigInteger),
    *_changes(),
    Index(None, "workspace_id", "created_at", "id"),
    Index(None, "status", "expires_at"),
)
"""Who may call. ``kind``: ``organisation-service``, ``workspace-service`` or ``workspace-user``. The lists are texts in
JSON; NULL stands for no limit."""

api_key_secret: Final = Table(
    "api_key_secret",
    metadata,
    _id(),
    _to("api_key", "api_key_id", dies_with=True),
    Column("digest", LargeBinary(32), nullable=False),
    Column("prefix", Text, nullable=False),
    Column("valid_until", BigInteger),
    Column("created_at", BigInteger, nullable=False),
    UniqueConstraint("digest"),
    Index(None, "api_key_id"),
)
"""What proves a key, as its SHA-256: one row, two while a rotation lasts."""

integration: Final = Table(
    "integration",
    metadata,
    _id(),
    _to("workspace", "workspace_id", optional=True),
    Column("slug", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("description", Text, nullable=False, server_default=text("''")),
    Column("masked_key", Text, nullable=False, server_default=text("''")),
    _json("configurations", "{}"),
    Column("allow_all_models", Boolean, nullable=False, server_default=text("true")),
    Column("is_hidden", Boolean, nullable=False, server_default=text("false")),
    _json("pricing_adjustments", "{}"),
    *_changes(),
    UniqueConstraint("slug"),
)
"""A credential at one of the provider rows. ``configurations`` holds nothing secret: what is, stands in ``secret``.
``is_hidden``: made with a virtual key, and never shown apart from it."""

integration_model: Final = Table(
    "integration_model",
    metadata,
    _to("integration", "integration_id", dies_with=True),
    Column("model", Text, nullable=False),
    Column("is_enabled", Boolean, nullable=False, server_default=text("true")),
    Column("is_custom", Boolean, nullable=False, server_default=text("false")),
    Column("is_finetune", Boolean, nullable=False, server_default=text("false")),
    Column("base_model", Text),
    Column("pricing", Text),
    UniqueConstraint("integration_id", "model"),
)

provider: Final = Table(
    "provider",
    metadata,
    _id(),
    _to("workspace", "workspace_id"),
    _to("integration", "integration_id"),
    Column("slug", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("note", Text, nullable=False, server_default=text("''")),
    Column("status", Text, nullable=False, server_default=text("'active'")),
    Column("expires_at", BigInteger),
    *_changes(),
    UniqueConstraint("slug"),
    Index(None, "integration_id"),
)
"""What callers mean by ``@slug``. A slug is one in the whole installation, as the names in penstock.toml are."""

config: Final = Table(
    "config",
    metadata,
    _id(),
    _to("workspace", "workspace_id"),
    Column("slug", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("is_default", Boolean, nullable=False, server_default=text("false")),
    Column("status", Text, nullable=False, server_default=text("'active'")),
    Column("version_id", Text, nullable=False),
    *_changes(),
    UniqueConstraint("slug"),
    Index(None, "workspace_id", "created_at", "id"),
)

config_version: Final = Table(
    "config_version",
    metadata,
    _id(),
    _to("config", "config_id", dies_with=True),
    Column("number", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    UniqueConstraint("config_id", "number"),
)
"""One text of a config. Never changed: a change of a config makes a new version, and points to it."""

secret: Final = Table(
    "secret",
    metadata,
    _id(),
    Column("owner_table", Text, nullable=False),
    Column("owner_id", Text, nullable=False),
    Column("field", Text, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("nonce", LargeBinary, nullable=False),
    Column("ciphertext", LargeBinary, nullable=False),
    Column("row_version", Integer, nullable=False, server_default=text("1")),
    UniqueConstraint("owner_table", "owner_id", "field"),
    Index(None, "key_id"),
)
"""A value that is kept encrypted (keyring.py), of one field of one row."""

audit: Final = Table(
    "audit",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False),
    Column("actor_kind", Text, nullable=False),
    Column("actor_id", Text, nullable=False),
    Column("workspace_id", Text),
    Column("action", Text, nullable=False),
    Column("resource_type", Text, nullable=False),
    Column("resource_id", Text, nullable=False),
    Column("status", Integer, nullable=False),
    Column("address", Text),
    Column("request_id", Text),
    Column("method", Text),
    Column("path", Text),
    Column("body", Text),
    Column("previous_hash", LargeBinary(32), nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
    Index(None, "workspace_id", "at"),
    Index(None, "resource_type", "resource_id"),
)
"""Who changed what, each row bound to the one before it by its hash."""
