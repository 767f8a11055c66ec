"""What happens to limits while the store of the counters is down, and when it is back, without a restart."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]
import pytest

from counting import Place
from guarding import guarded, impatient, is_refused_for_the_store, takes, until
from limiting import budget, concurrency, hold, rate
from penstock.limits.allowance import OutageRules
from penstock.limits.counters import Alert, Exceeded
from penstock.limits.limit import Amounts
from penstock.stores.guarded_counters import GuardedCounters
from penstock.stores.redis.connection import RedisConnection
from penstock.stores.redis.counters import RedisCounters
from postgres import Postgres
from redis_server import NOT_INSTALLED, RedisServer, program, running_redis

STRICT, NORMAL = budget(1000, strict=True, id="strict"), budget(1000, id="normal")


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """A server that a test may break."""
    if program() is None:
        pytest.skip(NOT_INSTALLED)
    with running_redis() as server:
        yield server


async def check_the_table(counters: GuardedCounters) -> None:
    """The lines of docs/limits.md#when-the-store-is-down, while the store is down."""
    assert await is_refused_for_the_store(counters, ("strict", 2), hold(STRICT))
    assert await is_refused_for_the_store(counters, ("both", 1), hold(STRICT), hold(NORMAL))
    assert await takes(counters, ("local", 1), hold(NORMAL, 6))
    assert await takes(counters, ("local", 2), hold(NORMAL, 4))
    assert await is_refused_for_the_store(counters, ("local", 3), hold(NORMAL, 1)), "a hundredth is allowed"
    fast = rate(3)
    for number in range(3):
        assert await takes(counters, ("rate", number), hold(fast))
    refused = await counters.reserve(("rate", 9), [hold(fast)])
    assert isinstance(refused, Exceeded)
    assert refused.hold.limit is fast
    assert await takes(counters, ("slot", 1), hold(concurrency(1)))
    assert not await takes(counters, ("slot", 2), hold(concurrency(1)))
    assert counters.is_degraded


async def check_an_outage(counters: GuardedCounters, begin: Callable[[], object], end: Callable[[], object]) -> None:
    """Something is reserved before, something meanwhile; all is charged once when the store is back."""
    strict, normal = hold(STRICT, 10), hold(NORMAL, 20)
    assert await takes(counters, ("before", 1), strict, normal)
    begin()
    with impatient(counters):
        await check_the_table(counters)
        await counters.settle(("before", 1), Amounts(7), [strict, normal])
        await counters.settle(("local", 1), Amounts(5), [hold(NORMAL, 6)])
        await counters.release(("local", 2))
    end()
    await until(lambda: not counters.is_degraded)
    assert await counters.usage(strict.key) == (7, 0)
    assert await counters.usage(normal.key) == (12, 0)
    assert await takes(counters, ("after", 1), strict, normal)


def redis_counters(server: RedisServer) -> RedisCounters:
    return RedisCounters(RedisConnection(server.address))


async def test_redis_that_hangs(own_redis: RedisServer, tmp_path: Path) -> None:
    """The server takes what it was sent while it hung when it goes on: late calls change nothing."""
    async with guarded(redis_counters(own_redis), tmp_path) as counters:
        await check_an_outage(counters, own_redis.freeze, own_redis.thaw)


async def test_redis_that_is_killed_and_comes_back_with_its_file(own_redis: RedisServer, tmp_path: Path) -> None:
    own_redis.kill()
    own_redis.start("--appendonly", "yes", "--appendfsync", "always")
    async with guarded(redis_counters(own_redis), tmp_path) as counters:
        await check_an_outage(
            counters, own_redis.kill, lambda: own_redis.start("--appendonly", "yes", "--appendfsync", "always")
        )


async def test_redis_that_is_full(own_redis: RedisServer, tmp_path: Path) -> None:
    async with guarded(redis_counters(own_redis), tmp_path) as counters:
        await check_an_outage(
            counters,
            lambda: own_redis.command("CONFIG", "SET", "maxmemory", "1"),
            lambda: own_redis.command("CONFIG", "SET", "maxmemory", "0"),
        )


async def test_a_slow_redis_is_not_waited_for(own_redis: RedisServer, tmp_path: Path) -> None:
    async with guarded(redis_counters(own_redis), tmp_path) as counters:
        await check_an_outage(
            counters,
            lambda: own_redis.command("CLIENT", "PAUSE", "600000", "WRITE"),
            lambda: own_redis.command("CLIENT", "UNPAUSE"),
        )


async def test_postgres_that_is_gone(postgres: Postgres, postgres_place: Place, tmp_path: Path) -> None:
    await postgres_place.make()
    name = postgres_place.address.partition("?")[0].rpartition("/")[2]
    admin = await asyncpg.connect(postgres.address("postgres"))
    try:
        async with guarded(postgres_place.counters(), tmp_path) as counters:
            strict, normal = hold(STRICT, 10), hold(NORMAL, 20)
            assert await takes(counters, ("before", 1), strict, normal)
            await admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
            await check_the_table(counters)
            await counters.settle(("before", 1), Amounts(7), [strict, normal])
            await counters.settle(("local", 1), Amounts(5), [hold(NORMAL, 6)])
            await admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
            await until(lambda: not counters.is_degraded)
            assert await counters.usage(strict.key) == (7, 0)
            assert await counters.usage(normal.key) == (12, 0)
    finally:
        await admin.close()


async def test_postgres_that_is_read_only(postgres: Postgres, postgres_place: Place, tmp_path: Path) -> None:
    """As after a failover, when the gateway still talks to what is a replica now."""
    await postgres_place.make()
    admin = await asyncpg.connect(postgres.address("postgres"))

    async def set_read_only(value: str) -> None:
        await admin.execute(f"ALTER SYSTEM SET default_transaction_read_only = {value}")
        await admin.execute("SELECT pg_reload_conf()")
        while await seen_by_another() != value:
            pass

    async def seen_by_another() -> str:
        connection = await asyncpg.connect(postgres_place.address)
        try:
            return str(await connection.fetchval("SHOW default_transaction_read_only"))
        finally:
            await connection.close()

    try:
        async with guarded(postgres_place.counters(), tmp_path) as counters:
            strict = hold(STRICT, 10)
            assert await takes(counters, ("before", 1), strict)
            await set_read_only("on")
            await check_the_table(counters)
            await counters.settle(("before", 1), Amounts(7), [strict])
            await admin.execute("SET default_transaction_read_only = off")
            await set_read_only("off")
            await until(lambda: not counters.is_degraded)
            assert await counters.usage(strict.key) == (7, 0)
    finally:
        await admin.execute("SET default_transaction_read_only = off")
        await admin.execute("ALTER SYSTEM RESET default_transaction_read_only")
        await admin.execute("SELECT pg_reload_conf()")
        await admin.close()


async def test_what_the_operator_opens_is_charged_when_the_store_is_back(
    own_redis: RedisServer, tmp_path: Path
) -> None:
    rules = OutageRules("open", "closed", "open")
    async with guarded(redis_counters(own_redis), tmp_path, rules=rules) as counters:
        own_redis.freeze()
        strict, fast = hold(STRICT, 900), hold(rate(1))
        with impatient(counters):
            for number in range(3):
                assert await takes(counters, ("open", number), strict, fast)
                await counters.settle(("open", number), Amounts(900), [strict, fast])
            assert await is_refused_for_the_store(counters, ("closed", 1), hold(NORMAL))
        own_redis.thaw()
        await until(lambda: not counters.is_degraded)
        assert await counters.usage(strict.key) == (2700, 0)
        assert not await takes(counters, ("after", 1), strict)


async def test_rates_that_the_operator_closes_refuse(own_redis: RedisServer, tmp_path: Path) -> None:
    async with guarded(redis_counters(own_redis), tmp_path, rules=OutageRules(rates="closed")) as counters:
        own_redis.freeze()
        with impatient(counters):
            assert await is_refused_for_the_store(counters, ("closed", 1), hold(rate(5)))
            assert await is_refused_for_the_store(counters, ("closed", 2), hold(concurrency(5)))
        own_redis.thaw()
        await until(lambda: not counters.is_degraded)
        assert await takes(counters, ("after", 1), hold(rate(5)))


def journals(folder: Path) -> list[Path]:
    return list(folder.glob("*.journal"))


async def test_a_journal_outlives_its_worker(own_redis: RedisServer, tmp_path: Path) -> None:
    """The store was down to the end of the first worker; the second one tells it what the first one spent."""
    money = hold(NORMAL, 10)
    async with guarded(redis_counters(own_redis), tmp_path) as first:
        assert await takes(first, ("before", 1), money)
        own_redis.freeze()
        with impatient(first):
            await first.settle(("before", 1), Amounts(4), [money])
    assert journals(tmp_path)
    own_redis.thaw()
    async with guarded(redis_counters(own_redis), tmp_path) as second:
        await until(lambda: not second.is_degraded)
        assert await second.usage(money.key) == (4, 0)
    assert not journals(tmp_path)


async def test_what_is_added_while_the_store_is_down_is_charged(own_redis: RedisServer, tmp_path: Path) -> None:
    money, provider = hold(NORMAL, 10), hold(budget(1000, id="provider"), 5)
    async with guarded(redis_counters(own_redis), tmp_path) as counters:
        assert await takes(counters, ("r", 1), money)
        own_redis.freeze()
        with impatient(counters):
            assert not isinstance(await counters.extend(("r", 1), [hold(NORMAL, 2), provider]), Exceeded)
            await counters.settle(("r", 1), Amounts(8), [hold(NORMAL, 12), provider])
        own_redis.thaw()
        await until(lambda: not counters.is_degraded)
        assert await counters.usage(money.key) == (8, 0)
        assert await counters.usage(provider.key) == (8, 0)


async def test_an_alert_whose_answer_came_too_late_is_told(sqlite_place: Place, tmp_path: Path) -> None:
    """The store takes the settlement after nobody waits for it any more; told again, it is closed already."""
    await sqlite_place.make()
    alerts: list[Alert] = []
    limit = budget(10, id="small")
    async with guarded(sqlite_place.counters(), tmp_path, alerts.extend) as counters:
        assert await takes(counters, ("r", 1), hold(limit, 10))
        with contextlib.closing(sqlite3.connect(sqlite_place.address, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with impatient(counters, 0.2):
                assert not await counters.settle(("r", 1), Amounts(10), [hold(limit, 10)])
            assert counters.is_degraded
            other.execute("COMMIT")
        await until(lambda: not counters.is_degraded)
        assert await counters.usage(hold(limit).key) == (10, 0)
    assert [(alert.kind, alert.limit.id, alert.amount) for alert in alerts] == [("exhausted", "small", 10)]
