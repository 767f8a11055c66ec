"""A real PostgreSQL server for the tests, where its programs are installed (Debian: ``postgresql``).

It listens on a socket in its own folder only: no port could be another's.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any, Final

import asyncpg  # type: ignore[import-untyped]

from penstock.stores.sql.database import Database
from penstock.stores.sql.migrate import migrate

NOT_INSTALLED: Final = "PostgreSQL is not installed (Debian: apt install postgresql)"
_PROGRAMS: Final = ("initdb", "postgres", "pg_isready")
_SYSTEM_USER: Final = "postgres"
_FAST: Final = (
    *("fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=16MB", "wal_level=minimal"),
    *("max_wal_senders=0", "autovacuum=off", "checkpoint_timeout=1h"),
)
"""No test needs what would survive a crash, and none lives so long that a database must be cleaned."""
_KEPT: Final = 30
"""Databases that are kept beside those in use: each has 10 MB, and a slow disk takes minutes to remove hundreds."""


def programs() -> Path | None:
    """The folder with the server and its tools, of the newest version that is installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parts[-2]))
    folders = [*reversed(found), *(Path(folder) for folder in os.get_exec_path())]
    return next((each for each in folders if all((each / name).exists() for name in _PROGRAMS)), None)


class Postgres:
    """A server that runs. ``fresh`` is the address of a new, empty database, ``with_tables`` of one with the tables of
    the control plane: migrating takes a second on a busy machine, so that one database is migrated, and copied."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._numbers = count()
        self._template = ""
        self._made: deque[str] = deque()

    def address(self, database: str) -> str:
        return f"postgresql://penstock@/{database}?host={self._folder}"

    def fresh(self) -> str:
        return asyncio.run(self._create())

    def with_tables(self) -> str:
        return asyncio.run(self._copy())

    async def _copy(self) -> str:
        if not self._template:
            address = await self._create()
            database = Database(address)
            await migrate(database)
            await database.close()
            self._template = address.partition("?")[0].rpartition("/")[2]
            self._made.remove(self._template)
        return await self._create(self._template)

    async def _create(self, template: str = "template1") -> str:
        name = f"test_{next(self._numbers)}"
        connection = await asyncpg.connect(self.address("postgres"))
        try:
            # Copying files takes half as long as writing their pages to the log, which PostgreSQL 15 and later do.
            how = "STRATEGY file_copy" if connection.get_server_version().major >= 15 else ""
            await connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} {how}")
            self._made.append(name)
            if len(self._made) > _KEPT:
                await self._drop(connection, self._made.popleft())
        finally:
            await connection.close()
        return self.address(name)

    async def _drop(self, connection: Any, name: str) -> None:
        """Remove a database, unless somebody is connected to it: then its turn comes again."""
        try:
            await connection.execute(f"DROP DATABASE {name}")
        except asyncpg.ObjectInUseError:
            self._made.append(name)


@contextlib.contextmanager
def running_postgres() -> Iterator[Postgres]:
    """A server with a folder of its own, stopped at the end. It refuses to run as root: root runs it as ``postgres``."""
    folder = programs()
    assert folder is not None
    as_user = {"user": _SYSTEM_USER} if os.geteuid() == 0 else {}
    with tempfile.TemporaryDirectory(prefix="postgres-", ignore_cleanup_errors=True) as place:
        if as_user:
            shutil.chown(place, _SYSTEM_USER)
        data = Path(place, "data")
        initdb = (
            folder / "initdb",
            "-D",
            data,
            "-U",
            "penstock",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
            "--no-sync",
        )
        subprocess.run(initdb, check=True, capture_output=True, cwd=place, **as_user)  # type: ignore[call-overload]
        options = [option for each in _FAST for option in ("-c", each)]
        command = (folder / "postgres", "-D", data, "-h", "", "-k", place, *options)
        with (
            Path(place, "log").open("wb") as log,
            subprocess.Popen(command, stdout=log, stderr=log, cwd=place, **as_user) as server,  # type: ignore[call-overload]
        ):
            try:
                ready = (folder / "pg_isready", "-q", "-h", place, "-t", "1")
                while subprocess.run(ready, check=False).returncode:
                    assert server.poll() is None, Path(place, "log").read_text()
                    time.sleep(0.02)  # asking without a pause takes the processor from the server that starts
                yield Postgres(place)
            finally:
                # Without waiting for connections that a test has left open.
                server.send_signal(signal.SIGINT)
                server.wait()
