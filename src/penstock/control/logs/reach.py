"""How far back a page of the request log is searched, where its rows have to be read to know which of them are meant.

Of a virtual key, a config, a span or a number of tokens there is no index: a filter that no row meets would have all
rows of its time read, millions of them. The sums by hour and day tell how many requests there were, and so from which
hour on a page reads a bounded number of rows. The list says so, and its cursor goes on from there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.control.logs.candidates import Place
from penstock.control.logs.filters import LogFilter
from penstock.stores.sql.request_log.usage import DAY, HOUR
from penstock.stores.sql.schema import request_log, total_day, total_hour, usage_day, usage_hour, usage_metadata

READ: Final = 200_000
"""Rows that are read for a page in the order in which they lie: some 120 ms."""
CROSSED: Final = 40_000
"""Entries of an index whose rows are read, each at a place of its own, or which are looked up in another index, or
rows whose feedback is: in the same time."""

PASSED: Final = 400_000
"""Entries of an index that are passed over for a page: some 60 ms, and 140 to compare their costs."""


class Sums(NamedTuple):
    """Tables that tell how many of the rows that are read there were: by the hour, if one does, and by the day."""

    hour: sa.Table | None
    day: sa.Table
    of_hour: Sequence[sa.ColumnElement[bool]]
    of_day: Sequence[sa.ColumnElement[bool]]


def sums_of(wanted: LogFilter, member: tuple[str, str] | None = None) -> Sums:
    """The sums of the rows among which those of a filter are sought: those with a member of metadata, or the value of
    an indexed column, by which they are found; else all of its workspaces."""
    of_workspaces = LogFilter(workspaces=wanted.workspaces)
    if member is not None:
        day = usage_metadata.c
        is_of_member = [day.name == member[0], day.value == member[1], *of_workspaces.conditions(usage_metadata)]
        return Sums(None, usage_metadata, (), is_of_member)
    each = wanted.found_part
    hour, by_day = (total_hour, total_day) if each.has_only_time else (usage_hour, usage_day)
    of_hour, of_day = ([*each.conditions(table), *of_workspaces.conditions(table)] for table in (hour, by_day))
    return Sums(hour, by_day, of_hour, of_day)


async def reach_of(
    connection: AsyncConnection, wanted: LogFilter, after: Place | None, sums: Sums, most: int
) -> int | None:
    """The moment from which on at most ``most`` rows, or those of one unit, lie before a place. None: no more than
    these lie within the filter's time at all."""
    ends = [each for each in (wanted.until, None if after is None else after.at) if each is not None]
    since, until = wanted.since or 0, min(ends, default=None)
    read, reached = 0, until
    for start, requests in await _units(connection, sums.day, sums.of_day, DAY, since, until):
        if read + requests <= most:
            read, reached = read + requests, start
            continue
        hours: list[tuple[int, int]] = []
        if sums.hour is not None:
            begin, end = max(since, start), start + DAY if until is None else min(start + DAY, until)
            hours = await _units(connection, sums.hour, sums.of_hour, HOUR, begin, end)
        for hour, of_hour in hours:
            if read and read + of_hour > most:
                return _within(reached, since)
            read, reached = read + of_hour, hour
        if not hours:  # they are forgotten after some time, and members of metadata have none
            return _within(reached if read else start, since)
        reached = start
    return None


async def reach_of_costs(connection: AsyncConnection, wanted: LogFilter, after: Place | None) -> int | None:
    """The moment from which on at most ``PASSED`` costs of a class that the filter's range cuts lie before a place: all
    of these are compared with the range. None: no more than these lie within its time."""
    at, reached = request_log.c.at, list[int]()
    for workspace in (wanted.workspaces or ()) if wanted.has_ranges else ():
        for number in wanted.cut_cost_classes:
            query = sa.select(at).where(*wanted.of_cost_class(number, workspace))
            query = query if after is None else query.where(at < after.at)
            moment = (await connection.execute(query.order_by(at.desc()).offset(PASSED).limit(1))).scalar()
            reached += [] if moment is None else [moment]
    return max(reached, default=None)


def _within(reached: int | None, since: int) -> int | None:
    return reached if reached is not None and reached > since else None


async def _units(
    connection: AsyncConnection,
    table: sa.Table,
    conditions: Sequence[sa.ColumnElement[bool]],
    length: int,
    since: int,
    until: int | None,
) -> list[tuple[int, int]]:
    """The units within a time that have requests, the latest first, and how many each has."""
    column: Any = table.c
    within = units_within(table, LogFilter(since=since, until=until), length)
    query = sa.select(column.start, sa.func.sum(column.requests).label("requests")).where(*conditions, *within)
    rows = await connection.execute(query.group_by(column.start).order_by(column.start.desc()))
    return [(row.start, int(row.requests)) for row in rows]


def units_within(table: sa.Table, time: LogFilter, length: int) -> list[sa.ColumnElement[bool]]:
    """The conditions on lines of a table of sums that units of a length within a filter's time have."""
    if table is not usage_metadata:
        return time.within(table.c.start, length)
    # Of a time, SQLite would read the lines of all values of a member: its days are named, and each is looked up.
    days = sa.select(total_day.c.start).where(*time.within(total_day.c.start, length))
    return [table.c.start.in_(days)]
