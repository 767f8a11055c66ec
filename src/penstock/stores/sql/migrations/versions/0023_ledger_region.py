"""The region of a target, by which prices may differ: repricing needs it, as the charge did."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    op.add_column("ledger", sa.Column("region", sa.Text(), nullable=True))
