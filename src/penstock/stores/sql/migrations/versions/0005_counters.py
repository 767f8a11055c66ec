"""Counters of limits, reservations and workers; on PostgreSQL the functions that count (0005_counters.sql)."""

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_FUNCTIONS = Path(__file__).with_suffix(".sql")
_BETWEEN = "-- next function"


def _key() -> list[sa.Column[Any]]:
    return [
        sa.Column("limit_id", sa.Text(), nullable=False),
        sa.Column("value", sa.LargeBinary(length=32), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("window_start", sa.BigInteger(), nullable=False),
    ]


def upgrade() -> None:
    _buckets()
    _reservations()
    if op.get_bind().dialect.name == "postgresql":
        for function in _FUNCTIONS.read_text().split(_BETWEEN):
            op.get_bind().exec_driver_sql(function)


def _buckets() -> None:
    key = ("limit_id", "value", "epoch", "window_start")
    op.create_table(
        "bucket",
        *_key(),
        sa.Column("value_key", sa.Text(), nullable=False),
        sa.Column("settled", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("reserved", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("alert_state", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("ends", sa.BigInteger(), nullable=True),
        sa.Column("touched_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("reserved >= 0", name=op.f("ck_bucket_reserved")),
        sa.PrimaryKeyConstraint(*key, name=op.f("pk_bucket")),
    )
    op.create_index(op.f("ix_bucket_limit_id_touched_at"), "bucket", ["limit_id", "touched_at"], unique=False)
    op.create_index(op.f("ix_bucket_touched_at"), "bucket", ["touched_at"], unique=False)
    op.create_table(
        "rate_part",
        *_key(),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("ends", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(*key, "number", name=op.f("pk_rate_part")),
    )
    op.create_table(
        "bucket_count",
        sa.Column("limit_id", sa.Text(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("window_start", sa.BigInteger(), nullable=False),
        sa.Column("live", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("limit_id", "epoch", "window_start", name=op.f("pk_bucket_count")),
    )


def _reservations() -> None:
    op.create_table(
        "reservation",
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("worker_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("request_id", "attempt", name=op.f("pk_reservation")),
    )
    op.create_index(op.f("ix_reservation_state_closed_at"), "reservation", ["state", "closed_at"], unique=False)
    op.create_index(op.f("ix_reservation_state_opened_at"), "reservation", ["state", "opened_at"], unique=False)
    op.create_table(
        "reservation_item",
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), autoincrement=False, nullable=False),
        *_key(),
        sa.Column("counter_value", sa.LargeBinary(length=32), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("mark", sa.BigInteger(), nullable=True),
        sa.Column("charged", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint(
            "request_id",
            "attempt",
            "limit_id",
            "value",
            "epoch",
            "window_start",
            name=op.f("pk_reservation_item"),
        ),
    )
    counter = ["limit_id", "counter_value", "epoch", "window_start"]
    name = op.f("ix_reservation_item_limit_id_counter_value_epoch_window_start")
    op.create_index(name, "reservation_item", counter, unique=False)
    op.create_table(
        "worker",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("lease_until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_worker")),
    )
