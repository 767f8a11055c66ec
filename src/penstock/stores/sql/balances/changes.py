"""Changes of budgets that happen outside a gateway: written down here, and applied by whichever gateway counts.

An import opens balances, and a repricing corrects them; both are commands of the terminal, which don't reach counters
in memory or in Redis. A row is claimed before it is applied. Its id is the id of a reservation that nobody opened, so
that counters charge it once (docs/limits.md#changes-from-outside).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, Literal

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.limits.limit import BucketKey
from penstock.limits.windows import DAY, SECOND
from penstock.stores.sql.ids import random_id
from penstock.stores.sql.schema import balance_change

Source = Literal["import", "reprice"]
Change = tuple[int, str, int | None]
"""By how much a balance changes, in its limit's unit, the bucket's name for people, the end of its window."""
_MOST: Final = 1000
"""Rows that are applied at once."""
_CLAIMED: Final = 60 * SECOND
"""Microseconds after which another gateway applies what one has claimed and not applied: it may have died."""
_KEPT: Final = 35 * DAY
"""Microseconds for which an applied row can still be read."""


async def add_changes(
    connection: AsyncConnection, changes: Mapping[BucketKey, Change], source: Source, now: int
) -> None:
    """Write down by how much balances change."""
    rows = [
        {
            "id": random_id(),
            "limit_id": key.limit,
            "value": key.value,
            "epoch": key.epoch,
            "window_start": key.window_start,
            "value_key": value_key,
            "amount": amount,
            "ends_at": ends_at,
            "source": source,
            "created_at": now,
        }
        for key, (amount, value_key, ends_at) in changes.items()
    ]
    if rows:
        await connection.execute(balance_change.insert(), rows)


async def waiting(connection: AsyncConnection, now: int) -> Sequence[Any]:
    """The oldest rows that nobody has applied, and nobody is about to."""
    table = balance_change
    query = sa.select(table).where(table.c.applied_at.is_(None), _is_free(now))
    return list(await connection.execute(query.order_by(table.c.created_at, table.c.id).limit(_MOST)))


async def claim(connection: AsyncConnection, ids: Collection[str], now: int) -> set[str]:
    """Claim rows for this gateway. Returns those that no other was faster to claim."""
    table, claimed = balance_change, set()
    for id_ in ids:
        where = (table.c.id == id_, table.c.applied_at.is_(None), _is_free(now))
        result = await connection.execute(table.update().where(*where).values(claimed_at=now))
        if result.rowcount:
            claimed.add(id_)
    return claimed


async def close(connection: AsyncConnection, ids: Collection[str], now: int) -> None:
    """Note that rows are applied, and forget those that were long ago."""
    table = balance_change
    await connection.execute(table.update().where(table.c.id.in_(ids)).values(applied_at=now))
    await connection.execute(table.delete().where(table.c.applied_at < now - _KEPT))


def key_of(row: Any) -> BucketKey:
    """The bucket that a row changes."""
    return BucketKey(row.limit_id, bytes(row.value), row.epoch, row.window_start)


def _is_free(now: int) -> sa.ColumnElement[bool]:
    claimed_at = balance_change.c.claimed_at
    return sa.or_(claimed_at.is_(None), claimed_at < now - _CLAIMED)
