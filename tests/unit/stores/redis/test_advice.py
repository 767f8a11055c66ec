"""Workers tell each other what they learn of targets through a real Redis; each test has a stream of its own."""

from __future__ import annotations

import asyncio
from time import monotonic

import calling
from penstock.routing.advice import Advice, ChoiceKept, CircuitOpened, LatencyMeasured
from penstock.stores.redis.advice import SharedAdvice
from penstock.stores.redis.connection import RedisConnection
from redis_server import RedisServer


class Worker:
    """A worker, and what it was told."""

    def __init__(self, server: RedisServer, organisation: str) -> None:
        self.told: asyncio.Queue[tuple[Advice, float]] = asyncio.Queue()
        self.advice = SharedAdvice(
            RedisConnection(server.address), lambda *told: self.told.put_nowait(told), organisation
        )
        self.advice.start()


async def test_the_others_are_told_how_long_ago_and_the_teller_is_not(redis: RedisServer) -> None:
    organisation = redis.organisation()
    one, two = Worker(redis, organisation), Worker(redis, organisation)
    one.advice.tell(CircuitOpened("a", True, "t", 600.0), monotonic() - 5)
    told, age = await two.told.get()
    assert told == CircuitOpened("a", True, "t", 600.0)
    assert 5 <= age < 120
    two.advice.tell(CircuitOpened("b", False, "u", 600.0), monotonic())
    assert (await one.told.get())[0] == CircuitOpened("b", False, "u", 600.0)
    for news in (LatencyMeasured("a", True, "t", 0.25), ChoiceKept("a", True, "k", 2, 60.0)):
        two.advice.tell(news, monotonic())
        assert (await one.told.get())[0] == news
    for worker in (one, two):
        await worker.advice.stop()


async def test_a_worker_that_starts_later_is_told_of_what_is_not_over(redis: RedisServer) -> None:
    organisation = redis.organisation()
    one, two = Worker(redis, organisation), Worker(redis, organisation)
    one.advice.tell(CircuitOpened("a", False, "over", 1.0), monotonic() - 2)
    one.advice.tell(CircuitOpened("a", False, "lasts", 600.0), monotonic())
    assert (await two.told.get())[0] == CircuitOpened("a", False, "lasts", 600.0)
    late = Worker(redis, organisation)
    assert (await late.told.get())[0] == CircuitOpened("a", False, "lasts", 600.0)
    for worker in (one, two, late):
        await worker.advice.stop()


async def test_without_redis_nothing_is_told_and_nothing_fails(redis: RedisServer) -> None:
    worker = Worker(redis, redis.organisation())
    redis.kill()
    try:
        worker.advice.tell(CircuitOpened("a", False, "t", 600.0), monotonic())
        while not worker.advice.is_lost:
            await calling.turns()
    finally:
        redis.start()
    await worker.advice.stop()
