"""Protocol Buffers, as far as OTLP needs them: fields are written one by one, and read as pairs of number and value.

Source: https://protobuf.dev/programming-guides/encoding/.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import Final

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_MASK: Final = (1 << 64) - 1
_LONGEST_VARINT: Final = 10
_SHORT: Final = [bytes((number,)) for number in range(0x80)]


def varint(number: int) -> bytes:
    """A whole number from 0 to 2**64 - 1, its low bits first."""
    if number < 0x80:
        return _SHORT[number]
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _tag(field: int, wire: int) -> bytes:
    return varint(field << 3 | wire)


def integer(field: int, number: int) -> bytes:
    """A field of type int64, bool or enum."""
    return _tag(field, _VARINT) + varint(number & _MASK)


def fixed64(field: int, number: int) -> bytes:
    return _tag(field, _FIXED64) + number.to_bytes(8, "little")


def fixed32(field: int, number: int) -> bytes:
    return _tag(field, _FIXED32) + number.to_bytes(4, "little")


def double(field: int, number: float) -> bytes:
    return _tag(field, _FIXED64) + struct.pack("<d", number)


def data(field: int, value: bytes) -> bytes:
    """A field of type bytes, or a message that is written already."""
    return _tag(field, _LENGTH) + varint(len(value)) + value


def text(field: int, value: str) -> bytes:
    """A field of type string. Lone surrogates, which UTF-8 can't hold, become question marks."""
    return data(field, value.encode("utf-8", "replace"))


def packed_fixed64(field: int, numbers: Iterable[int]) -> bytes:
    return data(field, b"".join([number.to_bytes(8, "little") for number in numbers]))


def packed_double(field: int, numbers: Iterable[float]) -> bytes:
    return data(field, b"".join([struct.pack("<d", number) for number in numbers]))


def read_fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a message: numbers of varints, bytes of everything else. Raises ValueError where it breaks off."""
    at = 0
    while at < len(message):
        tag, at = _read_varint(message, at)
        wire = tag & 7
        if wire == _VARINT:
            number, at = _read_varint(message, at)
            yield tag >> 3, number
            continue
        if wire == _LENGTH:
            length, at = _read_varint(message, at)
        elif wire in {_FIXED64, _FIXED32}:
            length = 8 if wire == _FIXED64 else 4
        else:
            raise ValueError(f"wire type {wire}")
        if at + length > len(message):
            raise ValueError("a field breaks off")
        yield tag >> 3, message[at : at + length]
        at += length


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    number = 0
    for index, byte in enumerate(message[at : at + _LONGEST_VARINT]):
        number |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return number & _MASK, at + index + 1
    raise ValueError("a number breaks off")
