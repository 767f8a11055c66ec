"""Background tasks: one that dies is told and starts again, one that is stopped ends."""

import asyncio
import logging
from collections import deque

import pytest

from penstock.background import Background, in_slices


class Task:
    """Ends as scripted, then runs for good."""

    def __init__(self, *endings: BaseException | None) -> None:
        self.endings = list(endings)
        self.starts = 0
        self.lives = asyncio.Event()

    async def run(self) -> None:
        self.starts += 1
        if not self.endings:
            self.lives.set()
            await asyncio.Event().wait()
        ending = self.endings.pop(0)
        if ending is not None:
            raise ending


@pytest.mark.parametrize("ending", [RuntimeError("a defect"), None, asyncio.CancelledError()])
async def test_a_task_that_dies_is_told_and_starts_again(
    ending: BaseException | None, caplog: pytest.LogCaptureFixture
) -> None:
    task = Task(ending, ending)
    background = Background("the drain", task.run, pause=0)
    background.start()
    await task.lives.wait()
    await background.stop()
    assert task.starts == 3
    told = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert ["'the drain' died" in record.getMessage() for record in told] == [True, True]
    assert [bool(record.exc_info) for record in told] == [ending is not None] * 2


async def test_a_task_that_is_stopped_ends_without_a_word(caplog: pytest.LogCaptureFixture) -> None:
    task = Task()
    background = Background("the drain", task.run)
    background.start()
    await task.lives.wait()
    await background.stop()
    await background.stop()
    assert (task.starts, caplog.records) == (1, [])


async def test_the_pause_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        await asyncio.sleep(0)

    monkeypatch.setattr("penstock.background.sleep", sleep)
    task = Task(*[RuntimeError()] * 8)
    background = Background("the drain", task.run)
    background.start()
    await task.lives.wait()
    await background.stop()
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]


async def test_others_have_their_turn_between_slices() -> None:
    order: list[str] = []
    waiting = deque(range(100))
    asyncio.get_running_loop().call_soon(order.append, "another")
    await in_slices(waiting, lambda number: order.append(str(number)))
    assert [each for each in order if each != "another"] == [str(number) for number in range(100)]
    assert 0 < order.index("another") < 100
    assert not waiting


async def test_a_backlog_ends_although_each_turn_adds_to_it() -> None:
    loop, waiting, added = asyncio.get_running_loop(), deque(range(1000)), 0

    def work(_: int) -> None:
        """Adds a hundred things with the first of each turn."""
        nonlocal added
        if added < 10_000 and not has_added.is_set():
            has_added.set()
            loop.call_soon(has_added.clear)
            waiting.extend(range(100))
            added += 100

    has_added = asyncio.Event()
    await asyncio.wait_for(in_slices(waiting, work), 300)
    assert (added, len(waiting)) == (10_000, 0)


async def test_what_fails_is_gone_and_the_rest_waits() -> None:
    waiting = deque([1, 0, 2])
    with pytest.raises(ZeroDivisionError):
        await in_slices(waiting, lambda number: 1 // number)
    assert list(waiting) == [2]
