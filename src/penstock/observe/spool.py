"""Entries on their way to a slow place, in files that outlive the process: nothing is lost when it is killed.

Entries are appended with one write in the moment in which they are told, so the kernel has them whatever becomes of the
process (not of the machine: nothing here waits for the disk). They stand in segments of bounded size. A reader takes
the oldest segment, carries its entries on, and drops the segment. Segments that a dead process has left are taken over:
the lock on a segment's file ends with its process.

What entries were made of is kept beside them in memory, as long as the reader keeps pace: it need not read and decode
what this process has written itself.
"""

from __future__ import annotations

import fcntl
import logging
import os
import secrets
import struct
import time
import zlib
from collections import deque
from collections.abc import Callable, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, Final

import msgspec

_LOG: Final = logging.getLogger("penstock")
_FRAME: Final = struct.Struct("<II")
"""Before each entry: its length in bytes and its checksum (CRC-32)."""
_SEGMENT: Final = 4 << 20
"""Bytes of a segment from which on the next one is begun."""
_REMINDER: Final = 60.0
"""Seconds between two messages about a spool that can't be written."""


class Segment(msgspec.Struct, eq=False):
    """A part of a spool. ``is_recovered``: another process has left it, and may have carried some of it on.
    ``is_taken``: a reader has it. ``count`` is how many things its entries tell
    of. ``items`` are what its entries were made of; None where that isn't known of all."""

    path: Path | None
    file: int = -1
    size: int = 0
    count: int = 0
    memory: bytearray | None = None
    is_recovered: bool = False
    is_taken: bool = False
    items: list[Any] | None = None

    def entries(self) -> list[bytes]:
        """All whole entries, in their order. The process may have been killed in the middle of the last one. Raises
        OSError."""
        memory = self.memory
        return _read(os.pread(self.file, os.fstat(self.file).st_size, 0) if memory is None else bytes(memory))

    def write(self, data: bytes) -> int:
        """Write at the end: how many bytes are written. Where that isn't all, nothing more can follow. Raises
        OSError."""
        if self.memory is None:
            return os.write(self.file, data)
        self.memory += data
        return len(data)


def _read(data: bytes) -> list[bytes]:
    entries = []
    at = 0
    while at + _FRAME.size <= len(data):
        length, checksum = _FRAME.unpack_from(data, at)
        at += _FRAME.size
        entry = data[at : at + length]
        if len(entry) < length or zlib.crc32(entry) != checksum:
            break
        entries.append(entry)
        at += length
    return entries


class Spool:
    """The spool of one process. ``folder`` None keeps the entries in memory; so does a folder that can't be written.

    ``name`` is the beginning of the files' names. Beyond ``largest`` bytes the oldest segment is dropped. ``things_in``
    says how many things an entry tells of. ``lost`` counts the things whose entries were dropped or could not be
    written; ``waiting`` those that are in the spool.
    """

    def __init__(
        self,
        folder: Path | None,
        name: str,
        largest: int,
        segment: int = _SEGMENT,
        things_in: Callable[[bytes], int] = lambda _: 1,
    ) -> None:
        self.lost = 0
        self._folder = folder
        self._name = name
        self._largest = largest
        self._things_in = things_in
        self._segment_size = min(segment, max(largest // 4, 1))
        self._current: Segment | None = None
        self._closed: deque[Segment] = deque()
        self._silent_until = 0.0

    @property
    def waiting(self) -> int:
        return sum(segment.count for segment in self._closed) + (self._current.count if self._current else 0)

    @property
    def segments(self) -> int:
        """Segments that get no further entry."""
        return len(self._closed)

    def extend(self, entries: Sequence[bytes], items: Sequence[Any] | None = None) -> None:
        """Keep entries, and what they were made of, if that is told. Never waits for the disk."""
        current = self._current
        if current is None:
            current = self._current = self._begin()
        framed = [_FRAME.pack(len(entry), zlib.crc32(entry)) + entry for entry in entries]
        data = b"".join(framed)
        try:
            written = current.write(data)
        except OSError as error:
            self.lost += sum(map(self._things_in, entries))
            self._complain(error)
            return
        is_whole = written == len(data)
        count = len(entries) if is_whole else sum(end <= written for end in accumulate(map(len, framed)))
        self.lost += sum(map(self._things_in, entries[count:]))
        current.size += written
        current.count += sum(map(self._things_in, entries[:count]))
        if items is None:
            current.items = None
        elif current.items is not None:
            current.items += items[:count]
        if current.size >= self._segment_size or not is_whole:
            self._close_current()
            self._drop_beyond()

    def take(self) -> Segment | None:
        """The oldest segment, which then gets no further entry; None if nothing waits. It stays in the spool until it
        is dropped."""
        if not self._closed and self._current is not None and self._current.count:
            self._close_current()
        if not self._closed:
            return None
        self._closed[0].is_taken = True
        return self._closed[0]

    def drop(self, segment: Segment) -> None:
        """The entries of a segment are carried on."""
        if segment in self._closed:
            self._closed.remove(segment)
            self._discard(segment)

    def recover(self) -> None:
        """Take over what dead processes have left. Harmless when called again."""
        if self._folder is None or not self._folder.is_dir():
            return
        own = {segment.path for segment in (*self._closed, *([self._current] if self._current else []))}
        others = [path for path in sorted(self._folder.glob(f"{self._name}-*.spool")) if path not in own]
        self._closed.extend(segment for path in others if (segment := self._left(path)) is not None)

    def close(self) -> None:
        """Leave what waits to the next process. In memory it is lost."""
        if self._current is not None:
            self._close_current()
        while self._closed:
            segment = self._closed.popleft()
            if segment.memory is not None:
                self.lost += segment.count
            elif segment.count:
                os.close(segment.file)
            else:
                self._discard(segment)

    def _begin(self) -> Segment:
        if self._folder is not None:
            try:
                self._folder.mkdir(0o700, parents=True, exist_ok=True)
                return _made(self._folder / f"{self._name}-{time.time_ns():020d}-{secrets.token_hex(4)}.spool")
            except OSError as error:
                self._complain(error)
        return Segment(None, memory=bytearray(), items=[])

    def _close_current(self) -> None:
        if self._current is not None:
            if self._closed:
                self._current.items = None  # the reader is behind: what waits is on the disk alone
            self._closed.append(self._current)
            self._current = None

    def _drop_beyond(self) -> None:
        while sum(segment.size for segment in self._closed) > self._largest:
            oldest = next((segment for segment in self._closed if not segment.is_taken), None)
            if oldest is None:
                return
            self.lost += oldest.count
            self.drop(oldest)

    def _left(self, path: Path) -> Segment | None:
        """The segment of a process that has ended; None if it lives."""
        try:
            file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            segment = Segment(path, file, os.fstat(file).st_size, is_recovered=True)
            segment.count = sum(map(self._things_in, segment.entries()))
        except OSError:
            os.close(file)
            return None
        if not path.exists():
            # The process that had it has carried its entries on between the two calls.
            os.close(file)
            return None
        return segment

    @staticmethod
    def _discard(segment: Segment) -> None:
        if segment.path is not None:
            segment.path.unlink(missing_ok=True)
            os.close(segment.file)

    def _complain(self, error: OSError) -> None:
        now = time.monotonic()
        if now >= self._silent_until:
            self._silent_until = now + _REMINDER
            _LOG.error("the spool in %s can't be written: %s", self._folder, error)


def _made(path: Path) -> Segment:
    """A new segment, whose file is locked before another process can find it unlocked: under its name it is from then
    on. Raises OSError."""
    hidden = path.with_suffix(".new")
    file = os.open(hidden, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        hidden.rename(path)
    except OSError:
        os.close(file)
        raise
    return Segment(path, file, items=[])
