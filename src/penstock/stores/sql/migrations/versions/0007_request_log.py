"""The request log, what is added up of it, and exports; whether a key's requests are logged with their content.

On PostgreSQL three tables are partitioned by month; their partitions are made when rows are written.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
_MEASURES = (
    "requests", "errors", "input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens", "total_tokens",
    "amount", "saved", "latency", "first_token", "first_tokens", "retried", "fallbacks",
    *(f"latency_{number:02d}" for number in range(16)), "last_at",
)  # fmt: skip


def upgrade() -> None:
    op.add_column("api_key", sa.Column("log_content", sa.Boolean(), nullable=True))
    _rows()
    _beside_rows()
    _usage("usage_hour")
    _usage("usage_day")
    _metadata_and_exports()


def _usage(name: str) -> None:
    key = ("start", "workspace_id", "key_id", "provider", "model", "status", "cache")
    columns: list[sa.Column[Any]] = [
        sa.Column("start", sa.BigInteger(), autoincrement=False, nullable=False),
        *(sa.Column(each, sa.Text(), nullable=False) for each in key[1:5]),
        sa.Column("status", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("cache", sa.Text(), nullable=False),
        *(sa.Column(each, sa.BigInteger(), nullable=False) for each in _MEASURES),
    ]
    op.create_table(name, *columns, sa.PrimaryKeyConstraint(*key, name=op.f(f"pk_{name}")), sqlite_with_rowid=False)


def _rows() -> None:
    op.create_table(
        "request_log",
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("workspace_id", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=True),
        sa.Column("key_name", sa.Text(), nullable=True),
        sa.Column("trace_id", sa.Text(), nullable=False),
        sa.Column("span_id", sa.Text(), nullable=True),
        sa.Column("parent_span_id", sa.Text(), nullable=True),
        sa.Column("span_name", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=True),
        sa.Column("provider", sa.Text(), nullable=True),
        sa.Column("model", sa.Text(), nullable=True),
        sa.Column("virtual_key", sa.Text(), nullable=True),
        sa.Column("config", sa.Text(), nullable=True),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("is_stream", sa.Boolean(), nullable=False),
        sa.Column("cache", sa.Text(), nullable=True),
        sa.Column("latency", sa.BigInteger(), nullable=False),
        sa.Column("first_token", sa.BigInteger(), nullable=True),
        sa.Column("upstream", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("retries", sa.Integer(), nullable=False),
        sa.Column("is_fallback", sa.Boolean(), nullable=False),
        sa.Column("target", sa.Text(), nullable=True),
        sa.Column("input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cached_tokens", sa.BigInteger(), nullable=False),
        sa.Column("reasoning_tokens", sa.BigInteger(), nullable=False),
        sa.Column("total_tokens", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=True),
        sa.Column("saved", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("metadata", sa.Text(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("details", sa.Text(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("has_content", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("at", "id", name=op.f("pk_request_log")),
        postgresql_partition_by="RANGE (at)",
    )
    op.create_index(op.f("ix_request_log_key_id_at"), "request_log", ["key_id", "at"], unique=False)
    op.create_index(op.f("ix_request_log_trace_id"), "request_log", ["trace_id"], unique=False)
    op.create_index(op.f("ix_request_log_workspace_id_amount"), "request_log", ["workspace_id", "amount"], unique=False)
    op.create_index(op.f("ix_request_log_workspace_id_at"), "request_log", ["workspace_id", "at"], unique=False)
    op.create_index(
        op.f("ix_request_log_workspace_id_model_at"), "request_log", ["workspace_id", "model", "at"], unique=False
    )
    op.create_index(
        op.f("ix_request_log_workspace_id_provider_at"), "request_log", ["workspace_id", "provider", "at"], unique=False
    )
    op.create_index(
        op.f("ix_request_log_workspace_id_status_at"), "request_log", ["workspace_id", "status", "at"], unique=False
    )


def _beside_rows() -> None:
    op.create_table(
        "log_metadata",
        sa.Column("workspace_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("log_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "name", "value", "at", "log_id", name=op.f("pk_log_metadata")),
        postgresql_partition_by="RANGE (at)",
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_log_metadata_at"), "log_metadata", ["at"], unique=False)
    op.create_table(
        "request_content",
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("log_id", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("at", "log_id", name=op.f("pk_request_content")),
        postgresql_partition_by="RANGE (at)",
    )


def _metadata_and_exports() -> None:
    op.create_table(
        "usage_metadata",
        sa.Column("workspace_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("start", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.Column("errors", sa.BigInteger(), nullable=False),
        sa.Column("total_tokens", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("latency", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "name", "start", "value", name=op.f("pk_usage_metadata")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_usage_metadata_start"), "usage_metadata", ["start"], unique=False)
    op.create_table(
        "log_export",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("workspace_id", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("filters", sa.Text(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("requested_data", sa.Text(), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("total", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("updated_by", sa.Text(), nullable=False),
        sa.Column("row_version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_log_export")),
    )
    op.create_index(
        op.f("ix_log_export_workspace_id_created_at"), "log_export", ["workspace_id", "created_at"], unique=False
    )
