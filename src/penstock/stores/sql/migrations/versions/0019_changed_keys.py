"""Which gateway keys changed with which revision, and the triggers that note it (0019_changed_keys.*.sql)."""

from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"

_BETWEEN = "-- next trigger"


def upgrade() -> None:
    op.create_table(
        "changed_key",
        sa.Column("api_key_id", sa.Text(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("api_key_id", name=op.f("pk_changed_key")),
    )
    op.create_index(op.f("ix_changed_key_revision"), "changed_key", ["revision"], unique=False)
    connection = op.get_bind()
    for statement in Path(__file__).with_suffix(f".{connection.dialect.name}.sql").read_text().split(_BETWEEN):
        connection.exec_driver_sql(statement)
