"""Columns of the ledger for costs that are computed again: by which prices a request was served, what it cost first."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("ledger", sa.Column("mode", sa.Text(), nullable=True))
    op.add_column("ledger", sa.Column("first_amount", sa.BigInteger(), nullable=True))
    op.add_column("ledger", sa.Column("first_price_version", sa.Text(), nullable=True))
    op.add_column("ledger", sa.Column("repriced_at", sa.BigInteger(), nullable=True))
