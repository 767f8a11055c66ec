"""Entries on their way to a store, in a file that outlives a killed process (mapped_file.py): what the store doesn't
have yet, another worker carries out.

The file is a ring. Its head says where the oldest entry begins and where the newest one ends; each entry is its length
and its bytes. An entry counts from the moment at which the head names its end, and is carried out twice rather than
never: who reads what is left has to bear that.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from penstock.stores.mapped_file import MappedFile

_HEAD: Final = 16
_LENGTH: Final = 4
_WRAP: Final = 0xFFFF_FFFF
"""In place of a length: the next entry stands at the beginning of the ring."""


class KeptEntries:
    """The entries of one worker, in a file of so many bytes; without a folder, or where an entry doesn't fit, nothing
    is kept. ``kind`` begins the file's name. ``open`` before use, ``close`` after it."""

    def __init__(self, folder: Path | None, kind: str, worker: str, size: int) -> None:
        self._file = MappedFile(folder, kind, worker, size)
        self._size = size
        self._ring: memoryview | None = None
        self._head: memoryview | None = None
        self._start = self._end = _HEAD
        self._numbers = iter(range(1 << 62))
        self._entries: deque[tuple[int, int]] = deque()
        """Number and end of each entry, the oldest first."""
        self._carried_out: set[int] = set()
        """Entries that are carried out, behind one that isn't."""

    def open(self, loss: str) -> None:
        """Make the file. ``loss`` tells people what happens where it can't be made."""
        ring = self._file.open(loss)
        if ring is not None:
            self._ring = memoryview(ring)
            self._head = self._ring[:_HEAD].cast("q")
            self._put_head()

    def close(self) -> None:
        """Remove the file, or leave it to others where something in it is not carried out."""
        self._file.close(keeps=bool(self._entries))
        if not self._entries:
            self._ring = self._head = None

    def put(self, data: bytes | None) -> int | None:
        """Keep an entry, if there is one. Returns its number, None where it isn't kept."""
        ring = self._ring
        if ring is None or data is None:
            return None
        at = self._place(_LENGTH + len(data))
        if at is None:
            return None
        ring[at + _LENGTH : at + _LENGTH + len(data)] = data
        ring[at : at + _LENGTH] = len(data).to_bytes(_LENGTH, "little")
        self._end = at + _LENGTH + len(data)
        number = next(self._numbers)
        self._entries.append((number, self._end))
        self._put_head()
        return number

    def carried_out(self, numbers: Iterable[int | None]) -> None:
        """Entries are in the store."""
        done, entries = self._carried_out, self._entries
        done.update([number for number in numbers if number is not None])
        while entries and entries[0][0] in done:
            first, self._start = entries.popleft()
            done.discard(first)
        if not entries:
            self._start = self._end = _HEAD
        self._put_head()

    def left(self) -> Iterator[tuple[Path, list[bytes]]]:
        """The files of dead workers with their entries, the oldest first. A file is to be unlinked when its entries are
        carried out."""
        for path, _, data in self._file.left():
            yield path, list(_read(data))

    def _place(self, needed: int) -> int | None:
        """Where an entry of so many bytes goes; None if there is no room."""
        start, end = self._start, self._end
        if end >= start:
            if end + needed + _LENGTH <= self._size:
                return end
            if _HEAD + needed >= start:
                return None
            if self._ring is not None:
                self._ring[end : end + _LENGTH] = _WRAP.to_bytes(_LENGTH, "little")
            return _HEAD
        return end if end + needed < start else None

    def _put_head(self) -> None:
        if self._head is not None:
            self._head[0], self._head[1] = self._start, self._end


def _read(data: bytes) -> Iterator[bytes]:
    if len(data) < _HEAD:
        return
    at, end = memoryview(data)[:_HEAD].cast("q")
    has_wrapped = False
    while at != end and _HEAD <= at <= len(data) - _LENGTH:
        length = int.from_bytes(data[at : at + _LENGTH], "little")
        if length == _WRAP:
            if has_wrapped:
                return
            at, has_wrapped = _HEAD, True
            continue
        at += _LENGTH + length
        if at > len(data):
            return
        yield data[at - length : at]
