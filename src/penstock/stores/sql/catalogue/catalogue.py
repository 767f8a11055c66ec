"""The catalogue of the database, kept in memory: no request asks the database for anything.

Each change raises the database's revision. The gateway looks at the revision twice a second and reads the catalogue
anew when it is another. PostgreSQL also notifies it at once, which only makes a change quicker. A catalogue is read as
one moment, and as the database is now: also where that was put back to an older state. While the database can't be
reached, the last catalogue stays in force, without end or for ``max_age`` seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from time import monotonic, time_ns
from typing import Final

import msgspec

from penstock.background import Background
from penstock.stores.catalogue import EMPTY, STALE, Catalogue, CatalogueChange
from penstock.stores.memory import MemoryCatalogue
from penstock.stores.sql.catalogue.load import NEVER, Loaded, Loader
from penstock.stores.sql.database import Database, DatabaseError

_LOG: Final = logging.getLogger("penstock")
_INTERVAL: Final = 0.5
"""Seconds between two looks at the revision: a change must be in force within 1.5 s, also under load."""
_LONGEST_PAUSE: Final = 60.0
"""Seconds between two attempts to be notified again; the first pause is an interval, each further one twice as long."""


class SqlCatalogue:
    """A ``CatalogueSource`` on a database. ``refresh`` has to be awaited, or ``adopt`` called, before it serves.

    ``max_age`` is how many seconds the catalogue stays in force while the database can't be reached; 0: without end.
    ``memory`` is where the catalogue is put in force.
    """

    def __init__(
        self,
        database: Database,
        loader: Loader,
        interval: float = _INTERVAL,
        max_age: float = 0.0,
        memory: MemoryCatalogue | None = None,
    ) -> None:
        self._database = database
        self._loader = loader
        self._interval = interval
        self._max_age = max_age
        self._memory = memory or MemoryCatalogue()
        self._last = EMPTY
        self._revision = -1
        self._files = database.files
        self._expires = NEVER
        self._problems: tuple[str, ...] = ()
        self._is_lost = False
        self._seen = monotonic()
        self._refreshing = asyncio.Lock()
        self._notified = asyncio.Event()
        self._tasks = [Background("the catalogue of the database", self._follow)]
        if not database.is_sqlite:
            self._tasks.append(Background("the database's notifications", self._listen))

    @property
    def current(self) -> Catalogue:
        return self._memory.current

    @property
    def problems(self) -> tuple[str, ...]:
        """Why rows can't be used, a sentence each: for operators, since they name what belongs to workspaces."""
        return self._problems

    @property
    def is_lost(self) -> bool:
        """Whether the database could not be reached when it was looked at last."""
        return self._is_lost

    def watch(self, callback: Callable[[CatalogueChange], None]) -> None:
        self._memory.watch(callback)

    def start(self) -> None:
        for task in self._tasks:
            task.start()

    async def stop(self) -> None:
        for task in self._tasks:
            await task.stop()

    async def refresh(self) -> None:
        """Put the database's catalogue in force, if that is another. Raises DatabaseError."""
        async with self._refreshing:
            try:
                await self._refresh()
            except DatabaseError:
                # What comes back may have other rows under the same number: a standby that lagged behind, and then got
                # changes of its own.
                self._revision = -1
                self._loader.doubt()
                raise

    async def _refresh(self) -> None:
        now, database = time_ns() // 1000, self._database
        is_same = await database.revision() == self._revision and database.files == self._files
        if is_same and now < self._expires:
            self._seen = monotonic()
            return
        files = database.files
        is_another = files != self._files
        if is_another:
            self._loader.forget()
        async with database.read() as connection:
            self._seen = monotonic()
            loaded = await self._loader.load(connection, now, EMPTY if is_another else self._last)
        if is_another:
            _LOG.warning("another database is in the place of %s: it is in force from now on", database.name)
        self._files = files
        self.adopt(loaded)

    def adopt(self, loaded: Loaded) -> None:
        """Put in force what was read. A gateway that was guarded once stays guarded until it starts anew."""
        self._revision, self._expires = loaded.revision, loaded.expires
        for problem in loaded.problems:
            if problem not in self._problems:
                _LOG.error("%s; what was in force before stays in force", problem)
        self._problems = loaded.problems
        catalogue = loaded.catalogue
        if self._last.is_guarded and not catalogue.is_guarded:
            catalogue = msgspec.structs.replace(catalogue, is_guarded=True)
        self._last = catalogue
        self._memory.replace(catalogue)

    async def _follow(self) -> None:
        while True:
            # Not wait_for: in Python 3.11 it loses a cancellation that comes together with a notification.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._interval):
                    await self._notified.wait()
            self._notified.clear()
            await self._try_refresh()

    async def _try_refresh(self) -> None:
        """Refresh. The log says once that the database can't be used, and once that it can be used again."""
        try:
            await self.refresh()
        except DatabaseError as error:
            if not self._is_lost:
                _LOG.error("%s; the catalogue that was read last stays in force", error)
            self._is_lost = True
            self._give_up()
            return
        if self._is_lost:
            _LOG.info("the database %s can be reached again", self._database.name)
        self._is_lost = False

    def _give_up(self) -> None:
        """Take the catalogue out of force if it is too old."""
        if self._max_age and monotonic() - self._seen > self._max_age and self.current is not STALE:
            _LOG.error("the catalogue is older than store.catalogue_max_age: no key of the database is in force")
            self._memory.replace(STALE)

    async def _listen(self) -> None:
        """Be notified of changes. Without notifications, or when their connection dies, a change is seen by the
        revision, and the connection is made again after a pause."""
        pause = self._interval
        while True:
            try:
                async with self._database.listening(self._notified.set) as is_over:
                    self._notified.set()  # nobody told of the changes since the connection before
                    pause = self._interval
                    await is_over.wait()
                _LOG.warning("the database %s does not notify any more; it is asked again", self._database.name)
            except DatabaseError as error:
                _LOG.warning("%s; changes are seen within %g s", error, self._interval)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
