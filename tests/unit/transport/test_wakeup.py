"""One task waits, and goes on in the turn in which it is woken."""

from __future__ import annotations

import asyncio

import pytest

from penstock.transport.wakeup import Wakeup


async def test_it_wakes_in_the_same_turn_and_may_be_awaited_again() -> None:
    loop = asyncio.get_running_loop()
    wakeup = Wakeup(loop)
    seen: list[int | str] = []

    async def wait() -> None:
        for turn in range(2):
            await wakeup
            seen.append(turn)

    def wake() -> None:
        wakeup.wake()
        seen.append("woken")

    waiting = asyncio.create_task(wait())
    for _ in range(2):
        await asyncio.sleep(0)
        loop.call_soon(wake)
        await asyncio.sleep(0)
    await waiting
    assert seen == [0, "woken", 1, "woken"]
    wakeup.wake()  # nobody waits
    assert wakeup.get_loop() is loop


async def test_another_task_may_wake_it_a_turn_later() -> None:
    wakeup = Wakeup(asyncio.get_running_loop())
    waiting = asyncio.create_task(_wait(wakeup))
    await asyncio.sleep(0)
    wakeup.wake_soon()
    assert not waiting.done()
    await waiting


async def test_a_cancelled_wait_is_over_and_the_next_is_not() -> None:
    wakeup = Wakeup(asyncio.get_running_loop())
    waiting = asyncio.create_task(_wait(wakeup))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not wakeup.cancel()
    waiting = asyncio.create_task(_wait(wakeup))
    await asyncio.sleep(0)
    wakeup.wake_soon()
    await waiting


async def _wait(wakeup: Wakeup) -> None:
    await wakeup
