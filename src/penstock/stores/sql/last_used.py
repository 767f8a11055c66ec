"""When gateway keys were used last: written to their rows in batches, off the path of requests."""

from __future__ import annotations

import logging
from asyncio import sleep
from typing import Final

import sqlalchemy as sa

from penstock.background import Background
from penstock.core.durations import microseconds
from penstock.stores.sql import schema
from penstock.stores.sql.database import Database, DatabaseError

_LOG: Final = logging.getLogger("penstock")
_INTERVAL: Final = 60.0
"""Seconds between two batches: no key is written more often."""
_BATCH: Final = 500
"""Rows of one transaction."""


class LastUsed:
    """Writes what ``used`` holds each minute: ids of keys, and when they were used, in seconds since 1970.

    What can't be written because the database can't be reached is written with the next batch.
    """

    def __init__(self, database: Database, used: dict[str, float], interval: float = _INTERVAL) -> None:
        self._database = database
        self._used = used
        self._interval = interval
        self._task = Background("the times at which keys were used", self._follow)

    def start(self) -> None:
        self._task.start()

    async def stop(self) -> None:
        """Stop, and write what there is."""
        await self._task.stop()
        await self._try_write()

    async def _follow(self) -> None:
        while True:
            await sleep(self._interval)
            await self._try_write()

    async def _try_write(self) -> None:
        try:
            await self.write()
        except DatabaseError as error:
            _LOG.warning("%s; when keys were used is written later", error)

    async def write(self) -> None:
        """Write all that was noted. Raises DatabaseError: what was not written stays noted."""
        while self._used:
            batch = [(id_, self._used[id_]) for id_ in [*self._used][:_BATCH]]
            rows = [{"key": id_, "at": microseconds(at)} for id_, at in batch]
            async with self._database.write() as connection:
                await self._database.wait_for_turn(connection)
                await connection.execute(_WRITE, rows)
            for id_, at in batch:
                if self._used[id_] == at:
                    del self._used[id_]


_AT: Final = sa.bindparam("at", type_=sa.BigInteger)
_WRITE: Final = (
    schema.api_key.update()
    .where(schema.api_key.c.id == sa.bindparam("key"))
    .where(sa.func.coalesce(schema.api_key.c.last_used_at, 0) < _AT)
    .values(last_used_at=_AT)
)
"""Several workers write: the latest use stays."""
