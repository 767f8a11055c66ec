"""One end of a session: frames as they arrive, pings, silence, close codes, and what breaks the protocol."""

from __future__ import annotations

import asyncio
from collections import deque

import pytest
from websockets.frames import Opcode
from websockets.protocol import CLIENT, OPEN, Protocol

from penstock.server.sessions.socket_end import Gone, SocketEnd


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Wire:
    """A caller's side over memory: ``peer`` is the protocol at the other end."""

    def __init__(self, *, max_bytes: int = 1000, ping_seconds: float = 0.0) -> None:
        self.peer = Protocol(CLIENT, state=OPEN, max_size=None)
        self.clock = Clock()
        self.incoming: deque[bytes] = deque()
        self.full: asyncio.Future[None] | None = None
        self.end = SocketEnd(
            self.read, self.write, is_caller=True, max_bytes=max_bytes, ping_seconds=ping_seconds, now=self.clock
        )

    async def read(self) -> bytes:
        return self.incoming.popleft()

    def write(self, data: bytes) -> asyncio.Future[None] | None:
        self.peer.receive_data(data)
        return self.full

    def arrive(self) -> None:
        self.incoming.append(b"".join(self.peer.data_to_send()))

    def received(self) -> list[tuple[Opcode, bytes, bool]]:
        return [(frame.opcode, bytes(frame.data), frame.fin) for frame in self.peer.events_received()]  # type: ignore[union-attr]


async def test_fragments_are_told_and_sent_as_they_are() -> None:
    wire = Wire()
    wire.peer.send_text(b"a", fin=False)
    wire.peer.send_continuation(b"b", fin=True)
    wire.arrive()
    frames = await wire.end.frames()
    assert [(frame.opcode, frame.fin) for frame in frames] == [(Opcode.TEXT, False), (Opcode.CONT, True)]
    await wire.end.send(frames[0])
    assert not wire.end.is_between_messages
    await wire.end.say(b"not now")
    await wire.end.send(frames[1])
    assert wire.received() == [(Opcode.TEXT, b"a", False), (Opcode.CONT, b"b", True)]


async def test_a_ping_is_answered_here() -> None:
    wire = Wire()
    wire.peer.send_ping(b"x")
    wire.arrive()
    assert await wire.end.frames() == []
    assert wire.received() == [(Opcode.PONG, b"x", True)]


async def test_close_codes() -> None:
    wire = Wire()
    wire.peer.send_close(4001, "done")
    wire.arrive()
    await wire.end.frames()
    assert (wire.end.close_code, wire.end.close_reason, wire.end.is_open) == (4001, "done", False)
    other = Wire()
    await other.end.close(1011, "é" * 200)
    await other.end.close(1000)
    assert other.peer.close_rcvd is not None
    assert other.peer.close_rcvd.code == 1011
    silent = Wire()
    await silent.end.close(1006, "never sent")
    assert silent.peer.close_rcvd is not None
    assert silent.peer.close_rcvd.code == 1005


async def test_a_large_message_ends_it() -> None:
    wire = Wire(max_bytes=10)
    wire.peer.send_text(b"x" * 11)
    wire.arrive()
    await wire.end.frames()
    assert wire.end.fault is not None
    assert wire.end.fault[0] == 1009
    assert not wire.end.is_open


async def test_bytes_that_are_no_frames_end_it() -> None:
    wire = Wire()
    wire.incoming.append(b"\xff\xff\xff\xff")
    await wire.end.frames()
    assert wire.end.fault is not None
    assert wire.end.fault[0] == 1002


async def test_an_end_without_a_word() -> None:
    wire = Wire()
    wire.incoming.append(b"")
    with pytest.raises(Gone):
        await wire.end.frames()


async def test_silence_is_asked_about_once() -> None:
    wire = Wire(ping_seconds=20)
    wire.clock.now = 19
    wire.end.ask(19)
    assert wire.received() == []
    wire.clock.now = 20
    wire.end.ask(20)
    assert [opcode for opcode, _, _ in wire.received()] == [Opcode.PING]
    assert wire.end.silence_due() == 40
    wire.arrive()  # its pong
    await wire.end.frames()
    assert wire.end.silence_due() == 40
    wire.clock.now = 40
    wire.end.ask(40)
    with pytest.raises(Gone):
        wire.end.ask(60)


async def test_asking_waits_for_nobody() -> None:
    """An end that reads nothing is asked all the same, and doesn't hold up the session's clock."""
    wire = Wire(ping_seconds=20)
    wire.full = asyncio.get_running_loop().create_future()
    wire.end.ask(20)
    assert wire.end.silence_due() == 40
    wire.full.cancel()


async def test_many_pings_are_parsed_in_slices() -> None:
    """What comes at once is worked on in turns, between which the others have theirs."""
    wire = Wire()
    for _ in range(10_000):
        wire.peer.send_ping(b"")
    wire.peer.send_text(b"last")
    wire.arrive()
    turns, others = 0, 0

    async def count() -> None:
        nonlocal others
        while True:
            others += 1
            await asyncio.sleep(0)

    counting = asyncio.ensure_future(count())
    while not (frames := await wire.end.frames()):
        turns += 1
        assert len(wire.received()) < 4000
    counting.cancel()
    assert bytes(frames[0].data) == b"last"
    assert turns >= 3
    assert others >= turns


async def test_sending_waits_for_a_slow_reader() -> None:
    wire = Wire()
    wire.full = asyncio.get_running_loop().create_future()
    sending = asyncio.ensure_future(wire.end.say(b"x"))
    await asyncio.sleep(0)
    assert not sending.done()
    wire.full.set_result(None)
    await sending
