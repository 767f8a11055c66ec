"""What the sums by day say of a list before rows are read: when there are any, and which index finds the fewest.

Two conditions that many rows meet each and few together would have all rows of one of them read. The sums count both,
and both together, in milliseconds.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.control.logs.candidates import FEW
from penstock.control.logs.filters import LogFilter
from penstock.stores.sql.request_log.usage import DAY
from penstock.stores.sql.schema import usage_day


async def narrowed(connection: AsyncConnection, wanted: LogFilter) -> LogFilter:
    """The same rows as a filter that says more: no time before the first and after the last day that has any; where
    they are few, how many at most, and the column whose index finds them. The filter is one of ``for_actor``."""
    parts = wanted.summed_parts
    if len(parts) < 2 or wanted.workspaces is None or "trace_id" in wanted.texts:
        return wanted
    day, within = usage_day.c, wanted.within(usage_day.c.start, DAY)
    sums = sa.select(day.start, sa.func.sum(day.requests).label("requests")).group_by(day.start)
    days = (await connection.execute(sums.where(*within, *wanted.summed.conditions(usage_day)))).all()
    if not days:
        return msgspec.structs.replace(wanted, is_empty=True)
    begins = [row.start for row in days]
    since, until = max(wanted.since or 0, min(begins)), max(begins) + DAY
    narrow = msgspec.structs.replace(wanted, since=since, until=min(wanted.until or until, until))
    most = int(sum(row.requests for row in days))
    if most > FEW:
        return narrow
    return msgspec.structs.replace(narrow, most=most, found_by=await _rarest(connection, narrow, parts))


async def _rarest(connection: AsyncConnection, wanted: LogFilter, parts: Mapping[str, LogFilter]) -> str:
    """The column of the condition that the fewest rows meet within a filter's time and workspaces."""
    requests = usage_day.c.requests
    cases = [sa.case((sa.and_(*part.conditions(usage_day)), requests), else_=0) for part in parts.values()]
    of_workspaces = LogFilter(workspaces=wanted.workspaces).conditions(usage_day)
    query = sa.select(*map(sa.func.sum, cases)).where(*wanted.within(usage_day.c.start, DAY), *of_workspaces)
    counts = (await connection.execute(query)).one()
    return min(zip(counts, parts, strict=True))[1]
