"""A large JSON array in slices, so that no single call of a parser takes long: other threads go on between the slices.

The parsers are C code that keeps the interpreter to itself, and what they make takes ten times the memory of the text.
So the elements of a large array are decoded, used and freed one after the other. An array of up to ``LARGE`` bytes is
read at once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from penstock.core.json_text import UNREADABLE, read_json, write_json

LARGE: Final = 1 << 20
"""Bytes of an array that is read or written in slices."""
_SLICE: Final = 256 << 10
_MANY: Final = 1024
"""Elements that are written at once."""
_DEEPEST: Final = 6
"""Levels within which arrays of many elements are looked for when a value is written."""

_SPACE: Final = re.compile(r"[ \t\n\r]*")
_SCANNER: Final = json.JSONDecoder()
_ARRAY: Final = msgspec.json.Decoder(list[msgspec.Raw])


def slices(raw: bytes) -> Iterator[bytes]:
    """The elements of an array, some of them at a time, each time as an array. Raises ValueError for what is none."""
    if len(raw) <= LARGE:
        yield raw
        return
    some: list[msgspec.Raw | bytes] = []
    size = 0
    for element in _raw_elements(raw):
        some.append(element)
        size += len(memoryview(element))
        if size >= _SLICE:
            yield b"[%b]" % b",".join(some)
            some, size = [], 0
    if some:
        yield b"[%b]" % b",".join(some)


def elements(raw: bytes | memoryview) -> Iterator[Any]:
    """The elements of a large array, decoded one after the other. Raises ValueError for what is no array."""
    for element in _raw_elements(raw):
        yield read_json(element)


def _raw_elements(raw: bytes | memoryview) -> Iterator[msgspec.Raw | bytes]:
    """The elements of an array as JSON. Raises ValueError."""
    try:
        raws = _ARRAY.decode(raw)
    except UNREADABLE:
        yield from _scanned(bytes(raw).decode())
        return
    raws.reverse()
    while raws:  # what was read is freed
        yield raws.pop()


def _scanned(text: str) -> Iterator[bytes]:
    """The elements of an array that only the standard library reads."""
    if text[:1] != "[":
        raise ValueError("it is no array")
    at = _after_space(text, 1)
    while text[at : at + 1] != "]":
        start = at
        try:
            _, at = _SCANNER.raw_decode(text, at)
        except RecursionError:
            raise ValueError("it is nested too deeply") from None
        yield text[start:at].encode()
        at = _after_space(text, at)
        if text[at : at + 1] == ",":
            at = _after_space(text, at + 1)
            if text[at : at + 1] == "]":
                raise ValueError("a comma before the end")
        elif text[at : at + 1] != "]":
            raise ValueError("no comma between two elements")


def write_in_slices(value: Any) -> bytes:
    """The value as JSON, long arrays some elements at a time. Conversations are used up: they are empty afterwards.

    What a thread frees at once holds the others up as well, so the elements go as they are written.
    """
    pieces: list[bytes] = []
    _write(value, pieces, 0, is_own=False)
    return b"".join(pieces)


_CONVERSATION: Final = frozenset({"messages", "contents", "chatHistory"})
"""The members of requests that are made for one request and shared with nothing else."""


def _write(value: Any, pieces: list[bytes], depth: int, *, is_own: bool) -> None:
    if not _holds_many(value, depth):
        pieces.append(write_json(value))
    elif isinstance(value, dict):
        _write_members(value, pieces, depth, is_own=is_own)
    else:
        _write_list(value, pieces, depth, is_own=is_own)


def _holds_many(value: Any, depth: int) -> bool:
    """Whether a value is an array of many elements, or holds one."""
    if depth >= _DEEPEST or not isinstance(value, dict | list):
        return False
    if isinstance(value, list):
        return len(value) > _MANY or any(_holds_many(each, depth + 1) for each in value)
    return any(_holds_many(each, depth + 1) for each in value.values())


def _write_members(value: dict[str, Any], pieces: list[bytes], depth: int, *, is_own: bool) -> None:
    begin = b"{"
    for name, member in value.items():
        pieces += (begin, write_json(name), b":")
        _write(member, pieces, depth + 1, is_own=is_own or name in _CONVERSATION)
        begin = b","
    pieces.append(b"}")


def _write_list(value: list[Any], pieces: list[bytes], depth: int, *, is_own: bool) -> None:
    begin = b"["
    left = value if is_own else value.copy()
    left.reverse()
    while left:
        some = left[: -_MANY - 1 : -1]
        del left[-_MANY:]
        if any(_holds_many(each, depth + 1) for each in some):
            for each in some:
                pieces.append(begin)
                _write(each, pieces, depth + 1, is_own=is_own)
                begin = b","
        else:
            pieces += (begin, write_json(some)[1:-1])
            begin = b","
    pieces.append(b"]")


def _after_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return at if found is None else found.end()
