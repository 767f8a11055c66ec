"""Fewer and smaller indexes of the request log: by key and by unusual status only rows that have one, costs by their
class (docs/performance.md#what-a-request-leaves-behind).
"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"

_CLASS = "(length(CAST(abs(amount) AS TEXT)) * 10 + CAST(substr(CAST(abs(amount) AS TEXT), 1, 1) AS INTEGER))"


def upgrade() -> None:
    for name in ("key_id_at", "workspace_id_status_at", "workspace_id_amount"):
        op.drop_index(op.f(f"ix_request_log_{name}"), "request_log")
    _partial("ix_request_log_key_id_at", "key_id IS NOT NULL", "key_id", "at")
    _partial("ix_request_log_workspace_id_status_at", "status <> 200", "workspace_id", "status", "at")
    _partial("ix_request_log_cost", "amount IS NOT NULL", "workspace_id", sa.text(_CLASS), "at", "amount")


def _partial(name: str, where: str, *parts: str | sa.TextClause) -> None:
    condition = sa.text(where)
    op.create_index(
        op.f(name), "request_log", list(parts), unique=False, sqlite_where=condition, postgresql_where=condition
    )
