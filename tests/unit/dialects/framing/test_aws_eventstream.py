"""AWS event streams: frames in any pieces, every type of header, and bytes that are no frames."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.dialects.framing.aws_eventstream import EventStream, Message
from penstock.dialects.framing.frame import MAX_FRAME, FrameError


def header(name: str, kind: int, value: bytes = b"") -> bytes:
    return struct.pack(">B", len(name)) + name.encode() + bytes([kind]) + value


def text_header(name: str, value: str) -> bytes:
    return header(name, 7, struct.pack(">H", len(value.encode())) + value.encode())


def prelude(length: int, headers_length: int) -> bytes:
    lengths = struct.pack(">II", length, headers_length)
    return lengths + struct.pack(">I", zlib.crc32(lengths))


def frame(payload: bytes, block: bytes = b"") -> bytes:
    """A frame around a payload and a block of headers."""
    unsigned = prelude(len(block) + len(payload) + 16, len(block)) + block + payload
    return unsigned + struct.pack(">I", zlib.crc32(unsigned))


KINDS = text_header(":event-type", "delta") + text_header(":message-type", "event")
HEADERS = {":event-type": "delta", ":message-type": "event"}
FRAMES = frame(b"one", KINDS) + frame(b"", KINDS) + frame("zwölf".encode()) + frame(b"{}", text_header("x", "ü"))
MESSAGES = [
    Message(HEADERS, b"one"),
    Message(HEADERS, b""),
    Message({}, "zwölf".encode()),
    Message({"x": "ü"}, b"{}"),
]


def messages(pieces: list[bytes]) -> list[Message]:
    stream = EventStream()
    found = [message for piece in pieces for message in stream.feed(piece)]
    stream.finish()
    return found


def outcome(pieces: list[bytes]) -> tuple[list[Message], str]:
    """The messages, and the reason why there are no more."""
    stream = EventStream()
    found: list[Message] = []
    try:
        for piece in pieces:
            found += stream.feed(piece)
        stream.finish()
    except FrameError as error:
        return found, str(error)
    return found, ""


def test_frames_at_once_byte_by_byte_and_cut_anywhere() -> None:
    assert messages([FRAMES]) == MESSAGES
    assert messages([FRAMES[n : n + 1] for n in range(len(FRAMES))]) == MESSAGES
    for cut in range(len(FRAMES)):
        assert messages([FRAMES[:cut], FRAMES[cut:]]) == MESSAGES


def test_no_frames_at_all() -> None:
    assert messages([]) == []
    assert messages([b""]) == []


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        (0, b"", "true"),
        (1, b"", "false"),
        (2, b"\xff", "-1"),
        (3, struct.pack(">h", -300), "-300"),
        (4, struct.pack(">i", -70_000), "-70000"),
        (5, struct.pack(">q", 1 << 40), "1099511627776"),
        (6, b"\x00\x03abc", "YWJj"),
        (7, b"\x00\x05gr\xc3\xbcn", "grün"),
        (8, struct.pack(">q", 1_700_000_000_000), "1700000000000"),
        (9, bytes(range(16)), "00010203-0405-0607-0809-0a0b0c0d0e0f"),
    ],
)
def test_every_type_of_header_is_given_as_text(kind: int, value: bytes, text: str) -> None:
    block = header("first", kind, value) + text_header("last", "z")
    assert messages([frame(b"p", block)]) == [Message({"first": text, "last": "z"}, b"p")]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"HTTP/1.1 500 Oops\r\n\r\n", "lengths"),
        (frame(b"payload")[:-1] + b"\x00", "checksum"),
        (frame(b"payload", KINDS).replace(b"delta", b"gamma"), "checksum"),
        (prelude(15, 0), "shorter"),
        (prelude(40, 30), "shorter"),
        (prelude(MAX_FRAME + 1, 0), "64 MiB"),
        (prelude(200 << 10, 129 << 10), "128 KiB"),
        (frame(b"", header("x", 10)), "unknown type"),
        (frame(b"", header("x", 7, b"\x00\x09abc")), "longer"),
        (frame(b"", header("x", 7, b"\x00")), "longer"),
        (frame(b"", header("x", 4, b"\x00")), "longer"),
        (frame(b"", b"\x05ab"), "longer"),
        (frame(b"", b"\x01a"), "longer"),
        (frame(b"", header("x", 7, b"\x00\x01\xff")), "UTF-8"),
        (frame(b"", text_header("x", "1") + text_header("x", "2")), "two headers"),
        (FRAMES[:20], "cut off"),
        (FRAMES[:5], "cut off"),
    ],
)
def test_bytes_that_are_no_frames(data: bytes, reason: str) -> None:
    for before, wanted in ((b"", []), (FRAMES, MESSAGES)):
        whole = outcome([before + data])
        assert whole[0] == wanted
        assert reason in whole[1]
        assert outcome([(before + data)[n : n + 1] for n in range(len(before + data))]) == whole


def test_a_fault_is_never_got_over() -> None:
    stream = EventStream()
    assert stream.feed(FRAMES + b"\xff" * 12) == MESSAGES
    for _ in range(2):
        with pytest.raises(FrameError, match="lengths"):
            stream.feed(FRAMES)
    with pytest.raises(FrameError, match="lengths"):
        stream.finish()


def test_a_length_is_judged_before_its_bytes_are_waited_for() -> None:
    with pytest.raises(FrameError, match="64 MiB"):
        EventStream().feed(prelude(1 << 31, 0))


def test_a_large_frame_in_many_small_pieces() -> None:
    payload = bytes(4 << 20)
    data = frame(payload, KINDS) + FRAMES
    assert messages([data[n : n + 512] for n in range(0, len(data), 512)]) == [Message(HEADERS, payload), *MESSAGES]


@settings(max_examples=60)
@given(
    payloads=st.lists(st.binary(max_size=40), max_size=5),
    names=st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=3),
    data=st.data(),
)
def test_any_frames_in_any_pieces(payloads: list[bytes], names: dict[str, str], data: Any) -> None:
    block = b"".join(
        struct.pack(">B", len(name.encode())) + name.encode() + text_header("", value)[1:]
        for name, value in names.items()
    )
    whole = b"".join(frame(payload, block) for payload in payloads)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=6)))
    pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert messages(pieces) == [Message(names, payload) for payload in payloads]


@settings(max_examples=100)
@given(data=st.binary(max_size=80), flip=st.integers(0, len(FRAMES) * 8 - 1))
def test_arbitrary_and_damaged_bytes_raise_nothing_else(data: bytes, flip: int) -> None:
    assert outcome([data])[0] == []
    damaged = bytearray(FRAMES)
    damaged[flip // 8] ^= 1 << flip % 8
    found, reason = outcome([bytes(damaged)])
    assert found == MESSAGES[: len(found)]
    assert len(found) < len(MESSAGES)
    assert reason
