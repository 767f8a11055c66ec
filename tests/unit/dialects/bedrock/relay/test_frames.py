"""Converse's frames, taken off."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

import calling
from penstock.core.failure import Kind
from penstock.dialects.bedrock.caller.frames import FrameEncoder
from penstock.dialects.bedrock.relay.frames import ConverseFrames
from penstock.dialects.framing.aws_eventstream import write_event, write_exception

STREAM = b"".join(calling.STREAMS["bedrock_converse"])
FRAMED = FrameEncoder().finish(STREAM)


@given(st.lists(st.integers(0, len(FRAMED)), max_size=4))
def test_what_is_inside_goes_on_byte_for_byte(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(FRAMED)]
    frames = ConverseFrames()
    told = b"".join(frames.feed(FRAMED[start:end]) for start, end in itertools.pairwise(places))
    assert told + frames.finish() == STREAM
    assert frames.failure is None


def test_lines_of_json_are_one() -> None:
    assert ConverseFrames().feed(write_event("x", b'{\r\n"a":1}')) == b'event: x\ndata: {"a":1}\n\n'


def test_an_exception_ends_the_stream() -> None:
    frames = ConverseFrames()
    told = frames.feed(write_exception("throttlingException", b'{"message":"Full"}') + FRAMED)
    assert told == b'event: throttlingException\ndata: {"message":"Full"}\n\n'
    assert frames.is_over
    unknown = ConverseFrames().feed(write_exception("newException", b"{}"))
    assert unknown.startswith(b"event: internalServerException\n")


def test_bytes_that_are_no_frames() -> None:
    for data in (b"\xff" * 40, write_event("not a name", b"{}")):
        frames = ConverseFrames()
        assert frames.feed(data) == b""
        assert frames.failure is not None
        assert frames.failure.kind is Kind.TRUNCATED
    cut = ConverseFrames()
    cut.feed(FRAMED[:-3])
    assert cut.finish() == b""
    assert cut.failure is not None
