"""What this worker has spent of its slices, in a file that outlives a killed process (docs/limits.md#slices).

The file is mapped into memory: a note is two numbers, and the system keeps them when the process is gone. Another
worker that has the same folder reads the file of a dead one, and has its leases charged what was spent.
"""

from __future__ import annotations

import mmap
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from penstock.limits.counters import Hold
from penstock.stores.mapped_file import MappedFile

_LOSS: Final = "a killed worker is charged all it has leased"
_ROW: Final = 1024
"""Bytes of a row: its numbers, and the hold that names its bucket."""
_NUMBERS: Final = 8
_TEXT: Final = _ROW - 8 * _NUMBERS
_LEASE, _SPENT, _HELD, _BEFORE, _BEFORE_SPENT, _ASKED, _LENGTH = range(7)


class LeftLease(msgspec.Struct, frozen=True):
    """A lease of a dead worker: its number, its bucket, what was spent of it, and what requests still held."""

    number: int
    hold: Hold
    spent: int
    held: int


class Row:
    """The notes about one bucket. A lease is known by its number, from 1 on. ``index`` is the place in the file, None
    for a row that is in memory alone. ``spent_and_held`` are the two numbers of the lease in force that each request
    changes."""

    __slots__ = ("_numbers", "index", "spent_and_held")

    def __init__(self, numbers: memoryview, index: int | None) -> None:
        self._numbers = numbers
        self.spent_and_held = numbers[_SPENT : _HELD + 1]
        self.index = index

    def asked(self, number: int) -> None:
        """The store is about to be asked for a lease."""
        self._numbers[_ASKED] = number

    def begun(self, number: int, before: int, spent: int, held: int) -> None:
        """A lease has begun, and takes the place of the one before, of which so much was spent. Whatever moment the
        process is killed at, no less is noted than was spent."""
        numbers = self._numbers
        numbers[_BEFORE], numbers[_BEFORE_SPENT] = before, spent
        numbers[_HELD] = held
        numbers[_LEASE] = number
        numbers[_SPENT] = numbers[_ASKED] = 0

    def note(self, spent: int, held: int) -> None:
        """So much is spent of the lease, and held by requests that are under way."""
        numbers = self._numbers
        numbers[_SPENT] = spent
        numbers[_HELD] = held

    def settled(self) -> None:
        """The lease before is charged."""
        self._numbers[_BEFORE] = self._numbers[_ASKED] = 0

    def clear(self) -> None:
        """There is no lease any more."""
        numbers = self._numbers
        numbers[_LEASE] = numbers[_BEFORE] = numbers[_ASKED] = 0


class SliceRecord:
    """The file of one worker, for so many buckets at most; ``folder`` None keeps no record. ``open`` before use,
    ``close`` when all leases are ended. ``worker`` is the beginning of the leases' names. ``kind`` begins the file's
    name, ``loss`` says what a killed worker is charged where there is none."""

    def __init__(self, folder: Path | None, worker: str, most: int, kind: str = "slices", loss: str = _LOSS) -> None:
        self._file = MappedFile(folder, kind, worker, most * _ROW)
        self._most = most
        self._loss = loss
        self._map: mmap.mmap | None = None
        self._numbers: memoryview | None = None
        self._free: list[int] = []

    def open(self) -> None:
        """Make the file."""
        self._map = self._file.open(self._loss)
        if self._map is not None:
            self._numbers = memoryview(self._map).cast("q")
            self._free = list(range(self._most - 1, -1, -1))

    def row(self, hold: Hold) -> Row:
        """A row for a bucket, as the store is asked for it: in memory alone where no record is kept of it."""
        text = msgspec.msgpack.encode(hold)
        if self._map is None or self._numbers is None or not self._free or len(text) > _TEXT:
            return Row(memoryview(array("q", [0] * _NUMBERS)), None)
        index = self._free.pop()
        start = index * _ROW + 8 * _NUMBERS
        self._map[start : start + len(text)] = text
        at = index * _ROW // 8
        numbers = self._numbers[at : at + _NUMBERS]
        for each in range(_NUMBERS):
            numbers[each] = 0
        numbers[_LENGTH] = len(text)
        return Row(numbers, index)

    def free(self, row: Row) -> None:
        """A bucket is forgotten."""
        row.clear()
        if row.index is not None:
            self._free.append(row.index)

    def close(self) -> None:
        """Remove the file."""
        self._file.close()
        # Rows may still be referred to: the mapping ends with the last of them.
        self._map = self._numbers = None

    def left(self) -> Iterator[tuple[Path, str, list[LeftLease]]]:
        """The files of dead workers, each with the beginning of its leases' names and the leases. A file is to be
        unlinked when its leases are charged: charging one twice changes nothing."""
        for path, worker, data in self._file.left():
            yield path, worker, list(_read(data))


def _read(data: bytes) -> Iterator[LeftLease]:
    numbers = memoryview(data)[: len(data) // 8 * 8].cast("q")
    for start in range(0, len(data) - _ROW + 1, _ROW):
        row = numbers[start // 8 : start // 8 + _NUMBERS]
        if not (row[_LEASE] or row[_BEFORE] or row[_ASKED]):
            continue
        text = data[start + 8 * _NUMBERS : start + 8 * _NUMBERS + row[_LENGTH]]
        try:
            hold = _DECODER.decode(text)
        except msgspec.DecodeError:
            continue
        if row[_LEASE]:
            yield LeftLease(row[_LEASE], hold, max(0, row[_SPENT]), max(0, row[_HELD]))
        if row[_BEFORE]:
            yield LeftLease(row[_BEFORE], hold, max(0, row[_BEFORE_SPENT]), 0)
        if row[_ASKED]:
            yield LeftLease(row[_ASKED], hold, 0, 0)


_DECODER: Final = msgspec.msgpack.Decoder(Hold)
