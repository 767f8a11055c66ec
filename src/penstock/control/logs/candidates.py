"""The moments of the rows that a page of the request log can hold, told by indexes alone: the table itself is read for
rows that are shown, and not to find out which these are.

A list has its rows in the order of their time, and so has an index the rows of one value. A filter that several values
meet, a range of costs say, has the newest rows of each value merged: that takes no longer where the rows that meet it
are all of last month.
"""

from __future__ import annotations

import heapq
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.control.logs.filters import LogFilter, Spread
from penstock.stores.sql.schema import request_log

FEW: Final = 2000
"""Rows that are looked up one by one for a page."""


class Place(msgspec.Struct, frozen=True):
    """A row as a list's place: the next page begins after it."""

    at: int
    id: str

    def is_before(self, at: sa.ColumnElement[int], id_: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
        """Whether a row comes after this place in a list, which begins with the newest row."""
        return sa.and_(at <= self.at, sa.or_(at < self.at, id_ < self.id))


async def moments_of_page(
    connection: AsyncConnection, wanted: LogFilter, after: Place | None, size: int
) -> list[int] | None:
    """Moments, in microseconds since 1970, that hold all rows of a page, and maybe others. None: no index tells them.
    The filter is one of ``for_actor``."""
    spread = wanted.spread
    if spread is not None:
        return await _newest(connection, wanted, spread, after, size)
    return await moments_within(connection, wanted)


async def moments_within(connection: AsyncConnection, wanted: LogFilter) -> list[int] | None:
    """The moments of all rows within the filter's time and one of its ranges of costs and statuses, or both. None: it
    has no such ranges, or more than ``FEW`` rows are in them."""
    if not wanted.has_ranges:
        return None
    at = request_log.c.at
    for part in wanted.of_ranges:
        conditions = part.conditions(request_log, by_range=True)
        query = sa.select(at).where(*conditions, *wanted.within(at)).limit(FEW + 1)
        moments = list((await connection.execute(query)).scalars())
        if len(moments) <= FEW:
            return moments
    return None


async def _newest(
    connection: AsyncConnection, wanted: LogFilter, spread: Spread, after: Place | None, size: int
) -> list[int]:
    """The moments of the newest rows that have one of some values."""
    row, value = request_log.c, _values(spread)
    newest = sa.select(row.at).where(spread.column == value.c.value, *wanted.of_spread(), *wanted.within(row.at))
    if after is not None:
        newest = newest.where(after.is_before(row.at, row.id))
    some = newest.order_by(row.at.desc()).limit(size).correlate(value).subquery()
    # One text for each value: SQLite has no LATERAL, which would give them as rows.
    joined = sa.select(sa.func.aggregate_strings(sa.cast(some.c.at, sa.Text), ",")).correlate(value).scalar_subquery()
    texts = (await connection.execute(sa.select(joined).select_from(value))).scalars()
    return heapq.nlargest(size, (int(moment) for text in texts if text for moment in text.split(",")))


def _values(spread: Spread) -> sa.CTE:
    """A table of the values, with the one column ``value``."""
    if isinstance(spread.values, range):
        first, last = spread.values[0], spread.values[-1]
        number: Any = sa.select(sa.literal(first).label("value")).cte("spread", recursive=True)
        return sa.CTE.union_all(number, sa.select(number.c.value + 1).where(number.c.value < last))
    named = [sa.select(sa.literal(each).label("value")) for each in dict.fromkeys(spread.values)]
    return sa.union_all(*named).cte("spread")
