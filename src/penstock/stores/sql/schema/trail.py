"""What the control plane keeps about itself: its revision, encrypted values, the log of changes."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

from penstock.stores.sql.schema.columns import id_column, json_column, metadata

UNMATCHED: Final = "NOT is_matched"
"""The pieces of feedback that an index finds by this, in SQL; a query says it in these words."""

revision: Final = Table(
    "revision",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("number", BigInteger, nullable=False),
    CheckConstraint("id = 1", name="single"),
)
"""One row. Each transaction that changes what the data plane reads raises the number by one."""

secret: Final = Table(
    "secret",
    metadata,
    id_column(),
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
    Column("query", Text),
    Column("changes", Text),
    Column("previous_hash", LargeBinary(32), nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
    Index(None, "workspace_id", "at"),
    Index(None, "resource_type", "resource_id"),
)
"""Who changed what, each row bound to the one before it by its hash. ``changes``: what differs, in JSON."""

audit_head: Final = Table(
    "audit_head",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
    CheckConstraint("id = 1", name="single"),
)
"""One row: the last row of the log, so that one that was taken away from its end is missed."""

alert_delivery: Final = Table(
    "alert_delivery",
    metadata,
    Column("notice_id", Text, nullable=False, primary_key=True),
    Column("channel", Text, nullable=False, primary_key=True),
    Column("notice", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("lease_until", BigInteger, nullable=False),
    Column("state", Text, nullable=False, server_default=text("'pending'")),
    CheckConstraint("state IN ('pending', 'told', 'failed')", name="state"),
    Index(None, "state", "lease_until"),
    Index(None, "created_at"),
)
"""An alert on its way to people, by one channel: the row is claimed by the process that made it, until the end of its
lease, so that each alert is told once. ``notice`` is a text in JSON."""

idempotency: Final = Table(
    "idempotency",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True),
    Column("body", LargeBinary(32), nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("status", Integer),
    Column("nonce", LargeBinary),
    Column("answer", LargeBinary),
    Index(None, "expires_at"),
)
"""Requests with an idempotency key: digests of the key and of the body, and the answer, encrypted with a key that only
the caller can make again."""

feedback: Final = Table(
    "feedback",
    metadata,
    id_column(),
    Column("workspace_id", Text, nullable=False),
    Column("trace_id", Text, nullable=False),
    Column("value", Integer, nullable=False),
    Column("weight", Float, nullable=False),
    json_column("metadata", "{}"),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("is_matched", Boolean, nullable=False, server_default=false()),
    Index(None, "trace_id"),
    Index(None, "workspace_id", "created_at"),
    Index("ix_feedback_unmatched", "created_at", sqlite_where=text(UNMATCHED)),
)
"""What users thought of an answer, by its trace. The trace need not be known here. ``is_matched``: what it is about is
in ``feedback_value``."""

feedback_value: Final = Table(
    "feedback_value",
    metadata,
    Column("name", Text, primary_key=True, nullable=False),
    Column("created_at", BigInteger, primary_key=True, nullable=False, autoincrement=False),
    Column("workspace_id", Text, primary_key=True, nullable=False),
    Column("feedback_id", Text, primary_key=True, nullable=False),
    Column("value", Text, primary_key=True, nullable=False),
    Column("weighted", Float, nullable=False),
    Column("last_at", BigInteger, nullable=False),
    Index(None, "feedback_id"),
    Index(None, "last_at"),
    sqlite_with_rowid=False,
)
"""What a piece of feedback is about: each value that the requests of its trace have in a column of the request log
(``name`` is ``model``, say) or as a member of their metadata (``metadata.team``). ``created_at`` and ``weighted``
(value times weight) are those of the piece; ``last_at`` is the moment of the latest such request. Written by
stores/sql/request_log/feedback_values.py."""

feedback_hour: Final = Table(
    "feedback_hour",
    metadata,
    Column("workspace_id", Text, primary_key=True, nullable=False),
    Column("start", BigInteger, primary_key=True, nullable=False, autoincrement=False),
    Column("of_requests", BigInteger, nullable=False),
    Index(None, "start"),
    sqlite_with_rowid=False,
)
"""Hours of which all requests are in ``feedback_value`` that a piece of feedback with ``is_matched`` is about. Where
there are by now more than ``of_requests`` requests, some may be missing."""
