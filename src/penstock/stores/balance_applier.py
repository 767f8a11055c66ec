"""Applies to the counters of a gateway what changed its budgets from outside (stores/sql/balances/changes.py)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from penstock.background import Background
from penstock.limits.counters import Alert, Counters, CountersUnavailable, Hold
from penstock.limits.limit import BucketKey, Limit
from penstock.limits.slices import spent_of
from penstock.limits.windows import SECOND
from penstock.stores.sql.database_error import DatabaseError

if TYPE_CHECKING:
    from penstock.stores.sql.database import Database

_LOG: Final = logging.getLogger("penstock")
_INTERVAL: Final = 1.0
"""Seconds between two looks."""
_PATIENCE: Final = 60 * SECOND
"""Microseconds for which a change waits for its limit: the catalogue may not have come yet."""


class BalanceApplier:
    """A part of the gateway. ``database`` gives the database, None until somebody has opened it; ``limits`` the limits
    that are in force by id, ``now`` microseconds since 1970. ``alerted`` gets the alerts of what is charged."""

    def __init__(
        self,
        database: Callable[[], Database | None],
        counters: Counters,
        limits: Callable[[], Mapping[str, Limit]],
        alerted: Callable[[Sequence[Alert]], None],
        now: Callable[[], int],
    ) -> None:
        self._database = database
        self._counters = counters
        self._limits = limits
        self._alerted = alerted
        self._now = now
        self._task = Background("changes of budgets", self._run)

    def start(self) -> None:
        self._task.start()

    async def stop(self) -> None:
        await self._task.stop()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(_INTERVAL)
            database = self._database()
            if database is None:
                continue
            try:
                await self.apply(database)
            except (DatabaseError, CountersUnavailable) as error:
                _LOG.debug("changes of budgets wait: %s", error)

    async def apply(self, database: Database) -> None:
        """Apply what is waiting. A change of a limit, or of a window, that is over is closed without effect.

        Raises DatabaseError and CountersUnavailable: what is not applied then is tried again later.
        """
        from penstock.stores.sql.balances.changes import claim, close, waiting

        now = self._now()
        async with database.read() as connection:
            rows = await waiting(connection, now)
        if not rows:
            return
        limits = self._limits()
        due = {row.id: row for row in rows if row.limit_id in limits or row.created_at < now - _PATIENCE}
        async with database.write() as connection:
            claimed = await claim(connection, due, now)
        done: list[str] = []
        try:
            for id_ in claimed:
                await self._apply(due[id_], limits.get(due[id_].limit_id), now)
                done.append(id_)
        finally:
            if done:
                async with database.write() as connection:
                    await close(connection, done, now)

    async def _apply(self, row: Any, limit: Limit | None, now: int) -> None:
        from penstock.stores.sql.balances.changes import key_of

        key = key_of(row)
        if limit is None or not _is_open(limit, key, now):
            return
        # What comes back is never more than what is settled.
        amount = max(row.amount, -(await self._counters.usage(key)).settled)
        if amount:
            alerts = await self._counters.settle(
                (row.id, 1), spent_of(limit, amount), [Hold(key, limit, 0, row.value_key)]
            )
            if alerts:
                self._alerted(alerts)


def _is_open(limit: Limit, key: BucketKey, now: int) -> bool:
    """Whether a bucket counts in a window of a budget that has not ended, since its last reset."""
    if not limit.is_budget or limit.epoch != key.epoch:
        return False
    end = limit.window_end(key.window_start)
    return end is None or end > now
