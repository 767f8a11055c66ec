"""Flushes that are carried out whoever waits for them."""

from __future__ import annotations

import asyncio

import pytest

from penstock.stores.sql.balances.flush import Flush


class Writing:
    """Writes that end when they are told to. ``steps``: what began and ended, in order."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.begun = asyncio.Event()
        self.may_end = asyncio.Event()

    async def write(self) -> bool:
        self.steps.append("begun")
        self.begun.set()
        await self.may_end.wait()
        self.steps.append("ended")
        return True


async def test_a_flush_outlives_its_waiter_and_the_next_one_begins_at_its_end() -> None:
    writing = Writing()
    flush = Flush(writing.write)
    first = asyncio.create_task(flush.run())
    await writing.begun.wait()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    second = asyncio.create_task(flush.run())
    await asyncio.sleep(0)
    assert writing.steps == ["begun"]
    writing.may_end.set()
    assert await second
    assert writing.steps == ["begun", "ended", "begun", "ended"]


async def test_a_flush_that_fails_keeps_no_further_one_from_its_turn() -> None:
    results = iter([False, True])

    async def write() -> bool:
        return next(results)

    flush = Flush(write)
    assert [await flush.run(), await flush.run()] == [False, True]
