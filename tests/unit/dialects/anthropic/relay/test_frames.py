"""Bedrock's frames, taken off Anthropic's events."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.failure import Kind
from penstock.dialects.anthropic.relay.frames import InvokeFrames
from penstock.dialects.dialect import WriteContext
from penstock.dialects.registry import CALLERS


def frame(payload: bytes, **headers: str) -> bytes:
    block = b"".join(
        bytes([len(name) + 1])
        + b":"
        + name.replace("_", "-").encode()
        + b"\x07"
        + struct.pack(">H", len(value))
        + value.encode()
        for name, value in headers.items()
    )
    prelude = struct.pack(">II", 16 + len(block) + len(payload), len(block))
    prelude += struct.pack(">I", zlib.crc32(prelude))
    whole = prelude + block + payload
    return whole + struct.pack(">I", zlib.crc32(whole))


def chunk(data: bytes) -> bytes:
    wrapped = json.dumps({"bytes": base64.b64encode(data).decode(), "p": "abc"}).encode()
    return frame(wrapped, message_type="event", event_type="chunk")


INSIDE: Final = (b'{"type":"message_start", "message":{"n":1.10}}', b'{"type":"message_stop","x":1e400}')
FRAMES: Final = b"".join(map(chunk, INSIDE))
EVENTS: Final = b"".join(b"event: %b\ndata: %b\n\n" % (json.loads(data)["type"].encode(), data) for data in INSIDE)


@given(st.integers(1, 60))
def test_frames_become_events_however_they_are_cut(step: int) -> None:
    frames = CALLERS["anthropic"].relay.stream(WriteContext("m", variant="bedrock"))
    assert frames is not None
    out = b"".join(frames.feed(FRAMES[at : at + step]) for at in range(0, len(FRAMES), step))
    assert out + frames.finish() == EVENTS
    assert frames.failure is None


def test_only_bedrock_frames() -> None:
    assert CALLERS["anthropic"].relay.stream(WriteContext("m", variant="vertex")) is None
    assert CALLERS["anthropic"].relay.plain(WriteContext("m", variant="bedrock")) is None


def test_an_exception_is_the_wires_error_and_the_last() -> None:
    frames = InvokeFrames()
    out = frames.feed(
        chunk(INSIDE[0])
        + frame(b'{"message": "Wait."}', message_type="exception", exception_type="throttlingException")
        + chunk(INSIDE[1])
    )
    name, data = out.split(b"\n\n")[1].split(b"\n")
    assert name == b"event: error"
    assert json.loads(data[6:]) == {"type": "error", "error": {"type": "rate_limit_error", "message": "Wait."}}
    assert frames.feed(FRAMES) == b""
    assert frames.finish() == b""
    assert frames.failure is None


@pytest.mark.parametrize("data", [b"x" * 40, FRAMES[:-3], frame(b"{}", message_type="event"), chunk(b"no")])
def test_bytes_that_are_no_frames(data: bytes) -> None:
    frames = InvokeFrames()
    frames.feed(data)
    frames.finish()
    assert frames.failure is not None
    assert frames.failure.kind is Kind.TRUNCATED
