"""Where the workers of one gateway count: a folder with a file for each, which any of them can read and add up.

A worker locks a free file and counts on in it, so that there are never more files than workers at one time, and the
counts of a worker that died stay. The file ``asked`` holds the moment of the last request for the page: a worker that
sees a new moment counts what waits in its queue and refreshes its gauges.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import struct
import time
from pathlib import Path
from typing import BinaryIO, Final

from penstock.observe.metrics.exposition import Snapshot
from penstock.observe.metrics.table import HEADER_SIZE, SIZE, Table, read_header

_ASKED: Final = "asked"
_MOMENT: Final = struct.Struct("=d")
_MOST_SLOTS: Final = 4096
_LOOK: Final = 0.02
"""Seconds between two looks at the other workers' files."""


class Slot:
    """Where one worker counts. ``number`` is its number among the workers. Without a folder the worker is alone."""

    def __init__(self, folder: Path | None = None) -> None:
        """Raises OSError if there is a folder and no file can be had in it."""
        self._folder = folder
        self._file: BinaryIO | None = None
        self._asked: mmap.mmap | None = None
        self.number = 0
        if folder is None:
            self.table = Table(mmap.mmap(-1, SIZE))
            return
        self.number, self._file = _claim(folder)
        try:
            self.table = Table(mmap.mmap(self._file.fileno(), SIZE))
            self._asked = _map_asked(folder)
        except OSError:
            self._file.close()
            raise

    @property
    def asked(self) -> float:
        """When a worker was last asked for the page, in monotonic seconds; 0 if none was, and for a worker alone."""
        if self._asked is None:
            return 0.0
        moment: float = _MOMENT.unpack_from(self._asked)[0]
        return moment

    def ask(self, now: float) -> None:
        """Have all workers refresh what they show."""
        if self._asked is not None:
            _MOMENT.pack_into(self._asked, 0, now)

    def others(self, since: float, until: float) -> list[Snapshot]:
        """What the other workers have counted, as soon as all of them have refreshed since a moment, at the latest at
        another (both in monotonic seconds). The gauges of those that have not are left out. To be called in a thread.
        """
        while not self._are_others_fresh(since) and time.monotonic() < until:
            time.sleep(_LOOK)
        found = []
        for path in self._others():
            memory = _read(path, SIZE)
            header = read_header(memory)
            if header is not None:
                is_live = header.is_owned and header.refreshed >= since
                found.append(Snapshot(memory[: header.used], is_live))
        return found

    def _are_others_fresh(self, since: float) -> bool:
        headers = [read_header(_read(path, HEADER_SIZE)) for path in self._others()]
        return all(header is None or not header.is_owned or header.refreshed >= since for header in headers)

    def close(self) -> None:
        """Leave the file to another worker, with what is counted there."""
        self.table.close()
        if self._asked is not None:
            self._asked.close()
        if self._file is not None:
            self._file.close()

    def _others(self) -> list[Path]:
        if self._folder is None:
            return []
        return [path for path in sorted(self._folder.glob("worker-*")) if path != _path(self._folder, self.number)]


def _path(folder: Path, number: int) -> Path:
    return folder / f"worker-{number}"


def _claim(folder: Path) -> tuple[int, BinaryIO]:
    """Lock the first file that no living worker has. The system unlocks the file of a worker that dies."""
    import fcntl  # where there is none (Windows), there are no workers either

    for number in range(_MOST_SLOTS):
        file = os.fdopen(os.open(_path(folder, number), os.O_RDWR | os.O_CREAT, 0o600), "r+b", buffering=0)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            continue
        except OSError:
            file.close()
            raise
        with contextlib.ExitStack() as undo:
            undo.callback(file.close)
            missing = SIZE - os.fstat(file.fileno()).st_size
            if missing:
                # Written, not left sparse: on a full disk a store into a hole would kill the process.
                os.ftruncate(file.fileno(), 0)
                _write_zeros(file)
            undo.pop_all()
        return number, file
    raise OSError("every file is taken")


def _write_zeros(file: BinaryIO) -> None:
    rest = SIZE
    while rest:
        rest -= file.write(bytes(rest)) or 0


def _map_asked(folder: Path) -> mmap.mmap:
    path = folder / _ASKED
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if os.fstat(descriptor).st_size < _MOMENT.size:
            os.write(descriptor, bytes(_MOMENT.size))
        return mmap.mmap(descriptor, _MOMENT.size)
    finally:
        os.close(descriptor)


def _read(path: Path, most: int) -> bytes:
    """The beginning of a file; empty for one that can't be read."""
    try:
        with path.open("rb", buffering=0) as file:
            return file.read(most) or b""
    except OSError:
        return b""
