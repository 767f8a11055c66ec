"""A stream that is held back: how much of it is read, and that nothing of it is lost."""

from __future__ import annotations

import pytest

import calling
from calling import OPENAI, event_stream
from fake_reply import FakeReply
from penstock.core.failure import Failure, Kind
from penstock.dialects.stream_watch import StreamWatch
from penstock.pipeline.replies.held_stream import HeldStream
from penstock.routing.plan import RescuePolicy

CUT = Failure(Kind.CONNECTION_CLOSED, "Gone", sent=True)


def held(reply: FakeReply) -> HeldStream:
    return HeldStream(reply, StreamWatch(OPENAI.replies.stream))


async def test_it_is_read_until_so_many_events_say_something() -> None:
    stream = held(event_stream(calling.FIRST, calling.CHUNK, calling.STOP))
    assert await stream.read_until(1) is None
    assert stream.ready == calling.FIRST
    assert stream.has(1)
    assert not stream.has(2)
    assert await stream.read_until(2) is None
    assert stream.ready == calling.FIRST + calling.CHUNK
    assert await stream.rest.read() == calling.STOP


async def test_its_end_is_enough_and_a_break_is_a_failure() -> None:
    stream = held(event_stream(calling.FIRST))
    assert await stream.read_until(7) is None
    assert stream.has_ended
    assert await held(event_stream(calling.FIRST, cut=CUT)).read_until(7) is CUT


@pytest.mark.parametrize("max_wait", [None, 3600.0])
async def test_a_rescue_holds_on_for_so_many_events(max_wait: float | None) -> None:
    stream = held(event_stream(calling.FIRST, calling.CHUNK, calling.STOP))
    assert await stream.hold_on(RescuePolicy(2, max_wait=max_wait)) is None
    assert stream.ready == calling.FIRST + calling.CHUNK
    assert await held(event_stream(calling.FIRST, cut=CUT)).hold_on(RescuePolicy(2, max_wait=max_wait)) is CUT
