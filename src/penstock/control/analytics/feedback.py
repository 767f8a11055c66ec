"""What users thought of answers, over time and by model: feedback, joined to the request log by the trace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.control.analytics.sums import Span, ratio
from penstock.control.logs.filters import LogFilter
from penstock.stores.sql.schema import feedback, request_log

_WEIGHTED = sa.func.coalesce(sa.func.sum(feedback.c.value * feedback.c.weight), 0.0)
_COUNT = sa.func.count()


class Felt(msgspec.Struct, frozen=True):
    """Pieces of feedback, and the sum of value times weight."""

    count: int = 0
    weighted: float = 0.0


_IS_ABOUT = sa.and_(
    request_log.c.trace_id == feedback.c.trace_id, request_log.c.workspace_id == feedback.c.workspace_id
)
"""Whether a row of the request log is one that a piece of feedback is about."""


def _of_time(wanted: LogFilter) -> list[sa.ColumnElement[bool]]:
    """Feedback of a time and of workspaces."""
    conditions = wanted.within(feedback.c.created_at)
    if wanted.workspaces is not None:
        conditions.append(feedback.c.workspace_id.in_(wanted.workspaces))
    return conditions


def _conditions(wanted: LogFilter) -> list[sa.ColumnElement[bool]]:
    """Feedback of a time and of workspaces; with any further filter, feedback on a request that it means."""
    if wanted.has_only_time:
        return _of_time(wanted)
    return [*_of_time(wanted), sa.exists().where(_IS_ABOUT, *wanted.conditions(request_log))]


async def by_bucket(connection: AsyncConnection, wanted: LogFilter, span: Span) -> list[tuple[int, Felt]]:
    """The feedback in each bucket of a span, with the moment at which the bucket begins (microseconds since 1970)."""
    bucket = span.bucket(feedback.c.created_at)
    query = sa.select(bucket.label("bucket"), _COUNT.label("number"), _WEIGHTED.label("weighted"))
    rows = await connection.execute(query.where(*_conditions(wanted)).group_by(bucket))
    found = {row.bucket: Felt(row.number, float(row.weighted)) for row in rows}
    return [(at, found.get(at, Felt())) for at in span.starts()]


async def by_score(connection: AsyncConnection, wanted: LogFilter) -> list[dict[str, Any]]:
    query = sa.select(feedback.c.value, _COUNT.label("total")).where(*_conditions(wanted)).group_by(feedback.c.value)
    return [{"score": row.value, "total": row.total} for row in await connection.execute(query.order_by("value"))]


async def by_model(connection: AsyncConnection, wanted: LogFilter) -> list[dict[str, Any]]:
    """By model: the feedback, not the requests, is what is counted."""
    felt = await by_column(connection, wanted, request_log.c.model)
    points = [
        {"ai_model": model, "total": each.count, "avg_weighted_feedback": ratio(each.weighted, each.count)}
        for model, each in felt.items()
    ]
    return sorted(points, key=lambda point: -point["total"])


async def by_column(
    connection: AsyncConnection, wanted: LogFilter, column: sa.ColumnElement[Any]
) -> Mapping[Any, Felt]:
    """The feedback by a column of the request log. A trace of several requests counts for each value once."""
    pieces = (
        sa.select(column.label("name"), feedback.c.id, feedback.c.value, feedback.c.weight)
        .distinct()
        .join_from(feedback, request_log, _IS_ABOUT)
        .where(*_of_time(wanted), *([] if wanted.has_only_time else wanted.conditions(request_log)))
        .subquery()
    )
    weighted = sa.func.sum(pieces.c.value * pieces.c.weight)
    query = sa.select(pieces.c.name, _COUNT.label("number"), weighted.label("weighted")).group_by(pieces.c.name)
    return {row.name: Felt(row.number, float(row.weighted)) for row in await connection.execute(query)}
