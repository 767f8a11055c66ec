"""A file of one worker that is mapped into memory: the system keeps what was written when the process is killed.

Each file is locked by its worker for as long as that lives. Another worker that has the same folder reads the file of a
dead one, and unlinks it when what stands in it is carried out.
"""

from __future__ import annotations

import fcntl
import logging
import mmap
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from penstock.stores.private_file import begun_locked

_LOG: Final = logging.getLogger("penstock")


class MappedFile:
    """The file ``KIND-WORKER.map`` in a folder; ``folder`` None keeps none. ``open`` before use, ``close`` when nothing
    in it is needed any more."""

    def __init__(self, folder: Path | None, kind: str, worker: str, size: int) -> None:
        self._path = None if folder is None else folder / f"{kind}-{worker}.map"
        self._kind = kind
        self._size = size
        self._file: BinaryIO | None = None

    def open(self, loss: str) -> mmap.mmap | None:
        """Make the file; None where there is none, or it can't be made. ``loss`` tells people what happens without."""
        if self._path is None:
            return None
        try:
            self._path.parent.mkdir(0o700, parents=True, exist_ok=True)
            self._file = begun_locked(self._path)
            _allocate(self._file, self._size)
            return mmap.mmap(self._file.fileno(), self._size)
        except OSError as error:
            self.close()
            _LOG.error("the record %s can't be kept: %s; %s", self._path.name, error, loss)
            return None

    def close(self, *, keeps: bool = False) -> None:
        """Remove the file, or leave it to others as a dead worker's. The mapping ends with the last reference to it."""
        if self._file is not None and self._path is not None:
            if not keeps:
                self._path.unlink(missing_ok=True)
            self._file.close()
            self._file = None

    def left(self) -> Iterator[tuple[Path, str, bytes]]:
        """The files of dead workers, each with the name of the worker and its bytes. It stays locked until the next one
        is asked for."""
        if self._path is None:
            return
        for path in sorted(self._path.parent.glob(f"{self._kind}-*.map")):
            if path == self._path:
                continue
            try:
                with path.open("rb") as file:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    yield path, path.stem.removeprefix(f"{self._kind}-"), file.read()
            except OSError:
                continue


def _allocate(file: BinaryIO, size: int) -> None:
    """Have a file so many bytes on the disk: to write into a hole, where the disk is full by then, kills a process."""
    if sys.platform == "linux":
        os.posix_fallocate(file.fileno(), 0, size)
    else:
        file.truncate(size)
