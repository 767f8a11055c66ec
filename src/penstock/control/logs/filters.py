"""Which rows of the request log are meant: the filters of the list, of exports and of analytics, as conditions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.control.actor import Actor
from penstock.control.plane import workspace_for
from penstock.stores.sql.index_hints import IS_TOLD_UNUSUAL, Unindexed
from penstock.stores.sql.schema import feedback, log_metadata, request_log, usage_hour, workspace
from penstock.stores.sql.schema.request_log import COST_CLASS, UNUSUAL_STATUS, cost_class

_FAILED: Final = 400
"""The lowest status of a request that failed."""
_INDEXED: Final = ("trace_id", "key_id", "model", "provider")
"""Columns that have an index of their own."""
_SPREAD: Final = frozenset({"key_id", "model", "provider"})
"""Columns whose indexes hold the rows of one value in the order of their time."""
_FOUND_WITHOUT_WORKSPACE: Final = frozenset({"trace_id", "key_id", "at"})
"""Columns by which rows are found faster than by an index that begins with the workspace."""
_ORDINARY: Final = 200
"""The status that no index finds: nearly all rows have it."""
_COST_CLASS: Final[sa.ColumnElement[int]] = sa.literal_column(COST_CLASS)
_IS_UNUSUAL: Final[sa.ColumnElement[bool]] = sa.literal_column(UNUSUAL_STATUS)
_DEAREST: Final = 199
"""The highest class of a cost."""
_HIGHEST: Final = 999
"""The highest status of a row: clients may insert rows with any of three digits."""
_MOST_NAMED: Final = 300
"""Values that a query names one by one."""
_CONDITIONS: Final = ("texts", "ranges", "statuses", "models", "metadata", "feedback", "is_empty")
"""Members of a filter that are a condition each, beside time, workspace and success."""


class Spread(NamedTuple):
    """A column, and the values of it that meet a filter: an index holds the rows of each in the order of their time."""

    column: sa.ColumnElement[Any]
    values: range | tuple[str, ...] | tuple[int, ...]


class LogFilter(msgspec.Struct, frozen=True):
    """Conditions, which all hold. ``since`` and ``until`` are microseconds since 1970, the second excluded. ``texts``
    are any of some values by column; ``ranges`` lowest and highest value by column; ``statuses`` are ranges of
    statuses, of which one holds; ``models`` pairs of provider and model."""

    since: int | None = None
    until: int | None = None
    texts: Mapping[str, tuple[str, ...]] = {}
    ranges: Mapping[str, tuple[int | None, int | None]] = {}
    statuses: tuple[tuple[int, int], ...] = ()
    models: tuple[tuple[str, str], ...] = ()
    metadata: Mapping[str, str] = {}
    feedback: tuple[float | None, float | None] | None = None
    is_success: bool | None = None
    is_empty: bool = False
    workspace: str | None = None
    """The id or the slug of the workspace, as it is named."""
    workspaces: tuple[str, ...] | None = None
    """The ids of the workspaces; None: all."""
    most: int | None = None
    """How many rows there are at most, where sums say that they are few."""
    found_by: str | None = None
    """The column whose index finds the rows (``key_id``, ``model``, ``status``; ``at``: they are gone through in the
    order of time), while no other index is used; None: the database chooses."""

    @property
    def is_added_up(self) -> bool:
        """Whether all that it asks for is a column of what is added up by hour and day."""
        known = all(column in usage_hour.c for column in self.texts)
        return known and not (self.ranges or self.metadata or self.feedback or self.is_empty)

    @property
    def has_only_time(self) -> bool:
        """Whether it asks for nothing but a time and a workspace."""
        return not (self.texts or self.statuses or self.models or self.is_success is not None) and self.is_added_up

    @property
    def is_indexed(self) -> bool:
        """Whether an index finds the rows of one of its values: a trace, a key, a model, a provider, a status."""
        return self._is_unusual or any(name in _INDEXED for name in self.texts)

    @property
    def is_read(self) -> bool:
        """Whether rows have to be read to know whether they meet it: no index holds just these in the order of their
        time, nor do sums tell all it asks for. All but that of keys begin with the workspace."""
        if "trace_id" in self.texts or self.is_empty:
            return False
        if any(name not in _INDEXED for name in self.texts) or self.ranges.keys() - {"amount"}:
            return True
        asked = [self.statuses, self.models, self.feedback is not None, self.is_success is not None]
        number = len(self.texts) + len(self.ranges) + len(self.metadata) + sum(map(bool, asked))
        has_several = any(len(values) > 1 for values in self.texts.values())
        if self.workspaces is None:
            return number > 1 or (number == 1 and (has_several or "key_id" not in self.texts))
        return self.feedback is not None or (number > 1 and bool(has_several or self.metadata or self.ranges))

    @property
    def _is_unusual(self) -> bool:
        """Whether it asks for statuses that hardly any row has."""
        if self.statuses:
            return not any(low <= _ORDINARY <= high for low, high in self.statuses)
        return self.is_success is False

    @property
    def is_of_one_value(self) -> bool:
        """Whether one value of each column meets it."""
        is_status = self._is_one_status or not (self.statuses or self.is_success is not None)
        return is_status and all(len(values) == 1 for values in self.texts.values())

    @property
    def summed_parts(self) -> dict[str, LogFilter]:
        """The conditions for which there are both an index and sums by day: each as a filter of its own, by column."""
        parts = {name: LogFilter(texts={name: values}) for name, values in self.texts.items() if name in _SPREAD}
        if self._is_unusual:
            parts["status"] = LogFilter(statuses=self.statuses, is_success=self.is_success)
        return parts

    @property
    def found_column(self) -> str | None:
        """The column of the one of ``summed_parts`` whose index finds the rows, one value's in the order of their time;
        None if none does."""
        if self.found_by in self.summed_parts:
            return self.found_by
        for name, each in self.summed_parts.items():
            is_found = each.is_of_one_value or name == "status"
            if is_found and (self.workspaces is not None or name == "key_id"):
                return name
        return None

    @property
    def found_part(self) -> LogFilter:
        """That one of ``summed_parts``; of nothing if no index finds the rows."""
        return LogFilter() if self.found_column is None else self.summed_parts[self.found_column]

    @property
    def is_of_failures(self) -> bool:
        """Whether the index of statuses finds the rows, and not in the order of their time: those of several."""
        return self.found_column == "status" and not self._is_one_status

    @property
    def summed(self) -> LogFilter:
        """A filter of all of ``summed_parts`` together, of pairs and of the cache's answer, within the workspaces of
        this filter."""
        texts = {name: values for name, values in self.texts.items() if name in _SPREAD or name == "cache"}
        status = LogFilter(statuses=self.statuses, is_success=self.is_success) if self._is_unusual else LogFilter()
        return msgspec.structs.replace(status, texts=texts, models=self.models, workspaces=self.workspaces)

    @property
    def has_ranges(self) -> bool:
        """Whether it asks for ranges of costs or statuses within one workspace: rows that may be many or few."""
        is_range = self._is_unusual and not self._is_one_status
        return self.workspaces is not None and (is_range or "amount" in self.ranges)

    @property
    def _is_one_status(self) -> bool:
        return len(self.statuses) == 1 and self.statuses[0][0] == self.statuses[0][1]

    @property
    def spread(self) -> Spread | None:
        """What the filter asks for beside time and workspace, where that is one condition and several values of one
        indexed column meet it."""
        members = [name for name in _CONDITIONS if getattr(self, name)] + ["success"] * (self.is_success is not None)
        if self.workspaces is None or len(self.workspaces) != 1 or len(members) != 1:
            return None
        if members == ["texts"]:
            column, values = next(iter(self.texts.items()))
            is_spread = len(self.texts) == 1 and len(values) > 1 and column in _SPREAD
            return Spread(request_log.c[column], values) if is_spread else None
        if not self.has_ranges:
            return None
        if members == ["ranges"]:
            classes = self._cost_classes
            return Spread(_COST_CLASS, classes) if len(self.ranges) == 1 and classes else None
        return Spread(request_log.c.status, _each(self.statuses or ((_FAILED, _HIGHEST),)))

    @property
    def _cost_classes(self) -> range:
        """The classes of the costs within the range."""
        least, most = self.ranges["amount"]
        last = _DEAREST if most is None else cost_class(max(most, 0))
        return range(cost_class(max(least or 0, 0)), last + 1)

    @property
    def cut_cost_classes(self) -> frozenset[int]:
        """The classes of costs of which the range leaves some out: an index holds all rows of a class."""
        least, most = self.ranges.get("amount", (None, None))
        begins = least if least is not None and least > 0 and cost_class(least - 1) == cost_class(least) else None
        ends = most if most is not None and most >= 0 and cost_class(most + 1) == cost_class(most) else None
        return frozenset(cost_class(each) for each in (begins, ends) if each is not None)

    def of_cost_class(self, number: int, workspace: str) -> list[sa.ColumnElement[bool]]:
        """The conditions on rows of a workspace whose costs are of a class."""
        row, its_class = request_log.c, _COST_CLASS
        return [row.workspace_id == workspace, its_class == number, row.amount.is_not(None), *self.within(row.at)]

    def conditions(self, table: sa.Table, *, by_range: bool = False) -> list[sa.ColumnElement[bool]]:
        """The conditions but those of time on rows of ``request_log``, or, where ``is_added_up``, of ``usage_hour`` and
        ``usage_day``. ``by_range``: an index may find the rows of a range; else the rows are gone through in the order
        of their time."""
        conditions: list[sa.ColumnElement[bool]] = [sa.false()] if self.is_empty else []
        conditions += self._workspace(table)
        for name, values in self.texts.items():
            # Rows of several values would be sorted, all of them, if an index found them.
            is_sorted = not by_range and len(values) > 1 and name in _SPREAD and table is request_log
            has_no_index = self.found_by != name if self.found_by else is_sorted
            conditions.append(_any_of(Unindexed(table.c[name]) if has_no_index else table.c[name], values))
        conditions += self._ranges(table, by_range=by_range or self.found_by == "status")
        if self.models:
            pairs = [sa.and_(table.c.provider == each[0], table.c.model == each[1]) for each in self.models]
            conditions.append(sa.or_(*pairs))
        conditions += [_has_member(name, value) for name, value in self.metadata.items()]
        if self.feedback is not None:
            conditions.append(_has_feedback(self.feedback))
        return conditions

    def _workspace(self, table: sa.Table) -> list[sa.ColumnElement[bool]]:
        if self.workspaces is None:
            return []
        columns = {self.found_by} if self.found_by else self.texts.keys()
        is_found = not columns.isdisjoint(_FOUND_WITHOUT_WORKSPACE)
        return [_any_of(Unindexed(table.c.workspace_id) if is_found else table.c.workspace_id, self.workspaces)]

    def _ranges(self, table: sa.Table, *, by_range: bool, is_spread: bool = False) -> list[sa.ColumnElement[bool]]:
        conditions: list[sa.ColumnElement[bool]] = []
        for name, (least, most) in self.ranges.items():
            may_find_range = by_range and self.found_by is None
            column = table.c[name] if may_find_range else Unindexed(table.c[name])
            conditions += [column >= least] if least is not None else []
            conditions += [column <= most] if most is not None else []
            if may_find_range and name == "amount":
                # Each class by itself: the index then finds those of a time among the rows of a class.
                conditions.append(_COST_CLASS.in_(self._cost_classes))
        may_find = self.found_by in {None, "status"}
        if self._is_unusual and table is request_log and may_find:
            conditions.append(_IS_UNUSUAL if is_spread else IS_TOLD_UNUSUAL)
        if self.statuses:
            status = table.c.status if may_find and (by_range or self._is_one_status) else Unindexed(table.c.status)
            conditions.append(sa.or_(*(_within(status, low, high) for low, high in self.statuses)))
        if self.is_success is not None:
            status = table.c.status if by_range and may_find else Unindexed(table.c.status)
            conditions.append(status < _FAILED if self.is_success else status >= _FAILED)
        return conditions

    def of_spread(self) -> list[sa.ColumnElement[bool]]:
        """The conditions on rows that have one of the values of ``spread``."""
        least, most = self.ranges.get("amount", (None, None))
        amount = request_log.c.amount
        conditions = self._workspace(request_log)
        conditions += [amount >= least] if least is not None else []
        conditions += [amount <= most] if most is not None else []
        return conditions if self.ranges else [*conditions, *self._ranges(request_log, by_range=False, is_spread=True)]

    @property
    def of_ranges(self) -> list[LogFilter]:
        """Its ranges of costs and of statuses, each for an index; then both together."""
        statuses = LogFilter(statuses=self.statuses, is_success=self.is_success) if self._is_unusual else None
        costs = LogFilter(ranges={"amount": self.ranges["amount"]}) if "amount" in self.ranges else None
        both = [] if costs is None or statuses is None else [msgspec.structs.replace(statuses, ranges=costs.ranges)]
        parts = [each for each in (costs, statuses) if each is not None] + both
        return [msgspec.structs.replace(each, workspaces=self.workspaces) for each in parts]

    def within(self, column: sa.ColumnElement[int], length: int = 1) -> list[sa.ColumnElement[bool]]:
        """The conditions of time. Of a column that holds beginnings of spans, ``length`` is that of a span: one that
        begins before the time counts as a whole."""
        conditions: list[sa.ColumnElement[bool]] = []
        if self.since is not None:
            conditions.append(column >= self.since // length * length)
        if self.until is not None:
            conditions.append(column < self.until)
        return conditions


def _any_of(column: sa.ColumnElement[Any], values: tuple[str, ...]) -> sa.ColumnElement[bool]:
    return column == values[0] if len(values) == 1 else column.in_(values)


def _each(ranges: Sequence[tuple[int, int]]) -> range | tuple[int, ...]:
    """The values in some ranges: all from the first to the last one where they are many, those between among them."""
    values = sorted({value for low, high in ranges for value in range(low, high + 1)})
    whole = range(values[0], values[-1] + 1)
    return whole if len(values) > _MOST_NAMED or len(values) == len(whole) else tuple(values)


def _within(column: sa.ColumnElement[int], low: int, high: int) -> sa.ColumnElement[bool]:
    return column == low if low == high else column.between(low, high)


def _has_member(name: str, value: str) -> sa.ColumnElement[bool]:
    """Whether a row's metadata has a member: a look-up by the row's key."""
    member = log_metadata.alias().c
    return sa.exists().where(
        member.workspace_id == request_log.c.workspace_id,
        member.name == name,
        member.value == value,
        member.at == request_log.c.at,
        member.log_id == request_log.c.id,
    )


def _has_feedback(limits: tuple[float | None, float | None]) -> sa.ColumnElement[bool]:
    """Whether the mean of the feedback on a row's trace, within the row's workspace, is between two numbers: a look-up
    for each row. As a set of traces to be in, it is made anew for many rows where the database believes them few."""
    least, most = limits
    mean = sa.func.sum(feedback.c.value * feedback.c.weight) / sa.func.count()
    # Callers choose the names of traces: the same name in another workspace is another trace.
    is_of_workspace = Unindexed(feedback.c.workspace_id) == request_log.c.workspace_id
    pieces = sa.select(mean).where(feedback.c.trace_id == request_log.c.trace_id, is_of_workspace)
    of_trace = pieces.correlate(request_log).scalar_subquery()
    if least is not None and most is not None:
        return of_trace.between(least, most)
    return of_trace >= least if least is not None else of_trace <= most


async def for_actor(connection: AsyncConnection, actor: Actor, wanted: LogFilter) -> LogFilter:
    """The filter within what an actor sees. Raises Refusal for a workspace that is not the actor's."""
    if actor.workspace_id is not None or wanted.workspace is not None:
        ids: tuple[str, ...] = (await workspace_for(connection, actor, wanted.workspace),)
        return msgspec.structs.replace(wanted, workspaces=ids)
    # Where there is one workspace, naming it lets indexes find rows in their order.
    known = tuple((await connection.execute(sa.select(workspace.c.id).limit(2))).scalars())
    return msgspec.structs.replace(wanted, workspaces=known) if len(known) == 1 else wanted
