"""The task of one request: when it runs, how it is cancelled, what it leaves behind."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from penstock.pipeline.relay import Broken
from penstock.server.http.request_task import RequestTask


class Log:
    def __init__(self) -> None:
        self.seen: list[Any] = []
        self.over = asyncio.Event()

    def ended(self) -> None:
        self.seen.append("ended")
        self.over.set()

    def task(self, coroutine: Any) -> RequestTask:
        return RequestTask(coroutine, asyncio.get_running_loop(), self.ended)


@pytest.fixture
def log() -> Log:
    return Log()


async def started(task: RequestTask) -> None:
    """Start a task as the event loop does: in a callback, where no other task runs."""
    asyncio.get_running_loop().call_soon(task.run)
    await asyncio.sleep(0)


async def test_it_runs_to_its_first_wait_at_once_and_then_to_its_end(log: Log) -> None:
    news = asyncio.get_running_loop().create_future()

    async def serve() -> None:
        log.seen.append(asyncio.current_task())
        log.seen.append(await news)
        await asyncio.sleep(0)

    task = log.task(serve())
    await started(task)
    assert (log.seen, task.done()) == ([task], False)
    news.set_result("news")
    await log.over.wait()
    assert log.seen == [task, "news", "ended"]
    assert not task.cancel()


async def test_within_another_task_it_begins_a_turn_later(log: Log) -> None:
    async def serve() -> None:
        log.seen.append("served")

    log.task(serve()).run()
    assert log.seen == []
    await asyncio.sleep(0)
    assert log.seen == ["served", "ended"]


async def test_a_cancellation_reaches_what_it_waits_for(log: Log) -> None:
    never = asyncio.get_running_loop().create_future()

    async def serve() -> None:
        try:
            await never
        except asyncio.CancelledError:
            log.seen.append("cancelled")
            raise

    task = log.task(serve())
    await started(task)
    assert task.cancel()
    assert task.cancelling() == 1
    await log.over.wait()
    assert log.seen == ["cancelled", "ended"]
    assert never.cancelled()


async def test_a_task_that_cancels_itself_is_cancelled_where_it_waits_next(log: Log) -> None:
    async def serve() -> None:
        task: Any = asyncio.current_task()
        task.cancel()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            log.seen.append(task.uncancel())
        await asyncio.sleep(0)

    task = log.task(serve())
    await started(task)
    await log.over.wait()
    assert log.seen == [0, "ended"]


async def test_a_timeout_cancels_and_uncancels(log: Log) -> None:
    async def serve() -> None:
        try:
            async with asyncio.timeout(0):
                await asyncio.sleep(60)
        except TimeoutError:
            log.seen.append("late")

    task = log.task(serve())
    await started(task)
    await log.over.wait()
    assert (log.seen, task.cancelling()) == (["late", "ended"], 0)


async def test_the_failure_of_what_it_waits_for_is_raised_there(log: Log) -> None:
    broken = asyncio.get_running_loop().create_future()

    async def serve() -> None:
        try:
            await broken
        except ValueError as error:
            log.seen.append(str(error))

    await started(log.task(serve()))
    broken.set_exception(ValueError("broken"))
    await asyncio.sleep(0)
    assert log.seen == ["broken", "ended"]


async def test_a_defect_is_told_and_ends_the_task(log: Log) -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: log.seen.append(context["exception"].args))

    async def serve() -> None:
        raise ValueError("defect")

    await started(log.task(serve()))
    loop.set_exception_handler(None)
    assert log.seen == [("defect",), "ended"]


async def test_a_response_that_nobody_reads_is_no_defect(log: Log) -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: log.seen.append(context["exception"]))

    async def serve() -> None:
        raise Broken

    await started(log.task(serve()))
    loop.set_exception_handler(None)
    assert log.seen == ["ended"]
