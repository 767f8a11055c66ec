"""What is added up of the request log: by hour and by day, and by day for each member of requests' metadata."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from itertools import repeat
from operator import itemgetter
from typing import Any, Final

import sqlalchemy as sa

from penstock.stores.sql.repeated import RepeatedStatement, Row, Rows
from penstock.stores.sql.request_log.entry import OWN, LogEntry
from penstock.stores.sql.schema import request_log, total_day, total_hour, usage_day, usage_hour, usage_metadata
from penstock.stores.sql.schema.request_log import FEW_MEASURES, LATENCY_BOUNDS, LATENCY_COUNTS, MEASURES

HOUR: Final = 3_600_000_000
"""Microseconds."""
DAY: Final = 24 * HOUR
_BOUNDS: Final = [bound * 1000 for bound in LATENCY_BOUNDS]
_LAST: Final = "last_at"
FAILED: Final = 400
"""The lowest status of a request that failed, in the eyes of its caller."""
_LARGEST: Final = (1 << 63) - 1

Measures = list[int]
"""What is added, in the order of ``MEASURES`` or ``FEW_MEASURES``; of the last one the largest is kept."""
Key = tuple[Any, ...]
"""Values of a primary key."""


class Sums:
    """Adds up rows of the request log, each once."""

    def __init__(self) -> None:
        self._alike: defaultdict[Key, list[Row]] = defaultdict(list)
        """The values of rows that are added up (``_ADDED_UP``), by the texts and the status that their sums are told
        apart by."""
        self._members: dict[Key, Measures] = {}

    def add(self, rows: Sequence[Row]) -> None:
        """Add rows, whose values are in the order of the table's columns."""
        alike = self._alike
        for kind, values in zip(map(_kind_of, rows), map(_values_of, rows), strict=True):
            alike[kind].append(values)

    def add_shared(self, shared: Row, own: Sequence[Row]) -> None:
        """Add rows whose values are ``shared``, but for those of the columns of ``OWN``, which are each row's ``own``.
        What is added up they have of their own, but for the two last: a request that was retried has a row by
        itself."""
        columns = dict(zip(OWN, zip(*own, strict=True), strict=True))
        several = [*[columns[name] for name in _OWN_ADDED_UP], *map(repeat, map(shared.__getitem__, _SHARED_ADDED_UP))]
        self._alike[_kind_of(shared)] += zip(*several, strict=False)

    def add_members(self, row: LogEntry, workspace: str, metadata: Mapping[str, str]) -> None:
        """Add the members of metadata that a row of a workspace is added up by."""
        measures = [1, int(is_error(row.status)), row.total_tokens, row.amount or 0, row.latency, row.at]
        for name, value in metadata.items():
            _merge(self._members, (workspace, name, row.at // DAY * DAY, value), measures)

    def rows(self) -> list[Rows]:
        """What is to be added to the tables of sums."""
        hours: dict[Key, Measures] = {}
        for (workspace, key, provider, model, status, cache), rows in self._alike.items():
            for start, some in _by_hour(rows).items():
                _merge(
                    hours, (start, workspace, key or "", provider or "", model or "", status, cache or ""),
                    _measures(some, is_good=not is_error(status)),
                )  # fmt: skip
        days: dict[Key, Measures] = {}
        for (start, *rest), measures in hours.items():
            _merge(days, (start // DAY * DAY, *rest), measures)
        sums = (
            (usage_hour, hours),
            (usage_day, days),
            (total_hour, _of_all(hours)),
            (total_day, _of_all(days)),
            (usage_metadata, self._members),
        )
        # In the order of the key: two workers that add to the same rows wait for each other, and never both.
        return [
            Rows(_ADDED[table.name], [(*key, *measures) for key, measures in sorted(some.items())])
            for table, some in sums
        ]


def _by_hour(rows: list[Row]) -> Mapping[int, list[Row]]:
    """Rows by the beginning of their hour."""
    starts = {row[0] // HOUR for row in rows}
    if len(starts) == 1:
        return {starts.pop() * HOUR: rows}
    return {start * HOUR: [row for row in rows if row[0] // HOUR == start] for start in starts}


def _measures(rows: Sequence[Row], *, is_good: bool) -> Measures:
    """The sums of rows: column by column, which the interpreter does without a step for each row."""
    count = len(rows)
    columns = dict(zip(_ADDED_UP, zip(*rows, strict=True), strict=True))
    first_tokens = [value for value in columns["first_token"] if value is not None]
    latencies = [0] * len(LATENCY_COUNTS)
    for bucket, number in Counter(map(bisect_left, repeat(_BOUNDS), columns["latency"])).items():
        latencies[bucket] = number
    return [
        count,
        0 if is_good else count,
        *[sum(columns[name]) for name in _TOKENS],
        min(sum(filter(None, columns["amount"])), _LARGEST),
        min(sum(columns["saved"]), _LARGEST),
        sum(columns["latency"]),
        sum(first_tokens),
        len(first_tokens),
        sum(map(bool, columns["retries"])) if is_good else 0,
        sum(columns["is_fallback"]) if is_good else 0,
        *latencies,
        max(columns["at"]),
    ]


def _getter(*names: str) -> Callable[[Row], tuple[Any, ...]]:
    """What takes the values of some columns out of a row."""
    return itemgetter(*(request_log.c.keys().index(name) for name in names))


_kind_of: Final = _getter("workspace_id", "key_id", "provider", "model", "status", "cache")
_TOKENS: Final = ("input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens", "total_tokens")
_OWN_ADDED_UP: Final = ("at", *_TOKENS, "amount", "saved", "latency", "first_token")
_ADDED_UP: Final = (*_OWN_ADDED_UP, "retries", "is_fallback")
_SHARED_ADDED_UP: Final = tuple(map(request_log.c.keys().index, ("retries", "is_fallback")))
_values_of: Final = _getter(*_ADDED_UP)


def _of_all(sums: Mapping[Key, Measures]) -> dict[Key, Measures]:
    """The sums of all keys, providers, models and statuses together."""
    totals: dict[Key, Measures] = {}
    for (start, workspace, *_, cache), measures in sums.items():
        _merge(totals, (start, workspace, cache), measures)
    return totals


def is_error(status: int) -> bool:
    """Whether a request failed, in the eyes of its caller."""
    return status >= FAILED


def _merge(sums: dict[Key, Measures], key: Key, measures: Measures) -> None:
    before = sums.get(key)
    sums[key] = measures if before is None else [*map(_added, before[:-1], measures), max(before[-1], measures[-1])]


def _added(one: int, other: int) -> int:
    """A sum as a column holds it."""
    return min(one + other, _LARGEST)


def _statement(table: sa.Table, names: Sequence[str]) -> RepeatedStatement:
    """The statement that adds to the rows of a table; its columns are the key's, then ``names``."""
    key = [column.name for column in table.primary_key]

    def make(insert: Any) -> sa.Insert:
        new = insert(table)
        added = {name: table.c[name] + new.excluded[name] for name in names if name != _LAST}
        last, later = table.c[_LAST], new.excluded[_LAST]
        added[_LAST] = sa.case((last > later, last), else_=later)
        statement: sa.Insert = new.on_conflict_do_update(index_elements=key, set_=added)
        return statement

    return RepeatedStatement((*key, *names), make)


_ADDED: Final = {
    usage_hour.name: _statement(usage_hour, MEASURES),
    usage_day.name: _statement(usage_day, MEASURES),
    total_hour.name: _statement(total_hour, MEASURES),
    total_day.name: _statement(total_day, MEASURES),
    usage_metadata.name: _statement(usage_metadata, FEW_MEASURES),
}
