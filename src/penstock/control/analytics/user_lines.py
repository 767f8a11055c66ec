"""What users asked in a time, from the fewest lines that tell it: weeks, days and hours that are added up, and the rows
of the hours that are not yet (stores/sql/request_log/usage_users.py). Of other members only days are added up."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.control.analytics.sums import Source
from penstock.control.logs.filters import LogFilter
from penstock.stores.sql.index_hints import Unindexed
from penstock.stores.sql.request_log.usage import DAY, HOUR
from penstock.stores.sql.request_log.usage_users import USER, WEEK, complete
from penstock.stores.sql.schema import log_metadata, request_log, total_day, usage_metadata, usage_user


class Cover(msgspec.Struct, frozen=True):
    """A time in units: the beginnings of weeks, days and hours that are added up, and spans of hours that are not."""

    weeks: tuple[int, ...] = ()
    days: tuple[int, ...] = ()
    hours: tuple[int, ...] = ()
    spans: tuple[tuple[int, int], ...] = ()


async def cover_of(connection: AsyncConnection, wanted: LogFilter, size: int, name: str = USER) -> Cover:
    """The fewest units of a filter that asks for nothing but a time and workspaces. ``size`` is that of its buckets, an
    hour or more: those at both ends count as a whole hour or day. ``name`` is that of the member."""
    unit = HOUR if size < DAY else DAY
    since, until = (wanted.since or 0) // unit * unit, -(-(wanted.until or 0) // unit) * unit
    length = HOUR if unit == HOUR else WEEK
    known = await complete(connection, length, since, until, wanted.workspaces) if name == USER else {}
    latest = sa.select(sa.func.max(total_day.c.last_at)).where(total_day.c.start >= until // DAY * DAY)
    last = (await connection.execute(latest)).scalar() or 0
    return cover(since, until, known, last) if unit == HOUR else cover_by_day(since, until, known)


def cover_by_day(since: int, until: int, weeks: Collection[int]) -> Cover:
    """Days, or where they are known whole weeks of them."""
    taken: list[int] = []
    days: list[int] = []
    at = since
    while at < until:
        is_week = at in weeks and at + WEEK <= until
        (taken if is_week else days).append(at)
        at += WEEK if is_week else DAY
    return Cover(weeks=tuple(taken), days=tuple(days))


def cover(since: int, until: int, hours: Collection[int], last: int) -> Cover:
    """Hours that are known, whole days of them, and spans for the others. ``last`` is the moment of the last request: a
    day of which the rest has not come is whole, too."""
    days: list[int] = []
    taken: list[int] = []
    others: list[int] = []
    at = since
    while at < until:
        is_day = at % DAY == 0 and min(at + DAY, last + 1) <= until
        (days if is_day else taken if at in hours else others).append(at)
        at += DAY if is_day else HOUR
    return Cover(days=tuple(days), hours=tuple(taken), spans=spans_of(others))


def spans_of(hours: Iterable[int]) -> tuple[tuple[int, int], ...]:
    """Hours, in their order, as spans from the beginning of the first to the end of the last that follow each other."""
    spans: list[tuple[int, int]] = []
    for hour in hours:
        if spans and spans[-1][1] == hour:
            spans[-1] = spans[-1][0], hour + HOUR
        else:
            spans.append((hour, hour + HOUR))
    return tuple(spans)


def lines(
    wanted: LogFilter,
    cover: Cover,
    name: str = USER,
    measures: Sequence[str] = ("requests",),
    values: Sequence[str] | None = None,
) -> sa.Subquery:
    """A line for each user and unit, or request: its moment ``at``, ``value`` is the user; and what is added up of some
    ``measures``. Of another member than the user, a value of it. Of some ``values`` alone, indexes find the lines."""
    parts = []
    for starts, length in ((cover.weeks, WEEK), (cover.hours, HOUR)):
        if starts:
            column = usage_user.c
            added_up = _added_up(usage_user, wanted, measures, values)
            parts.append(added_up.where(column.length == length, column.start.in_(starts)))
    if cover.days or not any((cover.weeks, cover.hours, cover.spans)):
        column = usage_metadata.c
        added_up = _added_up(usage_metadata, wanted, measures, values)
        parts.append(added_up.where(column.name == name, column.start.in_(cover.days)))
    parts += [_rows(wanted, name, measures, values, *span) for span in cover.spans]
    return sa.union_all(*parts).subquery()


def _added_up(
    table: sa.Table, wanted: LogFilter, measures: Sequence[str], values: Sequence[str] | None
) -> sa.Select[Any]:
    column = table.c
    # Grouped by a value that an index has in order, SQLite would read that index whole to save itself sorting a day.
    value = Unindexed(column.value).label("value")
    query = sa.select(column.start.label("at"), value, *(column[each] for each in measures))
    if values is not None:
        query = query.where(column.value.in_(values))
    return query if wanted.workspaces is None else query.where(column.workspace_id.in_(wanted.workspaces))


def _rows(
    wanted: LogFilter, name: str, measures: Sequence[str], values: Sequence[str] | None, since: int, until: int
) -> sa.Select[Any]:
    source, row, column = Source(request_log, request_log.c.at, 1), request_log.c, log_metadata.c
    each = {measure: column.at if measure == "last_at" else source.each(measure) for measure in measures}
    query = sa.select(column.at, column.value, *(value.label(measure) for measure, value in each.items()))
    if set(measures) - {"requests", "last_at"}:
        is_same = sa.and_(row.at == column.at, row.id == column.log_id)
        query = query.select_from(log_metadata.join(request_log, is_same))
    query = query.where(column.at >= since, column.at < until)
    if values is not None:
        query = query.where(column.name == name, column.value.in_(values))
        return query if wanted.workspaces is None else query.where(column.workspace_id.in_(wanted.workspaces))
    # Of a short time, SQLite's index of times finds fewer rows than the one that begins with workspace and name.
    query = query.where(Unindexed(column.name) == name)
    return query if wanted.workspaces is None else query.where(Unindexed(column.workspace_id).in_(wanted.workspaces))
