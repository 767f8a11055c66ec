"""Work in threads: the event loop goes on, and the interpreter is left as it was."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading

import pytest

from penstock.pipeline.off_loop import thread
from penstock.pipeline.off_loop.thread import off_loop, off_loop_if_large


async def test_work_runs_in_another_thread_while_the_loop_goes_on() -> None:
    begun, go_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def work() -> int:
        loop.call_soon_threadsafe(begun.set)
        assert go_on.wait(300)
        return threading.get_ident()

    task = asyncio.create_task(off_loop(work))
    await begun.wait()
    assert not gc.isenabled()
    go_on.set()
    assert await task != threading.get_ident()
    await asyncio.sleep(0)
    assert gc.isenabled()


async def test_what_work_raises_is_raised_and_the_interpreter_is_as_before() -> None:
    turns = sys.getswitchinterval()

    def work() -> None:
        raise ValueError("no")

    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            await off_loop(work)
    await asyncio.sleep(0)
    assert (sys.getswitchinterval(), gc.isenabled()) == (turns, True)


async def test_garbage_is_searched_for_though_some_work_always_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thread, "_LONGEST_QUIET", 0.0)
    begun, go_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def work() -> None:
        loop.call_soon_threadsafe(begun.set)
        assert go_on.wait(300)

    task = asyncio.create_task(off_loop(work))
    await begun.wait()
    assert not gc.isenabled()
    await off_loop(lambda: None)
    await asyncio.sleep(0)
    assert gc.isenabled()
    go_on.set()
    await task
    await asyncio.sleep(0)
    assert gc.isenabled()


async def test_a_caller_that_leaves_stops_nothing() -> None:
    begun, go_on, done = asyncio.Event(), threading.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def work() -> None:
        loop.call_soon_threadsafe(begun.set)
        assert go_on.wait(300)
        done.set()

    task = asyncio.create_task(off_loop(work))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go_on.set()
    await asyncio.to_thread(done.wait, 300)
    assert done.is_set()


@pytest.mark.parametrize(("size", "is_aside"), [(0, False), (thread.LARGE, False), (thread.LARGE + 1, True)])
async def test_large_work_runs_in_a_thread(size: int, is_aside: bool) -> None:
    assert (await off_loop_if_large(size, threading.get_ident) != threading.get_ident()) is is_aside
