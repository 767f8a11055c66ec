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
    conditions = [*_of(column, wanted, name), *wanted.within(column.at)]
    if wanted.has_only_time:
        return Members(log_metadata, column.at, column.value, sa.literal(1), conditions)
    joined = log_metadata.join(request_log, sa.and_(row.at == column.at, row.id == column.log_id))
    return Members(joined, column.at, column.value, sa.literal(1), [*conditions, *wanted.conditions(request_log)])


def _of(column: Any, wanted: LogFilter, name: str) -> list[Any]:
    of_workspaces = [] if wanted.workspaces is None else [column.workspace_id.in_(wanted.workspaces)]
    return [column.name == name, *of_workspaces]


async def by_bucket(connection: AsyncConnection, wanted: LogFilter, span: Span) -> Users:
    """The users of a span."""
    members = members_of(wanted, USER, by_day=span.size >= DAY)
    users, requests = sa.func.count(sa.distinct(members.value)), sa.cast(sa.func.sum(members.requests), sa.BigInteger)
    base = sa.select(users.label("users"), sa.func.coalesce(requests, 0).label("requests")).select_from(members.source)
    base = base.where(*members.conditions)
    total = (await connection.execute(base)).one()
    bucket = span.bucket(members.when)
    rows = await connection.execute(base.add_columns(bucket.label("bucket")).group_by(bucket))
    found = {row.bucket: Counted(row.users, int(row.requests)) for row in rows}
    return Users(total.users, int(total.requests), [(at, found.get(at, Counted())) for at in span.starts()])
