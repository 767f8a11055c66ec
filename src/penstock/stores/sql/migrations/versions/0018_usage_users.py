"""Sums of users by the hour and the week, and how many users there were."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"

_MEASURES = ("requests", "errors", "total_tokens", "amount", "latency", "last_at")


def upgrade() -> None:
    for name, more, measures in (
        ("usage_user", ("value",), _MEASURES),
        ("usage_user_count", (), ("users", "requests", "of_requests")),
    ):
        op.create_table(
            name,
            sa.Column("workspace_id", sa.Text(), nullable=False),
            sa.Column("length", sa.BigInteger(), autoincrement=False, nullable=False),
            sa.Column("start", sa.BigInteger(), autoincrement=False, nullable=False),
            *(sa.Column(column, sa.Text(), nullable=False) for column in more),
            *(sa.Column(measure, sa.BigInteger(), nullable=False) for measure in measures),
            sa.PrimaryKeyConstraint("workspace_id", "length", "start", *more, name=op.f(f"pk_{name}")),
            sqlite_with_rowid=False,
        )
        op.create_index(op.f(f"ix_{name}_start"), name, ["start"], unique=False)
