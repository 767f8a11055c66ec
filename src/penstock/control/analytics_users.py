"""How many users there were, and how many requests they made: a user is the member ``_user`` of requests' metadata."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.control.log_filters import LogFilter
from penstock.control.usage_sums import Span
from penstock.stores.sql.log_usage import DAY
from penstock.stores.sql.schema import log_metadata, request_log, usage_metadata

USER: Final = "_user"


class Counted(msgspec.Struct, frozen=True):
    """Users, and the requests that name one."""

    users: int = 0
    requests: int = 0


class Users(msgspec.Struct, frozen=True):
    """The users of a span, and those of its buckets."""

    users: int
    requests: int
    buckets: Sequence[tuple[int, Counted]]


class Members(msgspec.Struct, frozen=True):
    """Where the values of one member of metadata are counted: by the day, where nothing but a time is asked for, else
    row by row. ``requests`` is the number of requests of one line."""

    source: Any
    when: Any
    value: Any
    requests: Any
    conditions: Sequence[Any]


def members_of(wanted: LogFilter, name: str, *, by_day: bool) -> Members:
    """The values of a member of the metadata of the requests that a filter means."""
    if by_day and wanted.has_only_time:
        column = usage_metadata.c
        return Members(
            usage_metadata,
            column.start,
            column.value,
            column.requests,
            [*_of(column, wanted, name), *wanted.within(column.start, DAY)],
        )
    column, row = log_metadata.c, request_log.c
    named = _of(column, wanted, name) if by_day else _of_short_time(column, wanted, name)
    conditions = [*named, *wanted.within(column.at)]
    if wanted.has_only_time:
        return Members(log_metadata, column.at, column.value, sa.literal(1), conditions)
    joined = log_metadata.join(request_log, sa.and_(row.at == column.at, row.id == column.log_id))
    return Members(joined, column.at, column.value, sa.literal(1), [*conditions, *wanted.conditions(request_log)])


def _of(column: Any, wanted: LogFilter, name: str) -> list[Any]:
    of_workspaces = [] if wanted.workspaces is None else [column.workspace_id.in_(wanted.workspaces)]
    return [column.name == name, *of_workspaces]


def by_time(column: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
    """A column as an expression, for which no index is used: of a short time, the index of times finds fewer rows than
    the one that begins with the workspace and the name."""
    return sa.func.coalesce(column, "")


def _of_short_time(column: Any, wanted: LogFilter, name: str) -> list[Any]:
    of_workspaces = [] if wanted.workspaces is None else [by_time(column.workspace_id).in_(wanted.workspaces)]
    return [by_time(column.name) == name, *of_workspaces]


async def by_bucket(connection: AsyncConnection, wanted: LogFilter, span: Span) -> Users:
    """The users of a span."""
    members = members_of(wanted, USER, by_day=span.size >= DAY)
    bucket = span.bucket(members.when).label("bucket")
    # One workspace has one line a day for each user: there is nothing to tell apart.
    is_told_apart = members.source is not usage_metadata or span.size != DAY or len(wanted.workspaces or ()) != 1
    grouped = _grouped(members, bucket, members.value) if is_told_apart else _grouped(members, bucket, lines=True)
    rows = await connection.execute(_counted(grouped, "bucket"))
    found = {row.bucket: Counted(row.users, int(row.requests)) for row in rows}
    # An index has the values in their order: they are counted without their lines.
    values = sa.select(members.value).select_from(members.source).where(*members.conditions).group_by(members.value)
    users = (await connection.execute(sa.select(sa.func.count()).select_from(values.subquery()))).scalar_one()
    requests = sum(each.requests for each in found.values())
    return Users(int(users), requests, [(at, found.get(at, Counted())) for at in span.starts()])


def _grouped(members: Members, *by: Any, lines: bool = False) -> sa.Subquery:
    """Requests by the values of expressions, and the number of users of each group: of its lines, or one.

    Values are grouped before they are counted, since ``count(distinct)`` sorts them all.
    """
    users = sa.func.count() if lines else sa.literal(1)
    told = (users.label("users"), sa.cast(sa.func.sum(members.requests), sa.BigInteger).label("requests"))
    return sa.select(*by, *told).select_from(members.source).where(*members.conditions).group_by(*by).subquery()


def _counted(grouped: sa.Subquery, *by: str) -> sa.Select[Any]:
    """The users and the requests of groups."""
    columns = [grouped.c[name] for name in by]
    sums = [
        sa.cast(sa.func.coalesce(sa.func.sum(grouped.c[name]), 0), sa.BigInteger).label(name)
        for name in ("users", "requests")
    ]
    return sa.select(*columns, *sums).group_by(*columns)
