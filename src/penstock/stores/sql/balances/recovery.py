"""Recovery after a kill of a process that counted alone: its entries of the ledger and its notes about budgets stand in
files of the data folder, and the reservations that it had written down in the database."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.limits.limit import BucketKey
from penstock.stores.kept_entries import KeptEntries
from penstock.stores.slice_record import LeftLease, SliceRecord
from penstock.stores.sql import schema
from penstock.stores.sql.balances.balances import add_to_balances, read_balances
from penstock.stores.sql.balances.changes import key_of
from penstock.stores.sql.balances.journal import BUDGET_FILES
from penstock.stores.sql.balances.sums import BalanceSums
from penstock.stores.sql.ids import random_id
from penstock.stores.sql.ledger import insert_new
from penstock.stores.sql.ledger_entry import LEDGER_FILES, decode_entries
from penstock.stores.sql.lost_requests import lost_entries, shared_entries
from penstock.stores.stored_counters import LostCharge

_LOG: Final = logging.getLogger("penstock")


async def recover(connection: AsyncConnection, folder: Path | None, now: int) -> Sequence[Path]:
    """Write down what is left. Returns the files to be unlinked once the transaction is kept: writing it down twice
    changes nothing until then."""
    files: list[Path] = []
    for path, kept in KeptEntries(folder, LEDGER_FILES, "", 0).left():
        await insert_new(connection, decode_entries(kept))
        files.append(path)
    notes: dict[BucketKey, LeftLease] = {}
    for path, _, left in SliceRecord(folder, "", 0, BUDGET_FILES).left():
        notes |= {each.hold.key: each for each in left}
        files.append(path)
    await _settle(connection, notes, now)
    await _charge_lost(connection, notes, now)
    return files


async def _settle(connection: AsyncConnection, notes: Mapping[BucketKey, LeftLease], now: int) -> None:
    """Bring balances to what is noted: they lack what was settled since they were written."""
    if not notes:
        return
    balances, missing = await read_balances(connection), BalanceSums()
    for key, note in notes.items():
        if note.spent > balances.get(key, 0):
            end = note.hold.limit.window_end(key.window_start)
            missing.add(key, note.spent - balances.get(key, 0), note.hold.value_key, end)
    await add_to_balances(connection, missing.take(), now)


async def _charge_lost(connection: AsyncConnection, notes: Mapping[BucketKey, LeftLease], now: int) -> None:
    """Charge what was held, and write lines of the ledger for it. A reservation that is written down, and whose request
    is in the ledger, has ended. What more is noted was not written down yet."""
    held = {key: note.held for key, note in notes.items()}
    rows = list(await connection.execute(_OPEN))
    sums, known, unknown = BalanceSums(), list[LostCharge](), list[LostCharge]()
    for row in rows:
        key = key_of(row)
        amount = min(row.amount, held.get(key, row.amount))
        if key in held:
            held[key] -= amount
        if row.on_loss == "charge" and amount:
            sums.add(key, amount, row.value_key, row.ends_at)
            known += _in_dollars((row.request_id, row.attempt), key, amount)
    for key, amount in held.items():
        hold = notes[key].hold
        if amount and hold.limit.on_loss == "charge":
            sums.add(key, amount, hold.value_key, hold.limit.window_end(key.window_start))
            unknown += _in_dollars((random_id(), 1), key, amount)
    await add_to_balances(connection, sums.take(), now)
    lost = [*lost_entries(known, now), *shared_entries(unknown, now)]
    await insert_new(connection, lost)
    await connection.execute(schema.open_hold.delete())
    if lost:
        _LOG.warning("%d requests were under way when the gateway was killed; they are charged as estimated", len(lost))


def _in_dollars(reservation: tuple[str, int], key: BucketKey, amount: int) -> list[LostCharge]:
    return [LostCharge(reservation, key, amount)] if key.limit.endswith("/cost") else []


_OPEN: Final[sa.Select[Any]] = sa.select(schema.open_hold).where(
    ~sa.exists().where(schema.ledger.c.request_id == schema.open_hold.c.request_id)
)
