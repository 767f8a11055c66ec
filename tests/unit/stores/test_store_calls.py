"""Calls of a store: so many at once, those for leases apart, and none while the store is down."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from penstock.limits.windows import SECOND
from penstock.stores.store_calls import NotAsked, StoreCalls
from penstock.stores.stored_counters import StoreDown


def calls_of(*, timeout: float = 60.0, most: int = 4) -> tuple[StoreCalls, list[str]]:
    reasons: list[str] = []
    return StoreCalls(timeout, most, reasons.append), reasons


def answering(answer: int) -> Callable[[], Awaitable[int]]:
    async def call() -> int:
        return answer

    return call


async def _refuse() -> int:
    raise StoreDown("it is full")


async def test_a_lease_waits_for_no_request() -> None:
    calls, reasons = calls_of(most=4)
    under_way, freed = 0, asyncio.Event()

    async def wait() -> int:
        nonlocal under_way
        under_way += 1
        await freed.wait()
        return 1

    waiting = [asyncio.create_task(calls.ask(wait)) for _ in range(10)]
    while under_way < 3:  # noqa: ASYNC110 (nothing tells it)
        await asyncio.sleep(0)
    assert await calls.ask(answering(7), for_lease=True) == 7
    assert under_way == 3
    freed.set()
    assert await asyncio.gather(*waiting) == [1] * 10
    assert reasons == []


async def test_a_store_that_fails_is_not_asked_for_a_while() -> None:
    calls, reasons = calls_of()
    for _ in range(5):
        with pytest.raises(StoreDown, match="it is full"):
            await calls.ask(_refuse)
    with pytest.raises(NotAsked):
        await calls.ask(answering(7))
    assert reasons == ["it is full"] * 5
    assert calls.retry_after == SECOND
    calls.is_back()
    assert await calls.ask(answering(7)) == 7


async def test_a_call_that_takes_too_long_is_given_up() -> None:
    calls, reasons = calls_of(timeout=0.001)
    with pytest.raises(StoreDown):
        await calls.ask(lambda: asyncio.Event().wait())
    assert reasons == ["no answer within 0.001 s"]
