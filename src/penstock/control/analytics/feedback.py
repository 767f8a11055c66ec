"""What users thought of answers, over time and by model: feedback, joined to the request log by the trace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.control.analytics.sums import Span, ratio
from penstock.control.analytics.user_lines import spans_of
from penstock.control.logs.filters import LogFilter
from penstock.stores.sql.index_hints import Unindexed
from penstock.stores.sql.request_log.feedback_values import MEMBER, WEIGHTED, as_value, is_about, stale_hours
from penstock.stores.sql.schema import feedback, feedback_value, log_metadata, request_log
from penstock.stores.sql.schema.trail import UNMATCHED

_WEIGHTED_SUM: Final = sa.func.coalesce(sa.func.sum(WEIGHTED), 0.0)
_COUNT: Final = sa.func.count()
_MOST_STALE: Final = 100_000
"""Requests of hours that are not kept as a whole; beyond that looking up each piece is the shorter way."""


class Felt(msgspec.Struct, frozen=True):
    """Pieces of feedback, and the sum of value times weight."""

    count: int = 0
    weighted: float = 0.0


def _of_time(
    wanted: LogFilter,
    workspace: sa.ColumnElement[str] = feedback.c.workspace_id,
    created_at: sa.ColumnElement[int] = feedback.c.created_at,
) -> list[sa.ColumnElement[bool]]:
    """Feedback of a time and of workspaces. The columns may be hidden from SQLite's indexes."""
    conditions = wanted.within(created_at)
    if wanted.workspaces is not None:
        conditions.append(workspace.in_(wanted.workspaces))
    return conditions


def _conditions(wanted: LogFilter) -> list[sa.ColumnElement[bool]]:
    """Feedback of a time and of workspaces; with any further filter, feedback on a request that it means."""
    if wanted.has_only_time:
        return _of_time(wanted)
    return [*_of_time(wanted), sa.exists().where(is_about(), *wanted.conditions(request_log))]


async def by_bucket(connection: AsyncConnection, wanted: LogFilter, span: Span) -> list[tuple[int, Felt]]:
    """The feedback in each bucket of a span, with the moment at which the bucket begins (microseconds since 1970)."""
    bucket = span.bucket(feedback.c.created_at)
    query = sa.select(bucket.label("bucket"), _COUNT.label("number"), _WEIGHTED_SUM.label("weighted"))
    rows = await connection.execute(query.where(*_conditions(wanted)).group_by(bucket))
    found = {row.bucket: Felt(row.number, float(row.weighted)) for row in rows}
    return [(at, found.get(at, Felt())) for at in span.starts()]


async def by_score(connection: AsyncConnection, wanted: LogFilter) -> list[dict[str, Any]]:
    query = sa.select(feedback.c.value, _COUNT.label("total")).where(*_conditions(wanted)).group_by(feedback.c.value)
    return [{"score": row.value, "total": row.total} for row in await connection.execute(query.order_by("value"))]


async def by_model(connection: AsyncConnection, wanted: LogFilter) -> list[dict[str, Any]]:
    """By model: the feedback, not the requests, is what is counted."""
    felt = await by_column(connection, wanted, "model")
    points = [
        {"ai_model": model or None, "total": each.count, "avg_weighted_feedback": ratio(each.weighted, each.count)}
        for model, each in felt.items()
    ]
    return sorted(points, key=lambda point: -point["total"])


async def by_column(connection: AsyncConnection, wanted: LogFilter, name: str) -> Mapping[str, Felt]:
    """The feedback by a column of the request log, one of ``COLUMNS``, as ``as_value`` writes its values. A trace of
    several requests counts for each value once."""
    return await _by_value(connection, wanted, name, request_log.c[name])


async def by_member(
    connection: AsyncConnection, wanted: LogFilter, name: str, values: Sequence[str]
) -> Mapping[str, Felt]:
    """The feedback by the values of a member of metadata: by some ``values``, and maybe by others."""
    member, row = log_metadata.c, request_log.c
    is_of_row = Unindexed(member.workspace_id) == row.workspace_id, member.at == row.at, member.log_id == row.id
    value = sa.select(member.value).where(member.name == name, *is_of_row).limit(1)
    return await _by_value(connection, wanted, MEMBER + name, value.correlate(request_log).scalar_subquery(), values)


async def _by_value(
    connection: AsyncConnection,
    wanted: LogFilter,
    name: str,
    value: sa.ColumnElement[Any],
    values: Sequence[str] | None = None,
) -> Mapping[str, Felt]:
    """The feedback by a value of requests: that which is kept, and looked up what isn't yet
    (stores/sql/request_log/feedback_values.py). ``name`` is that of kept values, of which some ``values`` are enough;
    None: all are added up."""
    hours = await stale_hours(connection, wanted.workspaces) if wanted.has_only_time else []
    if not wanted.has_only_time or sum(hour.requests for hour in hours) > _MOST_STALE:
        conditions = [] if wanted.has_only_time else wanted.conditions(request_log)
        return await _looked_up(connection, name, value, is_about(), *_of_time(wanted), *conditions)
    kept, row = feedback_value.c, request_log.c
    query = sa.select(kept.value, _COUNT, sa.func.sum(kept.weighted)).group_by(kept.value)
    query = query.where(kept.name == name, *wanted.within(kept.created_at))
    if wanted.workspaces is not None:
        query = query.where(kept.workspace_id.in_(wanted.workspaces))
    if values is not None:
        query = query.where(kept.value.in_(values))
    parts = [{value: Felt(count, float(weighted)) for value, count, weighted in await connection.execute(query)}]
    workspace, created_at = Unindexed(feedback.c.workspace_id), Unindexed(feedback.c.created_at)
    unmatched = sa.literal_column(UNMATCHED), *_of_time(wanted, workspace)
    parts.append(await _looked_up(connection, name, value, is_about(), *unmatched))
    if hours:
        is_kept = sa.exists().where(
            kept.name == name,
            kept.created_at == feedback.c.created_at,
            kept.workspace_id == feedback.c.workspace_id,
            kept.feedback_id == feedback.c.id,
            kept.value == sa.func.coalesce(sa.cast(value, sa.Text), ""),
        )
        spans = spans_of(sorted({hour.start for hour in hours}))
        is_then = sa.or_(*(sa.and_(row.at >= since, row.at < until) for since, until in spans))
        conditions = [is_then, feedback.c.is_matched, *_of_time(wanted, workspace, created_at), sa.not_(is_kept)]
        parts.append(await _looked_up(connection, name, value, is_about(by_time=True), *conditions))
    felt: dict[str, Felt] = {}
    for part in parts:
        for each, more in part.items():
            known = felt.get(each, Felt())
            felt[each] = Felt(known.count + more.count, known.weighted + more.weighted)
    return felt


async def _looked_up(
    connection: AsyncConnection,
    name: str,
    value: sa.ColumnElement[Any],
    is_match: sa.ColumnElement[bool],
    *conditions: sa.ColumnElement[bool],
) -> dict[str, Felt]:
    """The feedback by a value of the requests that it is about, where conditions hold of both. ``name`` is that of kept
    values: a request without a column's value has an empty one, without a member it has none."""
    pieces = (
        sa.select(value.label("name"), feedback.c.id, WEIGHTED.label("weighted"))
        .distinct()
        .join_from(feedback, request_log, is_match)
        .where(*conditions)
        .subquery()
    )
    query = sa.select(pieces.c.name, _COUNT, sa.func.sum(pieces.c.weighted)).group_by(pieces.c.name)
    found = await connection.execute(query.where(pieces.c.name.is_not(None)) if name.startswith(MEMBER) else query)
    return {as_value(each): Felt(count, float(weighted)) for each, count, weighted in found}
