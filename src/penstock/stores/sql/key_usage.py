"""What a gateway key has used, by the ledger, and the workspace that it belongs to: for the key's own holder."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import sqlalchemy as sa

from penstock.limits.windows import CalendarWindow
from penstock.stores.sql import schema
from penstock.stores.sql.database import Database

_PERIODS: Final = {"day": CalendarWindow("day"), "month": CalendarWindow("month")}


class PeriodUsage(msgspec.Struct, frozen=True):
    """What was used since a moment, in microseconds since 1970. ``nanos`` is the cost of what has a price, in
    nanodollars; ``unpriced`` are the attempts without one."""

    since: int
    requests: int
    input_tokens: int
    output_tokens: int
    nanos: int
    unpriced: int


class KeyUsage(msgspec.Struct, frozen=True):
    """``periods`` by name. ``workspace`` and ``workspace_slug`` are those of the key's workspace, None where it has
    none."""

    periods: dict[str, PeriodUsage]
    workspace: str | None = None
    workspace_slug: str | None = None


async def read_key_usage(
    database: Database, key_id: str | None, key_name: str, workspace: str | None, now: int
) -> KeyUsage:
    """What a key has used in each period that a moment falls into. A key of penstock.toml has no id. Raises
    DatabaseError."""
    table = schema.ledger.c
    whose = (
        table.key_id == key_id if key_id is not None else sa.and_(table.key_id.is_(None), table.key_name == key_name)
    )
    columns = (
        sa.func.count(sa.distinct(table.request_id)),
        sa.func.coalesce(sa.func.sum(table.input_tokens), 0),
        sa.func.coalesce(sa.func.sum(table.output_tokens), 0),
        sa.func.coalesce(sa.func.sum(table.amount), 0),
        sa.func.count(),
        sa.func.count(table.amount),
    )
    periods, found = {}, None
    async with database.read() as connection:
        for name, window in _PERIODS.items():
            since = window.span(now).start
            row: Any = (await connection.execute(sa.select(*columns).where(whose, table.at >= since))).one()
            requests, tokens_in, tokens_out, nanos, attempts, priced = (int(value) for value in row)
            periods[name] = PeriodUsage(since, requests, tokens_in, tokens_out, nanos, attempts - priced)
        if workspace is not None:
            names = sa.select(schema.workspace.c.name, schema.workspace.c.slug)
            found = (await connection.execute(names.where(schema.workspace.c.id == workspace))).first()
    return KeyUsage(periods) if found is None else KeyUsage(periods, found.name, found.slug)
