"""A filter of the request log made narrower by sums by day, before any row is read: the days on which there are such
rows, and which condition's index finds the fewest.

Where many rows meet each of two conditions, and few meet both, a database reads all rows of one condition. The sums by
day tell in milliseconds how many rows meet each of them, and both together. Of the cache's answers there is no index,
but there are sums, too: days without one are not read.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.control.logs.candidates import FEW
from penstock.control.logs.filters import LogFilter
from penstock.stores.sql.request_log.usage import DAY
from penstock.stores.sql.schema import feedback, total_day, usage_day


async def narrowed(connection: AsyncConnection, wanted: LogFilter) -> LogFilter:
    """A filter that finds the same rows: its time begins and ends with the days that have such rows; where they are
    few, it says how many there are at most, and by which column's index they are found. Rows with feedback are found by
    their traces, where these are few. ``wanted`` comes from ``for_actor``; it comes back where nothing helps."""
    if wanted.feedback is not None and "trace_id" not in wanted.texts:
        wanted = await _of_few_traces(connection, wanted)
    parts = wanted.summed_parts
    are_compared = len(parts) > 1
    is_known = are_compared or "cache" in wanted.texts
    if not is_known or wanted.workspaces is None or "trace_id" in wanted.texts:
        return wanted
    table = usage_day if parts or wanted.models else total_day
    day, within = table.c, wanted.within(table.c.start, DAY)
    sums = sa.select(day.start, sa.func.sum(day.requests).label("requests")).group_by(day.start)
    days = (await connection.execute(sums.where(*within, *wanted.summed.conditions(table)))).all()
    if not days:
        return msgspec.structs.replace(wanted, is_empty=True)
    begins = [row.start for row in days]
    since, until = max(wanted.since or 0, min(begins)), max(begins) + DAY
    narrow = msgspec.structs.replace(wanted, since=since, until=min(wanted.until or until, until))
    most = int(sum(row.requests for row in days))
    if most > FEW or not are_compared:
        return narrow
    return msgspec.structs.replace(narrow, most=most, found_by=await _rarest(connection, narrow, parts))


async def _of_few_traces(connection: AsyncConnection, wanted: LogFilter) -> LogFilter:
    """A filter that finds rows with feedback by their traces, where there are few pieces of feedback at all."""
    pieces = sa.select(feedback.c.trace_id)
    if wanted.workspaces is not None:
        pieces = pieces.where(feedback.c.workspace_id.in_(wanted.workspaces))
    traces = list((await connection.execute(pieces.limit(FEW + 1))).scalars())
    if len(traces) > FEW:
        return wanted
    texts = {**wanted.texts, "trace_id": tuple(dict.fromkeys(traces))}
    return msgspec.structs.replace(wanted, texts=texts, is_empty=wanted.is_empty or not traces)


async def _rarest(connection: AsyncConnection, wanted: LogFilter, parts: Mapping[str, LogFilter]) -> str:
    """The column of the condition that the fewest rows meet within a filter's time and workspaces."""
    requests = usage_day.c.requests
    cases = [sa.case((sa.and_(*part.conditions(usage_day)), requests), else_=0) for part in parts.values()]
    of_workspaces = LogFilter(workspaces=wanted.workspaces).conditions(usage_day)
    query = sa.select(*map(sa.func.sum, cases)).where(*wanted.within(usage_day.c.start, DAY), *of_workspaces)
    counts = (await connection.execute(query)).one()
    return min(zip(counts, parts, strict=True))[1]
