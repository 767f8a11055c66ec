"""What is settled in budgets, kept in the database for a store of counters that may lose it: a Redis that was emptied.

What the store charges is added to the table ``balance`` a moment later, for many requests at once and off their way
(docs/limits.md#where-the-counters-live).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from penstock.background import Background
from penstock.limits.counters import Hold
from penstock.limits.limit import Limit
from penstock.stores.sql.balances.flush import Flush
from penstock.stores.sql.balances.sums import BalanceSums
from penstock.stores.sql.database_error import DatabaseError
from penstock.stores.stored_counters import Charge, StoreDown

if TYPE_CHECKING:
    from penstock.stores.sql.database import Database

_LOG: Final = logging.getLogger("penstock")
_INTERVAL: Final = 0.2
"""Seconds between two writings."""


class BalanceBackup:
    """``BalanceKeeper`` in a database. ``open_database`` gives the database, None without one; ``limits`` the limits
    that are in force, by id. Both are set before ``start``. ``now`` gives microseconds since 1970."""

    def __init__(self, now: Callable[[], int]) -> None:
        self.open_database: Callable[[], Awaitable[Database]] | None = None
        self.limits: Callable[[], Mapping[str, Limit]] = dict
        self._now = now
        self._unwritten = BalanceSums()
        self._is_lost = False
        self._flush = Flush(self._write)
        self._task = Background("the balances of budgets", self._run)

    def start(self) -> None:
        self._task.start()

    async def stop(self) -> None:
        """Write down all that is not yet."""
        await self._task.stop()
        await self.flush()

    def note(self, charges: Sequence[Charge]) -> None:
        if self.open_database is None:
            return
        for charge in charges:
            self._unwritten.add(charge.key, charge.amount, charge.name, charge.ends)

    async def read(self) -> Sequence[tuple[Hold, int]]:
        if self.open_database is None:
            _LOG.error("without a database nothing remembers what budgets have used: they begin at zero")
            return ()
        from penstock.stores.sql.balances.balances import read_lasting_balances

        if not await self.flush():
            raise StoreDown("what budgets have used can't be written down")
        try:
            async with (await self.open_database()).read() as connection:
                balances = await read_lasting_balances(connection, self._now())
        except DatabaseError as error:
            raise StoreDown(f"what budgets have used can't be read: {error}") from error
        limits = self.limits()
        return [
            (Hold(key, limit, 0), settled)
            for key, settled in balances.items()
            if (limit := limits.get(key.limit)) is not None and limit.is_budget and limit.epoch == key.epoch
        ]

    async def flush(self) -> bool:
        """Write down what was charged; False if the database can't be reached: it is kept for the next time."""
        return await self._flush.run()

    async def _write(self) -> bool:
        if self.open_database is None:
            return True
        unwritten = self._unwritten.take()
        if not unwritten:
            return True
        from penstock.stores.sql.balances.balances import add_to_balances

        try:
            async with (await self.open_database()).write() as connection:
                await add_to_balances(connection, unwritten, self._now())
        except DatabaseError as error:
            self._unwritten.put_back(unwritten)
            if not self._is_lost:
                _LOG.error("%s; what budgets have used is kept in memory until it can be written down", error)
            self._is_lost = True
            return False
        self._is_lost = False
        return True

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(_INTERVAL)
            await self.flush()
