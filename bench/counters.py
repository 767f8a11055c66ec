"""What a reservation and its settlement cost on each store of counters: ``python -m bench.counters``.

``--postgres URL`` and ``--redis URL`` add these stores: the database needs its tables, and Redis is written to under an
organisation of its own. Each round is done by ``--tasks`` tasks at the same time, over a budget and a rate of requests.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from itertools import count
from pathlib import Path

from penstock.limits.applied import Applied
from penstock.limits.counters import Counters, Hold
from penstock.limits.limit import Amounts, Limit
from penstock.limits.memory import MemoryCounters
from penstock.limits.windows import RATE_UNITS, CalendarWindow
from penstock.stores.redis.connection import RedisConnection
from penstock.stores.redis.counters import RedisCounters
from penstock.stores.sql.balances.postgres_counters import PostgresCounters
from penstock.stores.sql.balances.sqlite_counters import SqliteCounters
from penstock.stores.sql.database import Database, file_address
from penstock.stores.sql.ids import random_id
from penstock.stores.sql.migrate import migrate
from penstock.stores.stored_counters import StoredCounters


def holds() -> list[Hold]:
    """A budget and a rate that never refuse."""
    limits = (
        Limit(f"bench/{random_id()}", "api_key", "k", "cost", 10**15, CalendarWindow("day")),
        Limit(f"bench/{random_id()}", "api_key", "k", "requests", 10**9, RATE_UNITS["rpm"]),
    )
    now = time.time_ns() // 1000
    return [Hold(Applied(limit).key_at(now), limit, 1) for limit in limits]


async def measure(counters: Counters, rounds: int, tasks: int) -> float:
    """Microseconds of a reservation and its settlement."""
    held, numbers = holds(), count()

    async def one() -> None:
        for _ in range(rounds // tasks):
            reservation = (random_id(), next(numbers))
            await counters.reserve(reservation, held)
            await counters.settle(reservation, Amounts(1), held)

    await counters.reserve(("warm", 1), held)
    began = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(tasks)))
    return (time.perf_counter() - began) / (rounds // tasks * tasks) * 1e6


async def main(arguments: argparse.Namespace) -> None:
    memory = MemoryCounters(lambda: time.monotonic_ns() // 1000)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "counters.db")
        await make_tables(file_address(path))
        stores: dict[str, StoredCounters] = {"sqlite": SqliteCounters(str(path))}
        if arguments.postgres:
            await make_tables(arguments.postgres)
            stores["postgres"] = PostgresCounters(arguments.postgres)
        if arguments.redis:
            redis = RedisCounters(RedisConnection(arguments.redis), organisation=random_id())
            await redis.load()
            stores["redis"] = redis
        base = await measure(memory, arguments.rounds * 10, arguments.tasks)
        print(f"memory    {base:8.1f} µs    1")
        for name, store in stores.items():
            micros = await measure(store, arguments.rounds, arguments.tasks)
            print(f"{name:9} {micros:8.1f} µs {micros / base:6.1f}")
            await store.close()


async def make_tables(address: str) -> None:
    database = Database(address)
    await migrate(database)
    await database.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--postgres", default="")
    parser.add_argument("--redis", default="")
    parser.add_argument("--rounds", type=int, default=2000)
    parser.add_argument("--tasks", type=int, default=20)
    asyncio.run(main(parser.parse_args()))
