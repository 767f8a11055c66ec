"""The catalogue of the database, kept in memory: no request asks the database for anything.

Each change raises the database's revision. The gateway looks at the revision each second and reads the catalogue anew
when it has risen. PostgreSQL also notifies it at once, which only makes a change quicker. A catalogue is read as
one moment, and never replaced by an older one. While the database can't be reached, the last catalogue stays in force.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from time import time_ns
from typing import Final, Protocol

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.background import Background
from penstock.stores.catalogue import Catalogue, CatalogueChange
from penstock.stores.memory import MemoryCatalogue
from penstock.stores.sql.database import Database, DatabaseError, revision
from penstock.stores.sql.load import NEVER, Loaded, Loader

_LOG: Final = logging.getLogger("penstock")
_INTERVAL: Final = 1.0
"""Seconds between two looks at the revision."""


class Follower(Protocol):
    """Reads something else of the database with each new revision: the prices, say."""

    async def follow(self, connection: AsyncConnection) -> str | None:
        """Read it from the moment that the catalogue is read from. A sentence where it can't be used, else None."""
        ...


class SqlCatalogue:
    """A ``CatalogueSource`` on a database. ``refresh`` has to be awaited once before the gateway serves.

    ``followers`` read what else a revision can change.
    """

    def __init__(
        self, database: Database, loader: Loader, interval: float = _INTERVAL, followers: Sequence[Follower] = ()
    ) -> None:
        self._followers = followers
        self._database = database
        self._loader = loader
        self._interval = interval
        self._memory = MemoryCatalogue()
        self._revision = -1
        self._expires = NEVER
        self._problems: tuple[str, ...] = ()
        self._is_lost = False
        self._notified = asyncio.Event()
        self._task = Background("the catalogue of the database", self._follow)

    @property
    def current(self) -> Catalogue:
        return self._memory.current

    @property
    def problems(self) -> tuple[str, ...]:
        """Why rows can't be used, a sentence each."""
        return self._problems

    def watch(self, callback: Callable[[CatalogueChange], None]) -> None:
        self._memory.watch(callback)

    def start(self) -> None:
        self._task.start()

    async def stop(self) -> None:
        await self._task.stop()

    async def refresh(self) -> None:
        """Put the newest catalogue in force, if there is a newer one. Raises DatabaseError."""
        now = time_ns() // 1000
        async with self._database.read() as connection:
            if now < self._expires and await revision(connection) == self._revision:
                return
            loaded = await self._loader.load(connection, now, self.current)
            told = [problem for each in self._followers if (problem := await each.follow(connection)) is not None]
            loaded = msgspec.structs.replace(loaded, problems=(*loaded.problems, *told))
        if loaded.revision >= self._revision:
            self._put(loaded)

    def _put(self, loaded: Loaded) -> None:
        self._revision, self._expires = loaded.revision, loaded.expires
        for problem in loaded.problems:
            if problem not in self._problems:
                _LOG.error("%s; what was in force before stays in force", problem)
        self._problems = loaded.problems
        self._memory.replace(loaded.catalogue)

    async def _follow(self) -> None:
        async with self._listening():
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
            return
        if self._is_lost:
            _LOG.info("the database %s can be reached again", self._database.name)
        self._is_lost = False

    @contextlib.asynccontextmanager
    async def _listening(self) -> AsyncIterator[None]:
        """Be notified of changes where the database can do so; without that, the revision is looked at alone."""
        if self._database.is_sqlite:
            yield
            return

        async with contextlib.AsyncExitStack() as stack:
            try:
                await stack.enter_async_context(self._database.listening(self._notified.set))
            except DatabaseError as error:
                _LOG.warning("%s; changes are seen within %g s", error, self._interval)
            yield
