"""When gateway keys were used last: written to their rows in batches, off the path of requests."""

from __future__ import annotations

import logging
from asyncio import get_running_loop, sleep
from collections.abc import Awaitable, Sequence
from typing import Final

import sqlalchemy as sa

from penstock.background import Background
from penstock.core.durations import microseconds
from penstock.stores.sql import schema
from penstock.stores.sql.database import Database, DatabaseError

_LOG: Final = logging.getLogger("penstock")
_INTERVAL: Final = 60.0
"""Seconds between two times that a key is written."""
_LOOK: Final = 5.0
"""Seconds between two batches: who has just begun to use a key sees it soon."""
_BATCH: Final = 500
"""Rows of one transaction."""


class LastUsed:
    """Writes what ``used`` holds, each key once a minute at most: ids of keys, and when they were used, in seconds
    since 1970.

    What can't be written because the database can't be reached is written with the next batch.
    """

    def __init__(self, database: Database, used: dict[str, float], interval: float = _INTERVAL) -> None:
        self._database = database
        self._used = used
        self._interval = interval
        self._written: dict[str, float] = {}
        """When keys were written, by the event loop's clock, for as long as they are not written again."""
        self._task = Background("the times at which keys were used", self._follow)

    def start(self) -> None:
        self._task.start()

    async def stop(self) -> None:
        """Stop, and write what there is."""
        await self._task.stop()
        await self._try(self.write())

    async def _follow(self) -> None:
        pause = min(_LOOK, self._interval)
        while True:
            await sleep(pause)
            is_written = await self._try(self.write_due(get_running_loop().time()))
            pause = min(_LOOK, self._interval) if is_written else self._interval

    @staticmethod
    async def _try(writing: Awaitable[None]) -> bool:
        """Whether it was written: what was not is told."""
        try:
            await writing
        except DatabaseError as error:
            _LOG.warning("%s; when keys were used is written later", error)
            return False
        return True

    async def write(self) -> None:
        """Write all that was noted. Raises DatabaseError: what was not written stays noted."""
        while self._used:
            await self._write_some([*self._used][:_BATCH])

    async def write_due(self, now: float) -> None:
        """Write the keys that were not written within the last interval before ``now``. Raises DatabaseError."""
        self._written = {id_: at for id_, at in self._written.items() if now - at < self._interval}
        due = [id_ for id_ in self._used if id_ not in self._written]
        for start in range(0, len(due), _BATCH):
            some = due[start : start + _BATCH]
            await self._write_some(some)
            self._written.update(dict.fromkeys(some, now))

    async def _write_some(self, ids: Sequence[str]) -> None:
        batch = [(id_, self._used[id_]) for id_ in ids]
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
