"""Deletes what is too old of the request log, in small steps: none holds its lock for long.

SQLite lets one change in at a time: there a step is a transaction of one thread, which ends when its time is over,
however many rows that were. On PostgreSQL a step that took long is followed by a smaller one, and a month that is too
old as a whole is dropped.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from time import monotonic
from typing import Final, NamedTuple

import msgspec
import sqlalchemy as sa

from penstock.stores.sql.database import Database
from penstock.stores.sql.database_error import DatabaseError
from penstock.stores.sql.request_log.partitions import drop_before
from penstock.stores.sql.request_log.usage import DAY, HOUR
from penstock.stores.sql.request_log.usage_users import HOURS_KEPT
from penstock.stores.sql.schema import (
    feedback_hour,
    feedback_value,
    log_metadata,
    request_content,
    request_log,
    total_hour,
    usage_hour,
    usage_metadata,
    usage_user,
    user_count,
)

_FIRST_STEP: Final = 100
_LARGEST_STEP: Final = 1000
_SLOW: Final = 0.02
"""Seconds of a step from which on the next one is half as large; of half as long a step twice."""
_HELD: Final = 0.01
"""Seconds for which a step holds SQLite's lock, and the time of ``_FEW`` rows."""
_FEW: Final = 20
"""Rows of one statement in SQLite's files: a few milliseconds where no page of theirs is in memory."""
_PAUSE: Final = 0.05
"""Seconds between two steps: requests write their rows meanwhile."""
_HOURS_KEPT: Final = 100 * DAY
"""What is added up by hour is shown for spans of three days; by day it is kept for good."""


class Retention(msgspec.Struct, frozen=True):
    """Days after which rows, and their contents, are deleted; 0: never."""

    days: int = 90
    content_days: int = 30

    def begin(self, now: int) -> int:
        """The moment from which on rows are kept, in microseconds since 1970."""
        return now - self.days * DAY if self.days else 0


class _TooOld(NamedTuple):
    """The rows of a table before a moment, where a condition holds."""

    table: sa.Table
    before: int
    where: sa.ColumnElement[bool] = sa.true()


async def delete_old(database: Database, retention: Retention, now: int, pause: float = _PAUSE) -> int:
    """Delete what is too old at a moment in microseconds since 1970: the number of rows that went. Raises
    DatabaseError."""
    gone = 0
    for old in _too_old(retention, now):
        has_dropped = True
        while has_dropped:
            has_dropped = await _drop_month(database, old.table, old.before)
        gone += await _delete(database, old, pause)
    return gone


def _too_old(retention: Retention, now: int) -> Iterator[_TooOld]:
    """What is to go. Counts of users go before what they count: what nobody counts is not read by the hour or week."""
    yield _TooOld(feedback_hour, now - _HOURS_KEPT)
    yield _TooOld(usage_hour, now - _HOURS_KEPT)
    yield _TooOld(total_hour, now - _HOURS_KEPT)
    for table in (user_count, usage_user):
        yield _TooOld(table, now - HOURS_KEPT, table.c.length == HOUR)
    kept = [days for days in (retention.content_days, retention.days) if days]
    if kept:
        yield _TooOld(request_content, now - min(kept) * DAY)
    if retention.days:
        for table in (feedback_value, log_metadata, request_log, user_count, usage_user, usage_metadata):
            yield _TooOld(table, retention.begin(now))


async def _drop_month(database: Database, table: sa.Table, before: int) -> bool:
    if database.is_sqlite or "at" not in table.c:
        return False
    try:
        return await drop_before(database, before, table.name)
    except DatabaseError:
        # Somebody reads it just now: its rows go one by one, or the month does the next time.
        return False


async def _delete(database: Database, old: _TooOld, pause: float) -> int:
    if database.has_writer:
        return await _delete_from_file(database, old, pause)
    gone, size = 0, _FIRST_STEP
    while True:
        statement = _statement(database, old, size)
        began = monotonic()
        async with database.write() as connection:
            deleted = int((await connection.exec_driver_sql(statement)).rowcount)
        took = monotonic() - began
        gone += deleted
        if deleted < size:
            return gone
        size = max(size // 2, 10) if took > _SLOW else min(size * 2, _LARGEST_STEP) if took < _SLOW / 2 else size
        await asyncio.sleep(pause)


async def _delete_from_file(database: Database, old: _TooOld, pause: float) -> int:
    gone, statement = 0, _statement(database, old, _FEW)

    def step(connection: sqlite3.Connection) -> tuple[int, bool]:
        """How many rows went, and whether there are more."""
        until, went = monotonic() + _HELD, 0
        while True:
            deleted = connection.execute(statement).rowcount
            went += deleted
            if deleted < _FEW or monotonic() >= until:
                return went, deleted == _FEW

    has_more = True
    while has_more:
        went, has_more = await database.run(step)
        gone += went
        await asyncio.sleep(pause if has_more else 0)
    return gone


def _statement(database: Database, old: _TooOld, size: int) -> str:
    """Deletes the oldest rows, at most ``size``. Compiled here: that takes longer than the statement, and would be done
    under the lock."""
    table = old.table
    key = list(table.primary_key)
    when = next(table.c[name] for name in ("at", "start", "last_at") if name in table.c)
    oldest = sa.select(*key).where(when < old.before, old.where).order_by(when).limit(size)
    statement = table.delete().where(sa.tuple_(*key).in_(oldest))
    return str(statement.compile(dialect=database.engine.dialect, compile_kwargs={"literal_binds": True}))
