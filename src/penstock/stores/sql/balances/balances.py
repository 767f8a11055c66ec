"""Rows of balances and of open reservations, as the journal of counters in memory writes and reads them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.limits.counters import Hold, ReservationId
from penstock.limits.limit import BucketKey
from penstock.stores.sql import schema
from penstock.stores.sql.balances.changes import close, key_of, waiting
from penstock.stores.sql.balances.sums import Balance
from penstock.stores.sql.repeated import upsert_of


async def read_lasting_balances(connection: AsyncConnection, now: int) -> dict[BucketKey, int]:
    """What is settled in each bucket whose window has not ended."""
    ends = schema.balance.c.ends_at
    return await _read(connection, sa.select(schema.balance).where(sa.or_(ends.is_(None), ends > now)))


async def read_balances(connection: AsyncConnection) -> dict[BucketKey, int]:
    """What is settled in each bucket."""
    return await _read(connection, sa.select(schema.balance))


async def _read(connection: AsyncConnection, query: sa.Select[Any]) -> dict[BucketKey, int]:
    rows = await connection.execute(query)
    return {BucketKey(row.limit_id, bytes(row.value), row.epoch, row.window_start): row.settled for row in rows}


async def write_changes(
    connection: AsyncConnection,
    settled: Mapping[BucketKey, Balance],
    opened: Mapping[ReservationId, tuple[Hold, ...]],
    closed: Sequence[ReservationId],
    now: int,
) -> None:
    """Add to balances, and bring the reservations that are written down up to date: those that were opened or changed,
    and those that have ended."""
    await add_to_balances(connection, settled, now)
    table = schema.open_hold
    gone = [{"b_request": request, "b_attempt": attempt} for request, attempt in {*closed, *opened}]
    if gone:
        mine = (table.c.request_id == sa.bindparam("b_request"), table.c.attempt == sa.bindparam("b_attempt"))
        await connection.execute(table.delete().where(*mine), gone)
    rows = [row for reservation, holds in opened.items() for row in _hold_rows(reservation, holds)]
    if rows:
        await connection.execute(table.insert(), rows)


def _hold_rows(reservation: ReservationId, holds: Iterable[Hold]) -> list[dict[str, Any]]:
    """The rows of a reservation; what it holds of a bucket in several parts is one row."""
    amounts: dict[BucketKey, tuple[int, Hold]] = {}
    for hold in holds:
        earlier = amounts.get(hold.key)
        amounts[hold.key] = (hold.amount + (0 if earlier is None else earlier[0]), hold)
    return [
        {
            "request_id": reservation[0],
            "attempt": reservation[1],
            "limit_id": key.limit,
            "value": key.value,
            "epoch": key.epoch,
            "window_start": key.window_start,
            "value_key": hold.value_key,
            "amount": amount,
            "ends_at": hold.limit.window_end(key.window_start),
            "on_loss": hold.limit.on_loss,
        }
        for key, (amount, hold) in amounts.items()
    ]


async def add_waiting(connection: AsyncConnection, now: int) -> None:
    """Add what changed budgets while no gateway ran (changes.py); no balance becomes less than 0."""
    table = schema.balance
    while rows := await waiting(connection, now):
        for row in rows:
            await add_to_balances(connection, {key_of(row): (row.amount, row.value_key, row.ends_at)}, now)
        await connection.execute(table.update().where(table.c.settled < 0).values(settled=0))
        await close(connection, [row.id for row in rows], now)


async def add_to_balances(connection: AsyncConnection, balances: Mapping[BucketKey, Balance], now: int) -> None:
    """Add amounts to balances; a balance that isn't there yet is made. Other processes may add at the same time."""
    if not balances:
        return
    table = schema.balance
    # All writers take the rows in one order, so that no two wait for each other.
    rows = [
        {
            "limit_id": key.limit,
            "value": key.value,
            "epoch": key.epoch,
            "window_start": key.window_start,
            "value_key": value_key,
            "settled": amount,
            "ends_at": ends_at,
            "touched_at": now,
        }
        for key, (amount, value_key, ends_at) in sorted(balances.items())
    ]
    insert = upsert_of(connection)(table)
    added = {"settled": table.c.settled + insert.excluded.settled, "touched_at": insert.excluded.touched_at}
    await connection.execute(insert.on_conflict_do_update(index_elements=list(table.primary_key), set_=added), rows)
