"""Requests and failed requests of the last minutes, of all workers that share a folder (observe/metrics/folder.py).

Each worker counts in a ring of slices of time, in a file that is mapped into memory; whoever asks adds up the files.
A number is written in one aligned store, so that no reader needs a lock.
"""

from __future__ import annotations

import fcntl
import mmap
import os
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

_SLICES: Final = 30
"""Parts of the window in which requests are counted."""
_RING: Final = _SLICES + 1
_NUMBER, _ALL, _FAILED = range(3)
_WIDTH: Final = 3
_BYTES: Final = _RING * _WIDTH * 8
_MOST_FILES: Final = 4096


class FailureRate:
    """Counts over ``window`` seconds. Without a folder, and in one where no file can be had, the worker is alone."""

    def __init__(self, window: float, folder: Path | None = None) -> None:
        self._slice = window / _SLICES
        self._folder = folder
        self._file: BinaryIO | None = None
        self._map: mmap.mmap | None = None
        self._path: Path | None = None
        self._cells = memoryview(array("q", bytes(_BYTES)))
        if folder is not None:
            self._claim(folder)
        self._newest = max(self._cells[_NUMBER::_WIDTH])

    def count(self, at: float, *, is_failed: bool) -> None:
        """Count a request that ended at a moment, in seconds since 1970."""
        # The clock may have been set back: such a request counts in the newest slice.
        number = self._newest = max(int(at // self._slice), self._newest)
        cells, place = self._cells, number % _RING * _WIDTH
        if cells[place + _NUMBER] != number:
            cells[place + _ALL] = cells[place + _FAILED] = 0
            cells[place + _NUMBER] = number
        cells[place + _ALL] += 1
        cells[place + _FAILED] += is_failed

    def counts(self, now: float) -> tuple[int, int]:
        """How many requests there were, and how many failed."""
        first = int(now // self._slice) - _SLICES
        total = failed = 0
        for cells in self._rings():
            for place in range(0, len(cells), _WIDTH):
                if cells[place + _NUMBER] > first:
                    total += cells[place + _ALL]
                    failed += cells[place + _FAILED]
        return total, failed

    def close(self) -> None:
        """Leave the file to another worker, with what is counted there."""
        if self._file is None or self._map is None:
            return
        cells, self._cells = self._cells, memoryview(array("q", self._cells.tobytes()))
        cells.release()
        self._map.close()
        self._file.close()
        self._file = self._map = None

    def _rings(self) -> Iterator[memoryview]:
        yield self._cells
        if self._path is None or self._folder is None:
            return
        for path in self._folder.glob("failures-*"):
            if path == self._path:
                continue
            try:
                data = path.read_bytes()[:_BYTES]
            except OSError:
                continue
            if len(data) == _BYTES:
                yield memoryview(data).cast("q")

    def _claim(self, folder: Path) -> None:
        """Go on in the first file that no living worker has. The system unlocks the file of a worker that dies."""
        for number in range(_MOST_FILES):
            path = folder / f"failures-{number}"
            try:
                file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b", buffering=0)
            except OSError:
                return
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(file.fileno()).st_size < _BYTES:
                    # Written, not left sparse: on a full disk a store into a hole would kill the process.
                    file.write(bytes(_BYTES))
                self._map = mmap.mmap(file.fileno(), _BYTES)
                self._cells = memoryview(self._map).cast("q")
            except OSError:
                file.close()
                continue
            self._file, self._path = file, path
            return
