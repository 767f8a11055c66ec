"""What is added up of the request log for all keys, providers, models and statuses together; users by an index."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

_MEASURES = (
    "requests", "errors", "input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens", "total_tokens",
    "amount", "saved", "latency", "first_token", "first_tokens", "retried", "fallbacks",
    *(f"latency_{number:02d}" for number in range(16)),
)  # fmt: skip


def upgrade() -> None:
    for name, source in (("usage_total_hour", "usage_hour"), ("usage_total_day", "usage_day")):
        op.create_table(
            name,
            sa.Column("start", sa.BigInteger(), autoincrement=False, nullable=False),
            sa.Column("workspace_id", sa.Text(), nullable=False),
            sa.Column("cache", sa.Text(), nullable=False),
            *(sa.Column(measure, sa.BigInteger(), nullable=False) for measure in _MEASURES),
            sa.Column("last_at", sa.BigInteger(), nullable=False),
            sa.PrimaryKeyConstraint("start", "workspace_id", "cache", name=op.f(f"pk_{name}")),
            sqlite_with_rowid=False,
        )
        sums = ", ".join(f"CAST(SUM({measure}) AS BIGINT)" for measure in _MEASURES)
        op.execute(
            f"INSERT INTO {name} (start, workspace_id, cache, {', '.join(_MEASURES)}, last_at) "  # noqa: S608
            f"SELECT start, workspace_id, cache, {sums}, MAX(last_at) FROM {source} GROUP BY start, workspace_id, cache"
        )
    index = op.f("ix_usage_metadata_workspace_id_name_value_start")
    op.create_index(index, "usage_metadata", ["workspace_id", "name", "value", "start"], unique=False)
