"""Counters of every kind, for the tests that are the same for all of them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Final

import msgspec

from databases import make_tables
from limiting import Clock
from penstock.limits.counters import BucketUsage, Counters, Exceeded, Hold, ReservationId
from penstock.limits.memory import MemoryCounters
from penstock.limits.reservations import MOST_VALUES
from penstock.stores.redis.connection import RedisConnection
from penstock.stores.redis.counters import RedisCounters
from penstock.stores.sql.balances.postgres_counters import PostgresCounters
from penstock.stores.sql.balances.sqlite_counters import SqliteCounters
from penstock.stores.sql.database import Database, file_address
from penstock.stores.stored_counters import StoreClock, StoredCounters

ENGINES: Final = ("sqlite", "postgres", "redis")


class Store(msgspec.Struct):
    """Counters under test, and the way to let seconds pass for them."""

    counters: Counters
    let_pass: Callable[[float], Awaitable[None]]

    async def takes(self, reservation: ReservationId, *holds: Hold) -> bool:
        return not isinstance(await self.counters.reserve(reservation, holds), Exceeded)

    async def usage(self, of: Hold) -> BucketUsage:
        return await self.counters.usage(of.key)


def in_memory(most_values: int = MOST_VALUES) -> Store:
    clock = Clock()

    async def let_pass(seconds: float) -> None:
        clock.let_pass(seconds)

    return Store(MemoryCounters(clock.read, most_values), let_pass)


class Place(msgspec.Struct, frozen=True):
    """Where the counters of an engine are: a file, a database's address, a server's address with an organisation."""

    engine: str
    address: str
    organisation: str = ""

    async def make(self) -> None:
        """Make what the counters need: tables, or the key that says that they are loaded."""
        if self.engine == "redis":
            counters = self.counters()
            await counters.load()
            await counters.close()
            return
        address = self.address if self.engine == "postgres" else file_address(Path(self.address))
        database = Database(address)
        await make_tables(database)
        await database.close()

    def counters(self, most_values: int = MOST_VALUES, clock: StoreClock | None = None) -> StoredCounters:
        if self.engine == "sqlite":
            return SqliteCounters(self.address, most_values, clock, busy_timeout=60)
        if self.engine == "postgres":
            return PostgresCounters(self.address, most_values, clock)
        connection = RedisConnection(self.address)
        return RedisCounters(connection, None, self.organisation, most_values, clock)

    @contextlib.asynccontextmanager
    async def store(self, most_values: int = MOST_VALUES) -> AsyncIterator[Store]:
        """Counters for which time passes when a test says so; their worker lives."""
        clock = Clock()
        counters = self.counters(most_values, clock.read)

        async def let_pass(seconds: float) -> None:
            clock.let_pass(seconds)
            await counters.renew()

        await counters.renew()
        try:
            yield Store(counters, let_pass)
        finally:
            await counters.close()
