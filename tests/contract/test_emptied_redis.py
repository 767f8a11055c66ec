"""A Redis that was emptied goes on with what budgets have used, and with what is reserved for requests under way."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

import pytest

from databases import fresh_address, migrated
from guarding import guarded, impatient, is_refused_for_the_store, takes, until, until_both_answer
from limiting import NOON, budget, hold
from penstock.limits.counters import Alert
from penstock.limits.limit import OVERFLOW, Amounts, Limit
from penstock.limits.windows import CalendarWindow
from penstock.stores.guarded_counters import GuardedCounters
from penstock.stores.redis.connection import RedisConnection
from penstock.stores.redis.counters import RedisCounters
from penstock.stores.sql.balances.backup import BalanceBackup
from penstock.stores.sql.balances.balances import read_balances
from penstock.stores.sql.database import Database
from redis_server import NOT_INSTALLED, RedisServer, program, running_redis

STRICT, NORMAL = budget(1000, strict=True, id="strict"), budget(1000, id="normal", alert_at=500)
DAILY = budget(1000, id="daily", window=CalendarWindow("day"))
GROUPED = budget(10, id="grouped", is_grouped=True)
LIMITS: Mapping[str, Limit] = {limit.id: limit for limit in (STRICT, NORMAL, DAILY, GROUPED)}


@pytest.fixture
def emptied() -> Iterator[RedisServer]:
    """A server that a test empties."""
    if program() is None:
        pytest.skip(NOT_INSTALLED)
    with running_redis() as server:
        yield server


@pytest.fixture(params=["file", "postgres"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return fresh_address(request, tmp_path)


@pytest.fixture
async def database(address: str) -> AsyncIterator[Database]:
    async with migrated(address) as opened:
        yield opened


def keeper(database: Database) -> BalanceBackup:
    async def itself() -> Database:
        return database

    balances = BalanceBackup(lambda: NOON)
    balances.open_database, balances.limits = itself, lambda: LIMITS
    return balances


@contextlib.asynccontextmanager
async def worker(
    server: RedisServer,
    database: Database,
    folder: Path,
    settling: float = 3.0,
    most_values: int = 100,
) -> AsyncIterator[GuardedCounters]:
    balances = keeper(database)
    store = RedisCounters(RedisConnection(server.address), balances, most_values=most_values, settling=settling)
    balances.start()
    try:
        async with guarded(store, folder) as counters:
            yield counters
    finally:
        await balances.stop()


async def spend(counters: GuardedCounters, name: str, limit: Limit, amount: int) -> tuple[Alert, ...]:
    money = hold(limit, amount)
    assert await takes(counters, (name, 1), money)
    return await counters.settle((name, 1), Amounts(amount), [money])


async def test_two_workers_go_on_where_they_were(emptied: RedisServer, database: Database, tmp_path: Path) -> None:
    """What one has settled and what the other one has under way: nobody can spend it again."""
    async with worker(emptied, database, tmp_path) as one, worker(emptied, database, tmp_path) as other:
        await spend(one, "settled", STRICT, 300)
        assert [alert.kind for alert in await spend(one, "alerted", NORMAL, 600)] == ["threshold"]
        assert await takes(other, ("under way", 1), hold(STRICT, 600))
        emptied.command("FLUSHALL")
        assert await is_refused_for_the_store(one, ("refused", 1), hold(STRICT))
        await until_both_answer(one, other, hold(STRICT).key)
        assert await one.usage(hold(STRICT).key) == (300, 600)
        assert not await takes(one, ("too much", 1), hold(STRICT, 101))
        assert await takes(one, ("what is left", 1), hold(STRICT, 100))
        await other.settle(("under way", 1), Amounts(500), [hold(STRICT, 600)])
        assert await one.usage(hold(STRICT).key) == (800, 100)
        assert not await spend(one, "no second alert", NORMAL, 10)
        assert await other.usage(hold(NORMAL).key) == (610, 0)


async def test_a_redis_that_starts_empty_while_no_gateway_runs(
    emptied: RedisServer, database: Database, tmp_path: Path
) -> None:
    async with worker(emptied, database, tmp_path) as first:
        await spend(first, "settled", STRICT, 300)
        await spend(first, "today", DAILY, 40)
        await first.open_balance(hold(NORMAL).key, NORMAL, 70)
    emptied.kill()
    emptied.start()
    async with worker(emptied, database, tmp_path, settling=0.0) as second:
        assert [await second.usage(hold(limit).key) for limit in (STRICT, DAILY, NORMAL)] == [
            (300, 0),
            (40, 0),
            (70, 0),
        ]


async def test_what_was_settled_while_redis_was_empty(emptied: RedisServer, database: Database, tmp_path: Path) -> None:
    async with worker(emptied, database, tmp_path) as counters:
        await spend(counters, "before", STRICT, 100)
        assert await takes(counters, ("meanwhile", 1), hold(STRICT, 50))
        emptied.command("FLUSHALL")
        await counters.settle(("meanwhile", 1), Amounts(40), [hold(STRICT, 50)])
        await until(lambda: not counters.is_degraded)
        assert await counters.usage(hold(STRICT).key) == (140, 0)
    emptied.kill()
    emptied.start()
    async with worker(emptied, database, tmp_path, settling=0.0) as second:
        assert await second.usage(hold(STRICT).key) == (140, 0)


async def test_a_settlement_whose_answer_was_lost_is_kept_once(
    emptied: RedisServer, database: Database, tmp_path: Path
) -> None:
    async with worker(emptied, database, tmp_path) as counters:
        assert await takes(counters, ("r", 1), hold(STRICT, 50))
        emptied.freeze()
        with impatient(counters, 2.0):
            settling = asyncio.create_task(counters.settle(("r", 1), Amounts(40), [hold(STRICT, 50)]))
            await until(lambda: counters.is_degraded)
        emptied.thaw()
        await settling
        await until(lambda: not counters.is_degraded)
        assert await counters.usage(hold(STRICT).key) == (40, 0)
    async with database.read() as connection:
        assert list((await read_balances(connection)).values()) == [40]


async def test_values_that_share_a_counter(emptied: RedisServer, database: Database, tmp_path: Path) -> None:
    """Of five values three have a counter of their own; the others go on sharing one."""
    holds = [hold(GROUPED, 2, value=bytes([number]) * 32) for number in range(5)]
    async with worker(emptied, database, tmp_path, most_values=3) as counters:
        for each in holds:
            assert await takes(counters, (f"r{each.key.value[0]}", 1), each)
            await counters.settle((f"r{each.key.value[0]}", 1), Amounts(2), [each])
        emptied.command("FLUSHALL")
        await until(lambda: counters.is_degraded)
        await until(lambda: not counters.is_degraded)
        assert [await counters.usage(each.key) for each in holds[:3]] == [(2, 0)] * 3
        assert await counters.usage(holds[0].key._replace(value=OVERFLOW)) == (4, 0)
        assert not await takes(counters, ("too much", 1), hold(GROUPED, 7, value=b"x" * 32))


async def test_without_a_database_budgets_begin_at_zero_and_it_is_told(
    emptied: RedisServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = RedisCounters(RedisConnection(emptied.address), BalanceBackup(lambda: NOON))
    async with guarded(store, tmp_path) as counters:
        await spend(counters, "settled", STRICT, 300)
        emptied.command("FLUSHALL")
        await until(lambda: caplog.text.count("without a database nothing remembers what budgets have used") == 2)
        await until(lambda: not counters.is_degraded)
        assert await counters.usage(hold(STRICT).key) == (0, 0)
