"""What pieces of feedback are about, so that groups don't look it up. The pieces that there are get it later, in steps
(stores/sql/request_log/feedback_values.py).
"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    op.add_column("feedback", sa.Column("is_matched", sa.Boolean(), server_default=sa.false(), nullable=False))
    unmatched = sa.text("NOT is_matched")
    op.create_index(
        "ix_feedback_unmatched", "feedback", ["created_at"], sqlite_where=unmatched, postgresql_where=unmatched
    )
    op.create_table(
        "feedback_value",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("workspace_id", sa.Text(), nullable=False),
        sa.Column("feedback_id", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("weighted", sa.Float(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "name", "created_at", "workspace_id", "feedback_id", "value", name=op.f("pk_feedback_value")
        ),
        sqlite_with_rowid=False,
    )
    for column in ("feedback_id", "last_at"):
        op.create_index(op.f(f"ix_feedback_value_{column}"), "feedback_value", [column])
    op.create_table(
        "feedback_hour",
        sa.Column("workspace_id", sa.Text(), nullable=False),
        sa.Column("start", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("of_requests", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "start", name=op.f("pk_feedback_hour")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_feedback_hour_start"), "feedback_hour", ["start"])
    # No piece is matched yet: it will be with all requests of these hours.
    op.execute(
        "INSERT INTO feedback_hour (workspace_id, start, of_requests) "
        "SELECT workspace_id, start, sum(requests) FROM usage_total_hour GROUP BY workspace_id, start"
    )
