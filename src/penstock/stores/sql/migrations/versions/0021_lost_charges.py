"""What lost reservations were charged is told, so that the ledger has a line of each (0021_lost_charges.sql)."""

from pathlib import Path

from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(Path(__file__).with_suffix(".sql").read_text())
