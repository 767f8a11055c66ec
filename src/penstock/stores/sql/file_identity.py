"""Tells that another file is in the place of an SQLite database. One that was moved away, or deleted, is still read and
written through the connections that were made to it, and nothing of that reaches the database that is there by now."""

from __future__ import annotations

import sqlite3
from pathlib import Path


class FileIdentity:
    """Which file is at a path: its device and inode, as they were at the last look. The first is the constructor's.
    ``files`` counts the files that were there."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._seen = self._found()
        self.files = 1

    def is_another(self) -> bool:
        """Whether the file is another one than at the look before. Raises sqlite3.OperationalError where it is gone:
        SQLite would make an empty one."""
        before, now = self._seen, self._found()
        if before is None:
            self._seen = now
            return False
        if now is None:
            raise sqlite3.OperationalError("its file is gone")
        self._seen = now
        self.files += now != before
        return now != before

    def _found(self) -> tuple[int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino
