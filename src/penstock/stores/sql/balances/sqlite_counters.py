"""Counters in an SQLite database, for workers of one host: each call is a short transaction of one writer thread."""

from __future__ import annotations

import contextlib
import socket
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from time import time_ns
from typing import Final

from penstock.limits.counters import Alert, BucketUsage, Exceeded, Hold, ReservationId, Reserved
from penstock.limits.limit import OVERFLOW, Amounts, BucketKey, Limit
from penstock.limits.reservations import MOST_VALUES
from penstock.stores.counter_calls import LimitTexts
from penstock.stores.sql.ids import random_id
from penstock.stores.sql.sqlite_step import SqliteStep
from penstock.stores.sql.sqlite_writer import SqliteWriter
from penstock.stores.stored_counters import (
    BATCH,
    CLOSED_KEPT,
    LEASE,
    LOST_KEPT,
    RENEWAL,
    LostCharge,
    StoreClock,
    StoreDown,
    tell_nobody,
)

_BUSY_TIMEOUT: Final = 5.0
"""Seconds that a transaction waits for those of other processes."""
_DEAD: Final = (
    "SELECT request_id, attempt FROM reservation WHERE state = 'open' AND (opened_at < ? OR (opened_at < ? AND "
    "worker_id NOT IN (SELECT id FROM worker WHERE lease_until > ?))) ORDER BY opened_at LIMIT ?"
)
_NEEDLESS: Final = (
    "SELECT b.limit_id, b.value, b.epoch, b.window_start FROM bucket b "
    "WHERE b.touched_at < ? AND (b.ends < ? OR (b.settled = 0 AND b.alert_state = 0)) AND b.reserved = 0 "
    "AND NOT EXISTS (SELECT 1 FROM rate_part p WHERE p.limit_id = b.limit_id AND p.value = b.value "
    "AND p.epoch = b.epoch AND p.window_start = b.window_start AND p.ends > ?) "
    "AND NOT EXISTS (SELECT 1 FROM reservation_item i WHERE i.limit_id = b.limit_id AND i.counter_value = b.value "
    "AND i.epoch = b.epoch AND i.window_start = b.window_start) ORDER BY b.touched_at LIMIT ?"
)
_AT: Final = "limit_id = ? AND value = ? AND epoch = ? AND window_start = ?"
_UNTOLD: Final = (
    "SELECT i.request_id, i.attempt, i.limit_id, i.counter_value, i.epoch, i.window_start, i.charged, i.definition "
    "FROM (SELECT request_id, attempt FROM reservation WHERE state = 'lost' AND closed_at IS NULL LIMIT ?) "
    "JOIN reservation_item i USING (request_id, attempt)"
)
_TELL: Final = "UPDATE reservation SET closed_at = ? WHERE request_id = ? AND attempt = ? AND state = 'lost'"
_OLD: Final = "SELECT request_id, attempt FROM reservation WHERE state = ? AND closed_at < ? LIMIT ?"


class SqliteCounters:
    """``StoredCounters`` in the tables of schema/counters.py, which migrate.py has made."""

    renewal = RENEWAL

    def __init__(
        self,
        path: str,
        most_values: int = MOST_VALUES,
        clock: StoreClock | None = None,
        busy_timeout: float = _BUSY_TIMEOUT,
    ) -> None:
        self.worker = random_id()
        self._most_values = most_values
        self._clock = clock or _now
        self._texts = LimitTexts()
        self._writer = SqliteWriter(path, busy_timeout, lambda error: _down(path, error), "penstock-counters")
        self._alerts: list[Alert] = []
        self.told_lost: Callable[[Sequence[LostCharge]], None] = tell_nobody

    async def reserve(self, reservation: ReservationId, holds: Sequence[Hold]) -> Reserved | Exceeded:
        result, alerts = await self._writer.run(lambda db: self._step(db).reserve(reservation, holds))
        self._alerts += alerts
        return result

    async def extend(self, reservation: ReservationId, holds: Sequence[Hold]) -> Reserved | Exceeded:
        result, alerts = await self._writer.run(lambda db: self._step(db).extend(reservation, holds))
        self._alerts += alerts
        return result

    async def shrink(self, reservation: ReservationId, keys: Sequence[BucketKey]) -> None:
        await self._writer.run(lambda db: self._step(db).shrink(reservation, keys))

    async def settle(self, reservation: ReservationId, actual: Amounts, holds: Sequence[Hold]) -> tuple[Alert, ...]:
        alerts = await self._writer.run(lambda db: self._step(db).settle(reservation, actual, holds))
        before, self._alerts = self._alerts, []
        return (*before, *alerts)

    async def release(self, reservation: ReservationId) -> None:
        await self._writer.run(lambda db: self._step(db).release(reservation))

    async def lose(self, older_than: int) -> tuple[Alert, ...]:
        lost: list[Alert] = []

        def some(db: sqlite3.Connection) -> tuple[int, Sequence[Alert], list[LostCharge]]:
            now = self._clock()
            dead = db.execute(_DEAD, (now - older_than, now - LEASE, now, BATCH)).fetchall()
            return len(dead), self._step(db).lose(dead), self._untold(db)

        while True:
            number, alerts, charges = await self._writer.run(some)
            lost += alerts
            await self._tell_lost(charges)
            if number < BATCH:
                return tuple(lost)

    def _untold(self, db: sqlite3.Connection) -> list[LostCharge]:
        """What reservations were charged that are lost, and that nobody was told of yet."""
        rows = [(*row[:7], self._texts.limit(row[7])) for row in db.execute(_UNTOLD, (BATCH,))]
        return [
            LostCharge((row[0], row[1]), BucketKey(*row[2:6]), row[6])
            for row in rows
            if row[7].is_budget and row[7].kind == "cost"
        ]

    async def _tell_lost(self, charges: Sequence[LostCharge]) -> None:
        """Tell of lost reservations, and that they are told: twice rather than never."""
        if not charges:
            return
        self.told_lost(charges)
        now = self._clock()
        rows = [(now, *reservation) for reservation in {charge.reservation for charge in charges}]
        await self._writer.run(lambda db: db.executemany(_TELL, rows))

    async def usage(self, key: BucketKey) -> BucketUsage:
        query = f"SELECT settled, reserved FROM bucket WHERE {_AT}"  # noqa: S608 (constants)
        row = await self._writer.run(lambda db: db.execute(query, key).fetchone())
        return BucketUsage(*(row or (0, 0)))

    async def open_balance(self, key: BucketKey, limit: Limit, settled: int) -> int:
        if not limit.is_budget:
            raise TypeError("only a budget has a balance")
        return await self._writer.run(lambda db: self._step(db).open_balance(key, limit, settled))

    async def renew(self) -> int:
        def lease(db: sqlite3.Connection) -> int:
            now = self._clock()
            db.execute("DELETE FROM worker WHERE lease_until <= ?", (now,))
            db.execute(
                "INSERT OR REPLACE INTO worker VALUES (?, ?, ?)", (self.worker, socket.gethostname(), now + LEASE)
            )
            return int(db.execute("SELECT count(*) FROM worker").fetchone()[0])

        return await self._writer.run(lease)

    async def forget(self, ended_before: int, most: int = BATCH) -> int:
        def drop(db: sqlite3.Connection) -> int:
            now = self._clock()
            rows = db.execute(_NEEDLESS, (now, ended_before, now, most)).fetchall()
            for row in rows:
                self._drop(db, BucketKey(*row))
            for state, kept in (("closed", CLOSED_KEPT), ("lost", LOST_KEPT)):
                for reservation in db.execute(_OLD, (state, now - kept, most)).fetchall():
                    db.execute("DELETE FROM reservation_item WHERE request_id = ? AND attempt = ?", reservation)
                    db.execute("DELETE FROM reservation WHERE request_id = ? AND attempt = ?", reservation)
            return len(rows)

        return await self._writer.run(drop)

    async def generation(self) -> str | None:
        """Always the same: tables never lose what they hold. Raises StoreDown if they can't be written."""
        await self.renew()
        return ""

    async def restore(self, held: Mapping[ReservationId, Mapping[BucketKey, Hold]]) -> None:
        """Nothing: the tables have it."""

    async def load(self) -> bool:
        return True

    async def close(self) -> None:
        """Leave without waiting for the lease to end, if the file can be written."""
        with contextlib.suppress(StoreDown):
            await self._writer.run(lambda db: db.execute("DELETE FROM worker WHERE id = ?", (self.worker,)))
        await self._writer.close()

    def _step(self, db: sqlite3.Connection) -> SqliteStep:
        return SqliteStep(db, self._texts, self._clock(), self.worker, self._most_values)

    def _drop(self, db: sqlite3.Connection, key: BucketKey) -> None:
        db.execute(f"DELETE FROM rate_part WHERE {_AT}", key)  # noqa: S608
        db.execute(f"DELETE FROM bucket WHERE {_AT}", key)  # noqa: S608
        if key.value != OVERFLOW:
            family = key.limit, key.epoch, key.window_start
            of_family = "limit_id = ? AND epoch = ? AND window_start = ?"
            db.execute(f"UPDATE bucket_count SET live = live - 1 WHERE {of_family}", family)  # noqa: S608
            db.execute(f"DELETE FROM bucket_count WHERE {of_family} AND live <= 0", family)  # noqa: S608


def _now() -> int:
    return time_ns() // 1000


def _down(path: str, error: sqlite3.Error) -> StoreDown:
    return StoreDown(f"the counters in {path} can't be used: {error}")
