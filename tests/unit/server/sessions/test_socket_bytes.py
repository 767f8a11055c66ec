"""Bytes of a caller's WebSocket: in order, bounded."""

from __future__ import annotations

import asyncio

from penstock.server.sessions.socket_bytes import SocketBytes


class Source:
    def __init__(self) -> None:
        self.told: list[str] = []

    def pause_reading(self) -> None:
        self.told.append("pause")

    def resume_reading(self) -> None:
        self.told.append("resume")


async def test_bytes_come_in_order() -> None:
    incoming = SocketBytes(Source(), b"early ")
    incoming.received(b"and ")
    assert await incoming.read() == b"early and "
    reading = asyncio.ensure_future(incoming.read())
    await asyncio.sleep(0)
    incoming.received(b"late")
    incoming.received(b"r")
    assert await reading == b"later"


async def test_nothing_more_is_read_ahead_of_the_session() -> None:
    source = Source()
    incoming = SocketBytes(source, b"")
    for _ in range(3):
        incoming.received(b"x" * (200 << 10))
    assert source.told == ["pause"]
    assert len(await incoming.read()) == 600 << 10
    assert source.told == ["pause", "resume"]


async def test_a_reader_may_be_cancelled() -> None:
    incoming = SocketBytes(Source(), b"")
    reading = asyncio.ensure_future(incoming.read())
    await asyncio.sleep(0)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    incoming.received(b"x")
    assert await incoming.read() == b"x"
