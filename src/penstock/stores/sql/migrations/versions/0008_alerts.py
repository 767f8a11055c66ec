"""Alerts on their way to people."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "alert_delivery",
        sa.Column("notice_id", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("notice", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("lease_until", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), server_default=sa.text("'pending'"), nullable=False),
        sa.CheckConstraint("state IN ('pending', 'told', 'failed')", name=op.f("ck_alert_delivery_state")),
        sa.PrimaryKeyConstraint("notice_id", "channel", name=op.f("pk_alert_delivery")),
    )
    op.create_index(op.f("ix_alert_delivery_created_at"), "alert_delivery", ["created_at"], unique=False)
    name = op.f("ix_alert_delivery_state_lease_until")
    op.create_index(name, "alert_delivery", ["state", "lease_until"], unique=False)
