"""AWS event streams (``application/vnd.amazon.eventstream``): binary frames of headers and a payload, with checksums.

A frame is: its length and that of its headers, a checksum of these two; the headers; the payload; a checksum of it all.
What a payload holds is the dialect's to read. Numbers are big-endian, checksums are CRC-32. Source: AWS, "Event stream
encoding", https://smithy.io/2.0/aws/amazon-eventstream.html.
"""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final

import msgspec

from penstock.dialects.framing.frame import MAX_FRAME, MOST_PARTS, TOO_MANY_PARTS, FrameError, parts

STREAM_TYPE: Final = b"application/vnd.amazon.eventstream"
"""The content type of such a stream."""


def begins(data: bytes) -> bool:
    """Whether bytes begin a stream of messages: the first byte of a message's length is 0."""
    return data[:1] == b"\0"


_SIZES: Final = struct.Struct(">II")
_PRELUDE: Final = struct.Struct(">III")
_CHECKSUM: Final = struct.Struct(">I")
_AROUND: Final = _PRELUDE.size + _CHECKSUM.size
_MAX_HEADERS: Final = 128 << 10


class Message(msgspec.Struct, frozen=True):
    """One frame. Header values that are no strings are given as their text: numbers in decimal, bytes in base64."""

    headers: Mapping[str, str]
    payload: bytes


class EventStream:
    """Cuts a byte stream into messages, whatever pieces it comes in, in time linear to its length.

    Raises FrameError when the bytes are no frames; the messages before the fault are still given, so that how the
    stream was cut makes no difference.
    """

    __slots__ = ("_block", "_fault", "_headers", "_held", "_parts", "_wanted")

    def __init__(self) -> None:
        self._held = bytearray()
        self._wanted = _PRELUDE.size
        self._parts = 0
        self._fault: FrameError | None = None
        self._block = b""
        self._headers: Mapping[str, str] = {}

    def feed(self, data: bytes) -> list[Message]:
        """Take bytes as they came; the messages that are whole now."""
        if self._fault is not None:
            raise self._fault
        if self._held:
            self._held += data
            if len(self._held) < self._wanted:
                self._parts += parts(data)
                if self._parts > MOST_PARTS:
                    self._fault = FrameError(f"a frame {TOO_MANY_PARTS}")
                    self._held.clear()
                    raise self._fault
                return []
            self._parts = 0
            data = bytes(self._held)
        found: list[Message] = []
        try:
            rest = self._cut(data, found)
        except FrameError as fault:
            self._fault = fault
            self._held.clear()
            if not found:
                raise
            return found
        self._held = bytearray(rest)
        return found

    def finish(self) -> None:
        """The stream has ended, which it may only do after a whole frame."""
        if self._fault is not None:
            raise self._fault
        if self._held:
            raise FrameError("the last frame is cut off")

    def _cut(self, data: bytes, found: list[Message]) -> bytes:
        """Add the messages of all whole frames to ``found``; the bytes that follow them."""
        start, self._wanted = 0, _PRELUDE.size
        while len(data) - start >= _PRELUDE.size:
            length, headers_length = _lengths(data, start)
            end = start + length
            if end > len(data):
                self._wanted = length
                break
            if zlib.crc32(data[start : end - _CHECKSUM.size]) != _CHECKSUM.unpack_from(data, end - _CHECKSUM.size)[0]:
                raise FrameError("a frame's checksum doesn't match")
            block_start = start + _PRELUDE.size
            block_end = block_start + headers_length
            headers = self._parsed(data[block_start:block_end])
            found.append(Message(headers, data[block_end : end - _CHECKSUM.size]))
            start = end
        return data[start:]

    def _parsed(self, block: bytes) -> Mapping[str, str]:
        """A header block. The frames of one answer mostly repeat that of the frame before, which is then kept."""
        if block != self._block:
            self._headers = _headers(block)
            self._block = block
        return self._headers


def _lengths(data: bytes, start: int) -> tuple[int, int]:
    """The length of a frame and that of its headers, once they are sure to be right."""
    length, headers_length, checksum = _PRELUDE.unpack_from(data, start)
    if zlib.crc32(data[start : start + _PRELUDE.size - _CHECKSUM.size]) != checksum:
        raise FrameError("the checksum of a frame's lengths doesn't match")
    if headers_length > _MAX_HEADERS:
        raise FrameError(f"a frame with more than {_MAX_HEADERS >> 10} KiB of headers")
    if length > MAX_FRAME:
        raise FrameError(f"a frame of more than {MAX_FRAME >> 20} MiB")
    if length < headers_length + _AROUND:
        raise FrameError("a frame that is shorter than what it should hold")
    return length, headers_length


# Headers.


def _headers(block: bytes) -> Mapping[str, str]:
    """The headers of a block: each the length of its name, the name, the type of its value, the value."""
    found: dict[str, str] = {}
    position = 0
    try:
        while position < len(block):
            name, position = _text_of(block, position + 1, block[position])
            value, position = _value(block, position)
            if name in found:
                raise FrameError("a frame has two headers of one name")
            found[name] = value
    except (IndexError, struct.error):
        raise FrameError("a frame's headers are longer than they should be") from None
    except UnicodeDecodeError:
        raise FrameError("a frame's header is no UTF-8") from None
    return found


def _value(block: bytes, position: int) -> tuple[str, int]:
    """A header's value, beginning with its type, and the position after it."""
    kind, position = block[position], position + 1
    if kind in _WITH_LENGTH:
        (length,) = _LENGTH.unpack_from(block, position)
        position += _LENGTH.size
        if kind == _STRING:
            return _text_of(block, position, length)
        return base64.b64encode(_bytes_of(block, position, length)).decode(), position + length
    known = _FIXED.get(kind)
    if known is None:
        raise FrameError("a frame's header is of an unknown type")
    length, write = known
    return write(_bytes_of(block, position, length)), position + length


def _text_of(block: bytes, position: int, length: int) -> tuple[str, int]:
    return _bytes_of(block, position, length).decode(), position + length


def _bytes_of(block: bytes, position: int, length: int) -> bytes:
    found = block[position : position + length]
    if len(found) < length:
        raise IndexError
    return found


def _number(value: bytes) -> str:
    return str(int.from_bytes(value, signed=True))


def _uuid(value: bytes) -> str:
    text = value.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


_LENGTH: Final = struct.Struct(">H")
_BYTES: Final = 6
_STRING: Final = 7
_WITH_LENGTH: Final = frozenset({_BYTES, _STRING})
_FIXED: Final[Mapping[int, tuple[int, Callable[[bytes], str]]]] = {
    0: (0, lambda _: "true"),
    1: (0, lambda _: "false"),
    2: (1, _number),
    3: (2, _number),
    4: (4, _number),
    5: (8, _number),
    8: (8, _number),
    9: (16, _uuid),
}
"""Header types of a fixed size: true, false, integers of four sizes, milliseconds since 1970, UUID."""


# Frames that are written.


def write_event(kind: str, payload: bytes) -> bytes:
    """A frame of an event: ``kind`` is its type, ``payload`` its members as JSON."""
    return _frame(_block_of("event", kind), payload)


def write_exception(kind: str, payload: bytes) -> bytes:
    """A frame of an exception that ends the stream: ``kind`` is its name, ``payload`` a JSON object with a message."""
    return _frame(_block_of("exception", kind), payload)


def _frame(block: bytes, payload: bytes) -> bytes:
    lengths = _SIZES.pack(_AROUND + len(block) + len(payload), len(block))
    data = lengths + _CHECKSUM.pack(zlib.crc32(lengths)) + block + payload
    return data + _CHECKSUM.pack(zlib.crc32(data))


@lru_cache(64)
def _block_of(message_type: str, kind: str) -> bytes:
    """The headers of a frame with JSON in it."""
    fields = {f":{message_type}-type": kind, ":content-type": "application/json", ":message-type": message_type}
    return b"".join(
        bytes([len(name)]) + name.encode() + bytes([_STRING]) + _LENGTH.pack(len(value)) + value.encode()
        for name, value in fields.items()
    )
