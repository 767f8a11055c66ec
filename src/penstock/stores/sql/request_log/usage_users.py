"""Adds up what users asked by the hour and the week when those are over, and counts the users of hours, days and weeks.

The task of the log's retention does it, off the requests' path, in small steps. A user is the member ``_user`` of
requests' metadata; by the day it is added up with all other members (stores/sql/request_log/usage.py).

No request is missed: a line of ``usage_user_count`` says how many requests there were when it was made. Where a request
has come since, the line is stale, nobody reads it, and the next time it is made anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.stores.sql.database import Database
from penstock.stores.sql.index_hints import Unindexed
from penstock.stores.sql.repeated import RepeatedStatement, Row, Rows, write_rows
from penstock.stores.sql.request_log.usage import DAY, FAILED, HOUR
from penstock.stores.sql.schema import (
    log_metadata,
    request_log,
    total_day,
    total_hour,
    usage_metadata,
    usage_user,
    user_count,
)
from penstock.stores.sql.schema.request_log import FEW_MEASURES

USER: Final = "_user"
WEEK: Final = 7 * DAY
MONDAY: Final = 4 * DAY
"""1970-01-05, the first Monday."""
HOURS_KEPT: Final = 4 * DAY
"""Hours are shown for spans of three days."""
_GRACE: Final = 60_000_000
"""Microseconds after the end of an hour in which its last requests reach the database."""
_PAGE: Final = 2000
_STEP: Final = 100
"""Lines of a transaction: SQLite lets one change in at a time."""


class Unit(NamedTuple):
    """An hour, a day or a week of a workspace."""

    workspace_id: str
    length: int
    start: int


class Count(NamedTuple):
    """The users of a unit, and the requests that name one."""

    users: int
    requests: int


class _State(msgspec.Struct, frozen=True):
    """A unit, the requests in it, and its count where that is of all of them."""

    unit: Unit
    requests: int
    count: Count | None


async def add_up_users(database: Database, now: int, since: int, pause: float = 0.0) -> int:
    """Add up the hours, days and weeks that are over at a moment, from ``since`` on, both in microseconds since 1970:
    how many. ``pause`` is the time between two steps in seconds. Raises DatabaseError."""
    done = 0
    for length, first in ((HOUR, max(since, now - HOURS_KEPT)), (DAY, since), (WEEK, since)):
        async with database.read() as connection:
            states = await _states(connection, length, first, now - _GRACE, None)
        for state in states:
            if state.count is None:
                unit = state.unit
                count = await (_count_day(database, unit) if length == DAY else _add_up(database, unit, pause))
                await write_rows(database, [Rows(_COUNTS, [(*unit, *count, state.requests)])])
                done += 1
    return done


async def complete(
    connection: AsyncConnection, length: int, since: int, until: int, workspaces: Sequence[str] | None
) -> dict[int, list[Count]]:
    """The beginnings of the units of a length, within a time as a whole, in which all requests are counted: a count for
    each workspace that has some. ``workspaces`` are ids, None: all."""
    found: dict[int, list[Count]] = {}
    stale = set()
    for state in await _states(connection, length, since, until, workspaces):
        if state.count is None:
            stale.add(state.unit.start)
        else:
            found.setdefault(state.unit.start, []).append(state.count)
    return {start: counts for start, counts in found.items() if start not in stale}


async def _states(
    connection: AsyncConnection, length: int, since: int, until: int, workspaces: Sequence[str] | None
) -> list[_State]:
    """The units in which there were requests, with a user or without, and which lie within a time as a whole."""
    column, counted = (total_hour if length == HOUR else total_day).c, user_count.c
    bucket = column.start if length < WEEK else column.start - (column.start - MONDAY) % WEEK
    query = sa.select(column.workspace_id, bucket.label("unit"), sa.func.sum(column.requests).label("requests"))
    query = query.where(column.start >= since, column.start < until).group_by(column.workspace_id, bucket)
    counts = sa.select(user_count).where(counted.length == length, counted.start >= since, counted.start < until)
    if workspaces is not None:
        query, counts = (
            query.where(column.workspace_id.in_(workspaces)),
            counts.where(counted.workspace_id.in_(workspaces)),
        )
    known = {
        (row.workspace_id, row.start, row.of_requests): Count(row.users, row.requests)
        for row in await connection.execute(counts)
    }
    return [
        _State(
            Unit(row.workspace_id, length, row.unit),
            int(row.requests),
            known.get((row.workspace_id, row.unit, int(row.requests))),
        )
        for row in await connection.execute(query)
        if since <= row.unit <= until - length
    ]


async def _count_day(database: Database, unit: Unit) -> Count:
    column = usage_metadata.c
    query = sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(column.requests), 0)).where(
        column.workspace_id == unit.workspace_id, column.name == USER, column.start == unit.start
    )
    async with database.read() as connection:
        users, requests = (await connection.execute(query)).one()
    return Count(int(users), int(requests))


async def _add_up(database: Database, unit: Unit, pause: float) -> Count:
    """Write the line of each user of an hour or a week."""
    users = requests = 0
    last: str | None = None
    while True:
        async with database.read() as connection:
            lines = (await connection.execute(_lines(unit, last))).all()
        for first in range(0, len(lines), _STEP):
            rows: list[Row] = [(*unit, line[0], *map(int, line[1:])) for line in lines[first : first + _STEP]]
            await write_rows(database, [Rows(_USERS, rows)])
            await asyncio.sleep(pause)
        users += len(lines)
        requests += sum(int(line.requests) for line in lines)
        if len(lines) < _PAGE:
            return Count(users, requests)
        last = lines[-1].value


def _lines(unit: Unit, last: str | None) -> sa.Select[Any]:
    """A page of the users of a unit, after the last one of the page before, with what each of them asked."""
    if unit.length == WEEK:
        column = usage_metadata.c
        sums = [sa.func.sum(column[name]).label(name) for name in FEW_MEASURES[:-1]]
        query = sa.select(column.value, *sums, sa.func.max(column.last_at).label("last_at")).where(
            column.workspace_id == unit.workspace_id, column.name == USER
        )
        when: sa.ColumnElement[int] = column.start
    else:
        row, column = request_log.c, log_metadata.c
        query = sa.select(
            column.value,
            sa.func.count().label("requests"),
            sa.func.sum(sa.case((row.status >= FAILED, 1), else_=0)).label("errors"),
            sa.func.sum(row.total_tokens).label("total_tokens"),
            sa.func.sum(sa.func.coalesce(row.amount, 0)).label("amount"),
            sa.func.sum(row.latency).label("latency"),
            sa.func.max(row.at).label("last_at"),
        ).select_from(log_metadata.join(request_log, sa.and_(row.at == column.at, row.id == column.log_id)))
        # Of an hour, SQLite's index of times finds fewer rows than the one that begins with workspace and name.
        query = query.where(Unindexed(column.workspace_id) == unit.workspace_id, Unindexed(column.name) == USER)
        when = column.at
    query = query.where(when >= unit.start, when < unit.start + unit.length)
    if last is not None:
        query = query.where(column.value > last)
    return query.group_by(column.value).order_by(column.value).limit(_PAGE)


def _replacing(table: sa.Table, names: Sequence[str]) -> RepeatedStatement:
    """The statement that writes a row, or writes it anew; its columns are the key's, then ``names``."""
    key = [column.name for column in table.primary_key]

    def make(insert: Any) -> sa.Insert:
        new = insert(table)
        statement: sa.Insert = new.on_conflict_do_update(
            index_elements=key, set_={name: new.excluded[name] for name in names}
        )
        return statement

    return RepeatedStatement((*key, *names), make)


_USERS: Final = _replacing(usage_user, FEW_MEASURES)
_COUNTS: Final = _replacing(user_count, ("users", "requests", "of_requests"))
