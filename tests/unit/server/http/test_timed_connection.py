"""The one timer of a connection, on a transport without a network."""

from __future__ import annotations

import asyncio
import math
from typing import Any

from penstock.server.http.timed_connection import TimedConnection


class Transport:
    """A transport that only tells what is unsent and whether it was aborted."""

    def __init__(self) -> None:
        self.unsent = 0
        self.aborted = asyncio.Event()

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def is_closing(self) -> bool:
        return self.aborted.is_set()

    def abort(self) -> None:
        self.aborted.set()


class Timed(TimedConnection):
    """Looks again after ``wait`` seconds; ``looks`` counts."""

    def __init__(self, write_seconds: float = 0, wait: float = math.inf) -> None:
        super().__init__(asyncio.get_running_loop(), write_seconds)
        self.other = Transport()
        transport: Any = self.other
        self.transport = transport
        self.wait = wait
        self.looks = 0
        self.looked = asyncio.Event()

    def _read_due(self, now: float) -> float:
        self.looks += 1
        self.looked.set()
        return now + self.wait


async def test_the_nearest_time_counts_and_a_later_one_costs_no_timer() -> None:
    connection = Timed()
    now = connection.loop.time()
    connection._look_by(now + 3600)
    first = connection._timer
    connection._look_by(now + 7200)
    assert connection._timer is first
    connection._look_by(now)
    await connection.looked.wait()
    assert connection.looks == 1
    assert connection._timer is None


async def test_it_looks_again_until_it_is_lost() -> None:
    connection = Timed(wait=0)
    connection._look_by(0)
    while connection.looks < 3:
        connection.looked.clear()
        await connection.looked.wait()
    connection._stop()
    looks = connection.looks
    await asyncio.sleep(0)
    assert connection.looks == looks


async def test_a_caller_that_takes_bytes_is_waited_for_and_one_that_does_not_is_cut_off() -> None:
    connection = Timed(write_seconds=0.2)
    connection.other.unsent = 100
    connection.pause_writing()
    assert connection.writable is not None
    for left in (90, 80, 70):
        connection.looked.clear()
        await connection.looked.wait()
        assert not connection.other.is_closing()
        connection.other.unsent = left
    await asyncio.wait_for(connection.other.aborted.wait(), 300)
    connection._stop()
    assert connection.writable is None
