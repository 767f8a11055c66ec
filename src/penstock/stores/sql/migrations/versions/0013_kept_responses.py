"""Responses that the gateway keeps."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.create_table(
        "kept_response",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("owner", sa.LargeBinary(32), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("nonce", sa.LargeBinary(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kept_response")),
    )
    name = op.f("ix_kept_response_owner_created_at_size")
    op.create_index(name, "kept_response", ["owner", "created_at", "size"], unique=False)
    op.create_index(op.f("ix_kept_response_expires_at"), "kept_response", ["expires_at"], unique=False)
