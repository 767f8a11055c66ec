"""Names of models that a gateway key has for itself."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.add_column("api_key", sa.Column("model_aliases", sa.Text(), nullable=True))
