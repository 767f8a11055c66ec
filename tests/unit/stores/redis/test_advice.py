"""Workers tell each other of circuits through a real Redis; each test has a stream of its own."""

from __future__ import annotations

import asyncio
from time import monotonic

import calling
from penstock.stores.redis.advice import CircuitAdvice, CircuitOpened
from penstock.stores.redis.connection import RedisConnection
from redis_server import RedisServer


class Worker:
    """A worker, and what it was told."""

    def __init__(self, server: RedisServer, organisation: str) -> None:
        self.told: asyncio.Queue[CircuitOpened] = asyncio.Queue()
        self.advice = CircuitAdvice(RedisConnection(server.address), self.told.put_nowait, organisation)
        self.advice.start()


async def test_the_others_are_told_how_long_ago_and_the_teller_is_not(redis: RedisServer) -> None:
    organisation = redis.organisation()
    one, two = Worker(redis, organisation), Worker(redis, organisation)
    one.advice.circuit_opened("a", True, "t", 600.0, monotonic() - 5)
    told = await two.told.get()
    assert (told.tenant, told.saved, told.target, told.cooldown) == ("a", True, "t", 600.0)
    assert 5 <= told.age < 120
    two.advice.circuit_opened("b", False, "u", 600.0, monotonic())
    assert (await one.told.get()).target == "u"
    for worker in (one, two):
        await worker.advice.stop()


async def test_a_worker_that_starts_later_is_told_of_what_is_not_over(redis: RedisServer) -> None:
    organisation = redis.organisation()
    one, two = Worker(redis, organisation), Worker(redis, organisation)
    one.advice.circuit_opened("a", False, "over", 1.0, monotonic() - 2)
    one.advice.circuit_opened("a", False, "lasts", 600.0, monotonic())
    assert (await two.told.get()).target == "lasts"
    late = Worker(redis, organisation)
    assert (await late.told.get()).target == "lasts"
    for worker in (one, two, late):
        await worker.advice.stop()


async def test_without_redis_nothing_is_told_and_nothing_fails(redis: RedisServer) -> None:
    worker = Worker(redis, redis.organisation())
    redis.kill()
    try:
        worker.advice.circuit_opened("a", False, "t", 600.0, monotonic())
        while not worker.advice.is_lost:
            await calling.turns()
    finally:
        redis.start()
    await worker.advice.stop()
