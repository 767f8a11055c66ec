"""The revision of an SQLite file, looked at in threads."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from penstock.stores.sql.catalogue.sqlite_revision import SqliteRevision


@pytest.fixture
def file(tmp_path: Path) -> Path:
    with closing(sqlite3.connect(tmp_path / "db", isolation_level=None)) as connection:
        connection.execute("CREATE TABLE revision (id INTEGER PRIMARY KEY, number INTEGER NOT NULL)")
    return tmp_path / "db"


def test_each_look_sees_what_others_have_changed_by_then(file: Path) -> None:
    revision = SqliteRevision(str(file), 1.0)
    assert revision.look() == 0
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("INSERT INTO revision VALUES (1, 7)")
        assert revision.look() == 7
        connection.execute("UPDATE revision SET number = 8")
        assert revision.look() == 8
    revision.close()


def test_a_look_that_nobody_waits_for_ends_before_the_connection_does(file: Path) -> None:
    """A task that is cancelled leaves its thread behind."""
    revision, seen = SqliteRevision(str(file), 1.0), []

    def look() -> None:
        try:
            while True:
                revision.look()
        except sqlite3.ProgrammingError as error:
            seen.append(str(error))

    threads = [threading.Thread(target=look) for _ in range(4)]
    for each in threads:
        each.start()
    revision.close()
    for each in threads:
        each.join(300)
    assert seen == ["the database is closed"] * 4
