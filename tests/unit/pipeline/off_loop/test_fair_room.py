"""Room that is shared: turns go round, and nobody who leaves takes a place along."""

from __future__ import annotations

import asyncio

import pytest

from penstock.pipeline.off_loop.fair_room import FairRoom


async def until_idle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_turns_go_round_among_callers() -> None:
    room, entered = FairRoom(1), list[str]()

    async def enter(caller: str, name: str) -> None:
        await room.enter(caller)
        entered.append(name)

    await enter("greedy", "g0")
    names = ["g1", "g2", "g3", "a1", "b1", "a2"]
    tasks = [asyncio.create_task(enter({"g": "greedy"}.get(name[0], name[0]), name)) for name in names]
    await until_idle()
    assert entered == ["g0"]
    for _ in names:
        room.leave()
        await until_idle()
    assert entered == ["g0", "g1", "a1", "b1", "g2", "a2", "g3"]
    await asyncio.gather(*tasks)


async def test_places_are_taken_at_once_while_there_are_any() -> None:
    room = FairRoom(2)
    await room.enter("a")
    await room.enter("a")
    third = asyncio.create_task(room.enter("a"))
    await until_idle()
    assert not third.done()
    room.leave()
    await third
    room.leave()
    room.leave()
    await room.enter("b")


@pytest.mark.parametrize("is_late", [False, True])
async def test_who_leaves_takes_no_place(is_late: bool) -> None:
    room = FairRoom(1)
    await room.enter("a")
    waiting = asyncio.create_task(room.enter("a"))
    await until_idle()
    if is_late:  # the place is given in the turn in which the wait is cancelled
        room.leave()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    if not is_late:
        room.leave()
    await asyncio.wait_for(room.enter("b"), 300)


async def test_a_wait_that_is_cancelled_is_passed_over() -> None:
    room = FairRoom(1)
    await room.enter("a")
    first, second = asyncio.create_task(room.enter("a")), asyncio.create_task(room.enter("a"))
    await until_idle()
    first.cancel()
    room.leave()  # before the cancelled wait has had its turn
    await asyncio.wait_for(second, 300)
    assert first.cancelled() or first.done()


@pytest.mark.parametrize("callers", [1, 3000])
async def test_thousands_who_leave_at_once_take_no_place(callers: int) -> None:
    room = FairRoom(1)
    await room.enter("a")
    waiting = [asyncio.create_task(room.enter(str(number % callers))) for number in range(3000)]
    await until_idle()
    for each in waiting:
        each.cancel()
    room.leave()  # in the turn in which all of them leave
    await asyncio.wait(waiting)
    async with asyncio.timeout(300):
        await room.enter("b")
