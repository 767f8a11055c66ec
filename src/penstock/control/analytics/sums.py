"""Sums over the request log, of what is added up by hour and day where that is enough, else of the rows themselves.

Source: docs/request-log.md#analytics.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.control.logs.filters import LogFilter
from penstock.control.refusal import Problem, invalid
from penstock.stores.sql.request_log.usage import DAY, HOUR
from penstock.stores.sql.request_log.usage_users import MONDAY, WEEK
from penstock.stores.sql.schema import request_log, total_day, total_hour, usage_day, usage_hour
from penstock.stores.sql.schema.request_log import LATENCY_BOUNDS, LATENCY_COUNTS

MINUTE: Final = 60_000_000
_SIZES: Final = ((2 * HOUR, MINUTE), (3 * DAY, HOUR), (90 * DAY, DAY))
"""The longest span that is told in buckets of a size; longer ones are told by the week."""
_LONGEST: Final = 10 * 366 * DAY
HITS: Final = ("HIT", "REPLAYED")
Number = int | float


class Span(msgspec.Struct, frozen=True):
    """A time in buckets of one size, all in microseconds. ``size`` is one of minute, hour, day and week."""

    since: int
    until: int
    size: int

    @property
    def offset(self) -> int:
        return MONDAY if self.size == WEEK else 0

    def starts(self) -> list[int]:
        """The beginnings of all buckets."""
        first = (self.since - self.offset) // self.size * self.size + self.offset
        return list(range(first, self.until, self.size))

    def start_of(self, at: int) -> int:
        """The beginning of the bucket in which a moment is."""
        return at - (at - self.offset) % self.size

    def bucket(self, column: sa.ColumnElement[int]) -> sa.ColumnElement[int]:
        """The beginning of the bucket in which a moment of a column is."""
        return column - (column - self.offset) % self.size


def span_of(wanted: LogFilter) -> Span:
    """The span of a filter that has both times. Raises Refusal."""
    since, until = wanted.since or 0, wanted.until or 0
    length = until - since
    if length > _LONGEST:
        raise invalid([Problem("/time_of_generation_min", "expected a span of at most ten years")])
    return Span(since, until, next((size for longest, size in _SIZES if length <= longest), WEEK))


class Source(msgspec.Struct, frozen=True):
    """Where sums come from: a table, the column of its times, the time that a row of it stands for (1: a moment)."""

    table: sa.Table
    when: Any
    length: int

    def conditions(self, wanted: LogFilter) -> list[sa.ColumnElement[bool]]:
        return [*wanted.conditions(self.table), *wanted.within(self.when, self.length)]

    def measure(self, name: str) -> sa.ColumnElement[Any]:
        """The sum of a measure over rows: a column of ``usage_hour``, ``hits`` or ``hit_latency``."""
        column = self.table.c
        if name in {"hits", "hit_latency"}:
            inner = self.each("requests" if name == "hits" else "latency")
            return total(sa.case((column.cache.in_(HITS), inner), else_=0))
        if name == "last_at":
            return sa.func.max(column["last_at" if "last_at" in column else "at"])
        return total(self.each(name))

    def each(self, name: str) -> sa.ColumnElement[Any]:
        """A measure of one row."""
        column = self.table.c
        if self.length > 1:
            return column[name]
        failed = column.status >= 400
        if name == "requests":
            return sa.literal(1)
        if name == "errors":
            return sa.case((failed, 1), else_=0)
        if name in {"retried", "fallbacks"}:
            happened = column.retries > 0 if name == "retried" else column.is_fallback
            return sa.case((sa.and_(happened, sa.not_(failed)), 1), else_=0)
        if name == "first_tokens":
            return sa.case((column.first_token.is_not(None), 1), else_=0)
        if name in LATENCY_COUNTS:
            return sa.case((_is_in(column.latency, LATENCY_COUNTS.index(name)), 1), else_=0)
        return sa.func.coalesce(column[name], 0)


def total(each: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """The sum of an expression over rows; 0 of none."""
    # PostgreSQL's sum of bigint is a numeric, which is slow and is read as Decimal: no sum here exceeds 64 bits.
    return sa.cast(sa.func.coalesce(sa.func.sum(each), 0), sa.BigInteger)


def _is_in(latency: sa.ColumnElement[int], number: int) -> sa.ColumnElement[bool]:
    """Whether a latency belongs to a count of the histogram."""
    conditions = []
    if number > 0:
        conditions.append(latency > LATENCY_BOUNDS[number - 1] * 1000)
    if number < len(LATENCY_BOUNDS):
        conditions.append(latency <= LATENCY_BOUNDS[number] * 1000)
    return sa.and_(*conditions)


def source_of(wanted: LogFilter, size: int) -> Source:
    """The smallest table that answers a filter in buckets of a size."""
    if not wanted.is_added_up or size < HOUR:
        return Source(request_log, request_log.c.at, 1)
    if size < DAY:
        return Source(usage_hour, usage_hour.c.start, HOUR)
    return Source(usage_day, usage_day.c.start, DAY)


def totals_of(wanted: LogFilter, size: int) -> Source:
    """As ``source_of``, for sums of all keys, providers, models and statuses together."""
    if not wanted.has_only_time or size < HOUR:
        return source_of(wanted, size)
    table, length = (total_hour, HOUR) if size < DAY else (total_day, DAY)
    return Source(table, table.c.start, length)


async def sums(
    connection: AsyncConnection,
    wanted: LogFilter,
    source: Source,
    by: Mapping[str, sa.ColumnElement[Any]],
    measures: Sequence[str],
) -> list[sa.Row[Any]]:
    """The sums of measures by the values of columns: each row has the members of ``by`` and of ``measures``."""
    groups = [column.label(name) for name, column in by.items()]
    columns = [source.measure(name).label(name) for name in measures]
    query = sa.select(*groups, *columns).where(*source.conditions(wanted)).group_by(*by.values())
    return list(await connection.execute(query))


async def series(
    connection: AsyncConnection, wanted: LogFilter, span: Span, measures: Sequence[str]
) -> list[tuple[int, dict[str, int]]]:
    """The sums of each bucket of a span, also of those without a request."""
    source = totals_of(wanted, span.size)
    rows = await sums(connection, wanted, source, {"bucket": span.bucket(source.when)}, measures)
    by_bucket = {row.bucket: row for row in rows}
    return [
        (start, {name: int(getattr(by_bucket[start], name)) if start in by_bucket else 0 for name in measures})
        for start in span.starts()
    ]


def added(points: Sequence[tuple[int, Mapping[str, int]]], name: str) -> int:
    """The sum of a measure over all buckets."""
    return sum(measured[name] for _, measured in points)


def ratio(number: Number, of: Number) -> float:
    """A quotient; 0 of nothing."""
    return round(number / of, 6) if of else 0.0


def quantile(counts: Sequence[int], share: float) -> float:
    """The latency in milliseconds below which a share of requests stays, by the histogram's counts: between two bounds
    it is taken to rise evenly. 0 without requests."""
    total = sum(counts)
    if not total:
        return 0.0
    wanted, seen = share * total, 0
    for number, count in enumerate(counts):
        if count and seen + count >= wanted:
            low = LATENCY_BOUNDS[number - 1] if number else 0
            if number == len(LATENCY_BOUNDS):
                return float(low)
            return round(low + (LATENCY_BOUNDS[number] - low) * (wanted - seen) / count, 3)
        seen += count
    return float(LATENCY_BOUNDS[-1])
