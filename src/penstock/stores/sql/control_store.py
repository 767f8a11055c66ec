"""The database of a gateway that runs: its catalogue for callers, and the database itself for whoever changes it.

SQLAlchemy and the reader are loaded when the database holds something, or when somebody opens it to change it: a
gateway whose database is empty starts without them (docs/control-plane.md#database).
"""

from __future__ import annotations

import asyncio
import importlib
import logging
from collections.abc import Awaitable, Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final

from penstock.background import Background
from penstock.limits.windows import WeekStart
from penstock.stores.catalogue import STALE, Catalogue, CatalogueChange
from penstock.stores.memory import MemoryCatalogue
from penstock.stores.sql.database_error import DatabaseError
from penstock.stores.sql.keyring import Keyring
from penstock.stores.sql.place import Place, is_unused

if TYPE_CHECKING:
    from penstock.stores.sql.catalogue.catalogue import SqlCatalogue
    from penstock.stores.sql.catalogue.first_reading import FirstReading
    from penstock.stores.sql.database import Database
    from penstock.stores.sql.last_used import LastUsed

_LOG: Final = logging.getLogger("penstock")
_INTERVAL: Final = 0.5
"""Seconds between two looks: at the revision, and before that at a database that is empty."""

Prepare = Callable[["Database"], Awaitable[None]]
"""What is done with a database that was migrated, before it is used: it makes what every installation has."""


async def nothing(_: Database) -> None:
    """A ``Prepare`` that does nothing."""


class ControlStore:
    """A ``CatalogueSource`` and a part of the gateway.

    The constructor brings the tables up to date, opens the sentinel with the ``keyring`` and reads the catalogue, so
    that a gateway never serves before it knows its keys; it leaves no connection behind. It raises DatabaseError.
    ``providers`` are the slugs there are; ``max_age`` is as in ``SqlCatalogue``. ``used_keys`` are the ids of gateway
    keys that were used since they were last written, with when, in seconds since 1970. ``week_starts`` is as in
    ``Database``.
    """

    def __init__(
        self,
        place: Place,
        keyring: Keyring,
        providers: Collection[str],
        *,
        max_age: float = 0.0,
        interval: float = _INTERVAL,
        prepare: Prepare = nothing,
        week_starts: WeekStart | None = None,
    ) -> None:
        self.keyring = keyring
        self.used_keys: dict[str, float] = {}
        self._place = place
        self._providers = providers
        self._max_age = max_age
        self._interval = interval
        self._prepare = prepare
        self._week_starts = week_starts
        self._memory = MemoryCatalogue()
        self._opening = asyncio.Lock()
        self._database: Database | None = None
        self._catalogue: SqlCatalogue | None = None
        self._last_used: LastUsed | None = None
        self._problem = ""
        self._waiting = Background("the wait for a database that is in use", self._wait)
        self._first = None if self._is_unused() else self._apart()
        if self._first is not None:
            self._memory.replace(self._first.loaded.catalogue)

    @property
    def name(self) -> str:
        """The database for people: a file, or an address without its password."""
        if self._place.file is not None:
            return str(self._place.file)
        from penstock.stores.sql.database import parse_address, shown

        return shown(parse_address(self._place.address))

    @property
    def current(self) -> Catalogue:
        return self._memory.current

    @property
    def is_guarded(self) -> bool:
        """Whether the database has had gateway keys: a gateway that was guarded once lets nobody in without one."""
        return self.current.is_guarded

    @property
    def opened(self) -> Database | None:
        """The database; None until something in this process uses it."""
        return None if self._catalogue is None else self._database

    @property
    def problems(self) -> tuple[str, ...]:
        """Why rows can't be used, a sentence each: for operators, since they name what belongs to workspaces."""
        return () if self._catalogue is None else self._catalogue.problems

    @property
    def is_lost(self) -> bool:
        """Whether the database could not be used when it was looked at last."""
        return bool(self._problem) if self._catalogue is None else self._catalogue.is_lost

    def watch(self, callback: Callable[[CatalogueChange], None]) -> None:
        self._memory.watch(callback)

    def start(self) -> None:
        """Follow the database from now on."""
        if self._first is None:
            self._waiting.start()
        else:
            self._use(self._first)
            self._first = None

    async def stop(self) -> None:
        """Stop, write when keys were used, and close the database."""
        await self._waiting.stop()
        if self._catalogue is not None:
            await self._catalogue.stop()
        if self._last_used is not None:
            await self._last_used.stop()
        if self._database is not None:
            await self._database.close()

    async def open(self) -> Database:
        """The database, ready to be read and changed. After a change await ``refresh``. Raises DatabaseError."""
        return (await self._opened())[0]

    async def refresh(self) -> None:
        """Put the newest catalogue in force in this process. Raises DatabaseError."""
        await (await self._opened())[1].refresh()

    async def _opened(self) -> tuple[Database, SqlCatalogue]:
        async with self._opening:
            if self._database is None or self._catalogue is None:
                return await self._open()
            return self._database, self._catalogue

    async def _open(self) -> tuple[Database, SqlCatalogue]:
        if self._place.is_in_memory:
            from penstock.stores.sql.catalogue.first_reading import prepared
            from penstock.stores.sql.database import Database

            database = Database(self._place.address, self._week_starts)
            opened = self._use(await prepared(database, self.keyring, self._providers, self._prepare), database)
        else:
            # The import, alembic and the first reading take a second: requests are served meanwhile.
            opened = self._use(await asyncio.to_thread(self._apart))
        self._problem = ""
        return opened

    def _use(self, first: FirstReading, database: Database | None = None) -> tuple[Database, SqlCatalogue]:
        """Follow the database on this event loop, from what was read of it."""
        from penstock.stores.sql.catalogue.catalogue import SqlCatalogue
        from penstock.stores.sql.database import Database
        from penstock.stores.sql.last_used import LastUsed

        self._database = database = database or Database(self._place.address, self._week_starts)
        age = self._max_age
        self._catalogue = catalogue = SqlCatalogue(database, first.loader, self._interval, age, self._memory)
        self._last_used = LastUsed(database, self.used_keys)
        catalogue.adopt(first.loaded)
        catalogue.start()
        self._last_used.start()
        return database, catalogue

    def _is_unused(self) -> bool:
        """Whether there is nothing to read. Raises DatabaseError."""
        return self._place.is_in_memory if self._place.file is None else is_unused(self._place.file)

    def _apart(self) -> FirstReading:
        """What is read of the database on an event loop and in a thread of its own, wherever the caller runs."""
        first = importlib.import_module("penstock.stores.sql.catalogue.first_reading")
        reading = first.read_once(self._place.address, self.keyring, self._providers, self._prepare, self._week_starts)
        with ThreadPoolExecutor(1, "penstock-reading") as thread:
            read: FirstReading = thread.submit(asyncio.run, reading).result()
        return read

    async def _wait(self) -> None:
        """Look twice a second whether the database is in use, and follow it from then on. While it can't be read then,
        for want of a key say, nobody is let in: who may call is what it holds."""
        seen: list[tuple[int, int] | None] = []
        while self._database is None:
            await asyncio.sleep(self._interval)
            stamps = [_stamp(each) for each in self._files()]
            if self._place.is_in_memory or stamps == seen:
                continue
            seen = stamps
            is_used = False
            try:
                is_used = not await asyncio.to_thread(self._is_unused)
                if is_used:
                    await self.open()
            except DatabaseError as error:
                if is_used:
                    self._memory.replace(STALE)
                if self._problem != str(error):
                    _LOG.error("%s", error)
                self._problem, seen = str(error), []
        await asyncio.Event().wait()

    def _files(self) -> list[Path]:
        """The files that change when an SQLite database does: its own and its log of changes."""
        file = self._place.file
        return [] if file is None else [file, file.with_name(f"{file.name}-wal")]


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
