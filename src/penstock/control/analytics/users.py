"""How many users there were, and how many requests they made: a user is the member ``_user`` of requests' metadata."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.control.analytics.sums import Span
from penstock.control.analytics.user_lines import Cover, cover_of, lines, spans_of
from penstock.control.logs.filters import LogFilter
from penstock.stores.sql.index_hints import Unindexed, read_serially
from penstock.stores.sql.request_log.usage import DAY, HOUR
from penstock.stores.sql.request_log.usage_users import USER, complete
from penstock.stores.sql.schema import log_metadata, request_log


class Counted(msgspec.Struct, frozen=True):
    """Users, and the requests that name one."""

    users: int = 0
    requests: int = 0


class Users(msgspec.Struct, frozen=True):
    """The users of a span, and those of its buckets."""

    users: int
    requests: int
    buckets: Sequence[tuple[int, Counted]]


async def by_bucket(connection: AsyncConnection, wanted: LogFilter, span: Span) -> Users:
    """The users of a span. Where nothing but a time is asked for, hours, days and weeks are read that are added up."""
    if wanted.has_only_time and span.size >= HOUR:
        return await _by_unit(connection, wanted, span)
    rows = _rows_of(wanted, is_short=span.size < DAY)
    found = await _counted(connection, rows, span)
    return await _users(connection, rows, [(at, found.get(at, Counted())) for at in span.starts()])


async def _by_unit(connection: AsyncConnection, wanted: LogFilter, span: Span) -> Users:
    unit = HOUR if span.size < DAY else DAY
    since, until = span.since // unit * unit, -(-span.until // unit) * unit
    known: dict[int, Counted] = {}
    if wanted.workspaces is not None and len(wanted.workspaces) == 1:  # of several, some users are the same
        counts = await complete(connection, span.size, since, until, wanted.workspaces)
        known = {at: Counted(*each) for at, (each,) in counts.items()}
    units = [at for at in range(since, until, unit) if span.start_of(at) not in known]
    rest = Cover(days=tuple(units)) if unit == DAY else Cover(spans=spans_of(units))
    await read_serially(connection)
    if units:
        known |= await _counted(connection, lines(wanted, rest), span)
    counted_lines = lines(wanted, await cover_of(connection, wanted, span.size))
    return await _users(connection, counted_lines, [(at, known.get(at, Counted())) for at in span.starts()])


def _rows_of(wanted: LogFilter, *, is_short: bool) -> sa.Subquery:
    """A line for each request that a filter means and that names a user. ``is_short``: of a short time, SQLite's index
    of times finds fewer rows than the one that begins with the workspace and the name."""
    column, row = log_metadata.c, request_log.c
    name, workspace = (Unindexed(each) if is_short else each for each in (column.name, column.workspace_id))
    query = sa.select(column.at, column.value, sa.literal(1).label("requests"))
    query = query.where(name == USER, *wanted.within(column.at))
    if wanted.workspaces is not None:
        query = query.where(workspace.in_(wanted.workspaces))
    if not wanted.has_only_time:
        joined = log_metadata.join(request_log, sa.and_(row.at == column.at, row.id == column.log_id))
        query = query.select_from(joined).where(*wanted.conditions(request_log))
    return query.subquery()


async def _counted(connection: AsyncConnection, counted_lines: sa.Subquery, span: Span) -> dict[int, Counted]:
    """The users and the requests of each bucket. Users are grouped before they are counted, since ``count(distinct)``
    sorts them all."""
    bucket = span.bucket(counted_lines.c.at).label("bucket")
    grouped = (
        sa.select(bucket, sa.func.sum(counted_lines.c.requests).label("requests"))
        .group_by(bucket, counted_lines.c.value)
        .subquery()
    )
    requests = sa.cast(sa.func.sum(grouped.c.requests), sa.BigInteger).label("requests")
    query = sa.select(grouped.c.bucket, sa.func.count().label("users"), requests).group_by(grouped.c.bucket)
    return {row.bucket: Counted(row.users, int(row.requests)) for row in await connection.execute(query)}


async def _users(
    connection: AsyncConnection, counted_lines: sa.Subquery, buckets: Sequence[tuple[int, Counted]]
) -> Users:
    values = sa.select(counted_lines.c.value).group_by(counted_lines.c.value).subquery()
    users = (await connection.execute(sa.select(sa.func.count()).select_from(values))).scalar_one()
    return Users(int(users), sum(each.requests for _, each in buckets), buckets)
