"""Gateway keys that are rotated by a schedule; tags of providers."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.add_column("api_key", sa.Column("rotation", sa.Text(), nullable=True))
    op.add_column("api_key", sa.Column("next_rotation_at", sa.BigInteger(), nullable=True))
    op.add_column("api_key", sa.Column("last_rotated_at", sa.BigInteger(), nullable=True))
    op.create_index(op.f("ix_api_key_next_rotation_at"), "api_key", ["next_rotation_at"])
    op.add_column("provider", sa.Column("tags", sa.Text(), nullable=False, server_default=sa.text("'[]'")))
