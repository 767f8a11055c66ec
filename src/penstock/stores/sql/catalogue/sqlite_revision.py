"""Reads the revision of an SQLite file by the driver alone: it is looked at twice a second, and SQLAlchemy's way takes
more than a millisecond of the event loop's time."""

from __future__ import annotations

import sqlite3
import threading


class SqliteRevision:
    """Has a connection of its own, from the first look on. ``busy_timeout`` is in seconds: how long other processes are
    waited for."""

    def __init__(self, path: str, busy_timeout: float) -> None:
        self._path = path
        self._busy_timeout = busy_timeout
        self._lock = threading.Lock()
        """Held by a thread that looks: one that nobody waits for any more must not lose its connection meanwhile."""
        self._connection: sqlite3.Connection | None = None
        self._is_closed = False

    def look(self) -> int:
        """The revision; 0 if its table is empty. To be called in a thread. Raises sqlite3.Error."""
        with self._lock:
            if self._is_closed:
                raise sqlite3.ProgrammingError("the database is closed")
            if self._connection is None:
                self._connection = sqlite3.connect(
                    self._path, timeout=self._busy_timeout, isolation_level=None, check_same_thread=False
                )
            found = self._connection.execute("SELECT number FROM revision").fetchone()
        return 0 if found is None else int(found[0])

    def close(self) -> None:
        """Close the connection, as soon as nobody looks. To be called in a thread."""
        with self._lock:
            self._is_closed = True
            if self._connection is not None:
                self._connection.close()
                self._connection = None
