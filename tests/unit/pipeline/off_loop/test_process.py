"""Work on large bodies: in a process of its own, bounded, one thing at a time, and gone when it is not needed."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from pickle import PickleBuffer
from types import SimpleNamespace
from typing import Any

import pytest

from penstock.pipeline.off_loop import process as large_work
from penstock.pipeline.off_loop.process import HUGE, VERY_LARGE, LargeWork, WorkError, aside

MUCH = VERY_LARGE + 1


@pytest.fixture
async def work() -> AsyncIterator[LargeWork]:
    made = LargeWork()
    made.start()
    yield made
    await made.stop()


def child_of(work: LargeWork) -> subprocess.Popen[bytes]:
    process = work._large._process
    assert process is not None
    assert process._popen is not None
    return process._popen


async def test_a_process_does_it_one_for_each_size(work: LargeWork) -> None:
    child = await aside(MUCH, os.getpid)
    assert child == await aside(HUGE, os.getpid) == child_of(work).pid
    assert await aside(HUGE + 1, os.getpid) not in {child, os.getpid()}


async def test_small_work_starts_no_process(work: LargeWork) -> None:
    assert await aside(VERY_LARGE, os.getpid) == os.getpid()
    assert await aside(VERY_LARGE, threading.get_ident) != threading.get_ident()
    assert work._large._process is work._huge._process is None


async def test_without_the_part_a_thread_does_it() -> None:
    assert await aside(MUCH, os.getpid) == os.getpid()
    assert await aside(MUCH, len, PickleBuffer(b"four")) == 4


async def test_bytes_go_and_come(work: LargeWork) -> None:
    data = b"x" * MUCH
    assert await aside(MUCH, bytes.upper, data) == b"X" * MUCH
    for size in (MUCH, 1):
        result: object = await aside(size, PickleBuffer, data)
        assert result == data


async def test_what_takes_too_much_memory_is_refused(work: LargeWork, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(WorkError, match="more memory"):
        await aside(MUCH, bytes, 1 << 40)
    assert await aside(MUCH, len, "four") == 4
    monkeypatch.setattr(large_work, "resident", lambda _: 1 << 40)
    with pytest.raises(WorkError, match="more memory"):
        await aside(MUCH, signal.pause)


async def test_the_memory_of_a_process_is_known() -> None:
    assert large_work.resident(os.getpid()) > 1 << 20 or sys.platform != "linux"
    assert large_work.resident(-1) == 0


async def test_a_defect_is_told_and_the_process_goes_on(work: LargeWork, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(WorkError, match="defect"):
        await aside(MUCH, int, "no number")
    assert "ValueError" in capfd.readouterr().err
    assert await aside(MUCH, os.getpid) == child_of(work).pid


async def test_a_process_that_dies_at_work_and_one_that_dies_between(work: LargeWork) -> None:
    with pytest.raises(WorkError, match="ended"):
        await aside(MUCH, os._exit, 1)
    await aside(MUCH, os.getpid)
    first = child_of(work)
    first.kill()
    await asyncio.to_thread(first.wait)
    assert await aside(MUCH, os.getpid) != first.pid


async def test_a_caller_that_leaves_ends_the_process(work: LargeWork) -> None:
    await aside(MUCH, os.getpid)
    first = child_of(work)
    task = asyncio.create_task(aside(MUCH, signal.pause))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.to_thread(first.wait)
    assert await aside(MUCH, os.getpid) != first.pid


async def test_work_has_a_limit_of_time(work: LargeWork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_work, "_MOST_SECONDS", 0.01)
    with pytest.raises(WorkError, match=r"more than 0\.01 s"):
        await aside(MUCH, signal.pause)


async def test_a_process_without_work_ends(work: LargeWork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_work, "_IDLE_SECONDS", 0.0)
    await aside(MUCH, os.getpid)
    child = child_of(work)
    await asyncio.to_thread(child.wait)


async def test_a_process_that_keeps_much_memory_ends_at_once(work: LargeWork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_work, "_HEAVY", 0)
    await aside(MUCH, os.getpid)
    await asyncio.to_thread(child_of(work).wait)


async def test_a_process_has_none_of_the_gateways_credentials(work: LargeWork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
    assert await aside(MUCH, os.getenv, "OPENAI_API_KEY") is None


async def test_a_system_that_hands_no_files_over(monkeypatch: pytest.MonkeyPatch) -> None:
    others = {name: value for name, value in vars(socket).items() if name != "send_fds"}
    monkeypatch.setattr(large_work, "socket", SimpleNamespace(**others))
    made = LargeWork()
    made.start()
    assert await aside(MUCH, os.getpid) == os.getpid()
    await made.stop()


async def test_where_no_process_can_be_started_threads_work(work: LargeWork, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any, **__: Any) -> None:
        raise OSError("no more processes")

    monkeypatch.setattr(large_work, "Popen", refused)
    for _ in range(2):
        assert await aside(MUCH, os.getpid) == os.getpid()
    assert work._pause_until


_GATEWAY = """
import asyncio, os, signal
from penstock.pipeline.off_loop.process import VERY_LARGE, LargeWork, aside
async def main():
    LargeWork().start()
    await aside(VERY_LARGE + 1, os.getpid)
    os.write(1, b"up")
    await aside(VERY_LARGE + 1, signal.pause)
asyncio.run(main())
"""


def test_a_process_at_work_ends_with_its_gateway_however_that_ends() -> None:
    """Both hold the pipe's other end: it is closed when both have ended."""
    reading, writing = os.pipe()
    with subprocess.Popen([sys.executable, "-c", _GATEWAY], stdout=writing) as gateway:
        os.close(writing)
        assert os.read(reading, 2) == b"up"
        gateway.kill()
    assert os.read(reading, 1) == b""
    os.close(reading)
