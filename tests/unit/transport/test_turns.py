"""Turns of reading, on a transport without a network."""

from __future__ import annotations

import asyncio
from typing import Any

from penstock.transport.turns import LARGE_READ, TakesTurns


class Transport:
    """Counts what is asked of it."""

    def __init__(self) -> None:
        self.is_reading = True
        self.changes = 0

    def pause_reading(self) -> None:
        assert self.is_reading
        self.is_reading = False
        self.changes += 1

    def resume_reading(self) -> None:
        assert not self.is_reading
        self.is_reading = True
        self.changes += 1

    def is_closing(self) -> bool:
        return False

    def reads(self) -> bool:
        return self.is_reading


class Protocol(TakesTurns):
    burst = 1 << 20

    def __init__(self) -> None:
        super().__init__(asyncio.get_running_loop())
        self.other = Transport()
        transport: Any = self.other
        self.transport = transport


async def test_a_large_body_leaves_others_their_turn() -> None:
    protocol = Protocol()
    for _ in range(40):
        protocol._take_turns(LARGE_READ)
    assert not protocol.other.reads()
    await asyncio.sleep(0)
    assert protocol.other.reads()
    assert protocol.other.changes == 2


async def test_a_turn_does_not_undo_a_pause() -> None:
    protocol = Protocol()
    protocol._take_turns(2 << 20)
    protocol.pause_reading()
    await asyncio.sleep(0)
    assert not protocol.other.reads()
    protocol.resume_reading()
    assert protocol.other.reads()
    protocol.pause_reading()
    protocol._take_turns(2 << 20)
    protocol.resume_reading()
    assert not protocol.other.reads()
    await asyncio.sleep(0)
    assert protocol.other.reads()


async def test_a_turn_that_took_long_ends_at_once() -> None:
    protocol = Protocol()
    protocol._take_turns(LARGE_READ)
    protocol._end_turn()
    protocol._end_turn()
    protocol._take_turns(LARGE_READ)
    assert protocol.other.changes == 1
    assert not protocol.other.reads()
    await asyncio.sleep(0)
    assert protocol.other.reads()
    assert protocol.other.changes == 2


async def test_a_turn_that_ends_does_not_undo_a_pause() -> None:
    protocol = Protocol()
    protocol._take_turns(LARGE_READ)
    protocol.pause_reading()
    protocol._end_turn()
    await asyncio.sleep(0)
    assert not protocol.other.reads()
    protocol.resume_reading()
    assert protocol.other.reads()
