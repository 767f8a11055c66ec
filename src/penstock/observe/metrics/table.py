"""All series of one process in one piece of memory, which may be a file that other processes read at any moment.

The memory is a header and then entries, one a series: their lengths, the labels as JSON, the numbers as doubles. An
entry is written whole before the header's length takes it in, and never moves; a number is written in one aligned
store. A reader in another process therefore sees complete entries only, without a lock.
"""

from __future__ import annotations

import math
import struct
import zlib
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from mmap import mmap
from typing import Final, NamedTuple

import msgspec

from penstock.observe.metrics.families import FAMILIES, Family, Labels

SIZE: Final = 2 << 20
"""Bytes of a table: some 10,000 series."""
_HEADER: Final = struct.Struct("=QQdQ")
"""The form, the bytes in use, when the gauges were refreshed (seconds, monotonic), whether a process owns the table."""
_USED_AT, _FRESH_AT, _OWNED_AT = 8, 16, 24
_ENTRY: Final = struct.Struct("=IHHI4x")
"""Bytes of the entry, index of its family, numbers, bytes of the labels."""
_WORD: Final = 8
FORM: Final = zlib.crc32(repr([(each.name, each.kind, each.labels, each.buckets) for each in FAMILIES]).encode())
"""Tables of another release, which may stand in the file of a worker that died, are not read."""


class Series(NamedTuple):
    """One series as it was read: the index of its family, the values of its labels, its numbers."""

    family: int
    labels: Labels
    values: tuple[float, ...]


class Table:
    """The series of one process. ``values`` are the numbers; ``place_of`` says where those of a series are.

    A table that another process has left in the same memory goes on: its counters count on, its gauges are gone.
    """

    def __init__(self, memory: mmap) -> None:
        self._memory = memory
        self._view = memoryview(memory)
        self.values = self._view.cast("d")
        self._places: dict[tuple[int, Labels], int] = {}
        form, used, _, _ = _HEADER.unpack_from(memory)
        if form == FORM and _HEADER.size <= used <= len(memory):
            self._go_on(used)
        else:
            used = _HEADER.size
            if form:
                memory[used:] = bytes(len(memory) - used)
        self._used = used
        _HEADER.pack_into(memory, 0, FORM, used, 0.0, 1)

    def _go_on(self, used: int) -> None:
        for at, family, labels, width in _entries(self._memory[:used]):
            self._places[family, labels] = at // _WORD
            if FAMILIES[family].kind == "gauge":
                self.values[at // _WORD : at // _WORD + width] = memoryview(bytes(_WORD * width)).cast("d")
                self.values[at // _WORD] = math.nan

    def place_of(self, family: int, labels: Labels) -> int | None:
        """The index in ``values`` of a series' first number; the series is made where it is new. None: there is no
        room."""
        place = self._places.get((family, labels))
        if place is not None:
            return place
        text = msgspec.json.encode(labels)
        head = _ENTRY.size + -(-len(text) // _WORD) * _WORD
        width = FAMILIES[family].width
        length = head + _WORD * width
        start: int = self._used
        if start + length > len(self._memory):
            return None
        _ENTRY.pack_into(self._memory, start, length, family, width, len(text))
        self._memory[start + _ENTRY.size : start + _ENTRY.size + len(text)] = text
        place = (start + head) // _WORD
        self._places[family, labels] = place
        if FAMILIES[family].kind == "gauge":
            self.values[place] = math.nan
        self._used = start + length
        struct.pack_into("=Q", self._memory, _USED_AT, self._used)
        return place

    def refreshed(self, now: float) -> None:
        """Say that the gauges are as they were at a moment, in monotonic seconds."""
        struct.pack_into("=d", self._memory, _FRESH_AT, now)

    def snapshot(self) -> bytes:
        """What ``read_series`` reads."""
        return self._memory[: self._used]

    def close(self) -> None:
        """Leave the memory: from now on it is nobody's."""
        struct.pack_into("=Q", self._memory, _OWNED_AT, 0)
        self.values.release()
        self._view.release()
        self._memory.close()


class Metric:
    """One family in a table. Every method takes the values of its labels. A series for which the table has no room
    counts as the series whose labels are all ``other``."""

    def __init__(self, table: Table, family: Family, other: str) -> None:
        self._table = table
        self._values = table.values
        self._family = FAMILIES.index(family)
        self._buckets = family.buckets
        self.is_gauge = family.kind == "gauge"
        self._places: dict[Labels, int] = {}
        self._followed: dict[Labels, float] = {}
        place = table.place_of(self._family, (other,) * len(family.labels))
        if place is None:
            raise ValueError("a table without room for its families")
        self._other = place

    def place(self, labels: Labels) -> int:
        """The index in the table's ``values`` of the first number of a series, or of the one that stands in for it."""
        place = self._places.get(labels)
        if place is None:
            found = self._table.place_of(self._family, labels)
            if found is None:
                return self._other
            place = self._places[labels] = found
        return place

    def add(self, labels: Labels, amount: float = 1.0) -> None:
        """Count."""
        self._values[self.place(labels)] += amount

    def set(self, labels: Labels, value: float) -> None:
        """Set a gauge. A gauge for which there is no room is left out."""
        place = self.place(labels)
        if place != self._other or not labels:
            self._values[place] = value

    def follow(self, labels: Labels, total: float) -> None:
        """Count what something else has counted further, since the last call or, at the first call, since 0."""
        self._values[self.place(labels)] += total - self._followed.get(labels, 0.0)
        self._followed[labels] = total

    def observe(self, labels: Labels, value: float) -> None:
        """Put a value into a histogram."""
        place = self.place(labels)
        self._values[place] += value
        self._values[place + 1 + bisect_left(self._buckets, value)] += 1.0

    def merge(self, labels: Labels, numbers: Sequence[float]) -> None:
        """Put the values of a histogram into another one: their sum, and the counts of the buckets."""
        place = self.place(labels)
        for index, number in enumerate(numbers):
            if number:
                self._values[place + index] += number

    def forget(self) -> None:
        """Take the gauges off the page until they are set again."""
        self._values[self._other] = math.nan
        for place in self._places.values():
            self._values[place] = math.nan


def read_series(snapshot: bytes) -> Iterator[Series]:
    """The series of a table."""
    for at, family, labels, width in _entries(snapshot):
        yield Series(family, labels, struct.unpack_from(f"={width}d", snapshot, at))


class Freshness(NamedTuple):
    """What a table's header says: the bytes in use, when its gauges were refreshed, whether a process owns it."""

    used: int
    refreshed: float
    is_owned: bool


def read_header(memory: bytes) -> Freshness | None:
    """The header of a table; None if there is no table of this release."""
    if len(memory) < _HEADER.size:
        return None
    form, used, refreshed, owned = _HEADER.unpack_from(memory)
    return Freshness(used, refreshed, bool(owned)) if form == FORM else None


HEADER_SIZE: Final = _HEADER.size


def _entries(memory: bytes) -> Iterator[tuple[int, int, Labels, int]]:
    """Of each entry: where its numbers begin, in bytes; the family's index; the labels; how many numbers there are."""
    at = _HEADER.size
    while at + _ENTRY.size <= len(memory):
        length, family, width, text = _ENTRY.unpack_from(memory, at)
        if length < _ENTRY.size + text or at + length > len(memory) or family >= len(FAMILIES):
            return
        start = at + _ENTRY.size
        labels = msgspec.json.decode(memory[start : start + text], type=tuple[str, ...])
        yield at + length - _WORD * width, family, labels, width
        at += length
