"""Which rows of the request log are meant: the filters of the list, of exports and of analytics, as conditions.

Source: docs/request-log.md#listing-get-v1logs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final, NamedTuple

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.control.actor import Actor
from penstock.control.members import is_plain
from penstock.control.plane import workspace_for
from penstock.control.refusal import Problem, Problems, invalid
from penstock.control.timestamps import parse
from penstock.core.json_text import read_json_or_none
from penstock.stores.sql.schema import feedback, log_metadata, request_log, usage_hour, workspace
from penstock.stores.sql.schema.request_log import COST_CLASS, UNUSUAL_STATUS, cost_class

_NANOS_OF_CENT: Final = 10_000_000
_MOST_VALUES: Final = 100
_MOST_NAMES: Final = 10
_FAILED: Final = 400
"""The lowest status of a request that failed."""
_LARGEST: Final = Decimal(2**62)
_NOT_PLAIN: Final = "it holds a character that no row has"
_TEXTS: Final = {
    "trace_id": "trace_id",
    "span_id": "span_id",
    "api_key_ids": "key_id",
    "virtual_keys": "virtual_key",
    "configs": "config",
    "providers": "provider",
    "models": "model",
}
"""Parameters that hold any of some texts, and their columns."""
_INDEXED: Final = ("trace_id", "key_id", "model", "provider")
_SPREAD: Final = frozenset({"key_id", "model", "provider"})
"""Columns whose indexes hold the rows of one value in the order of their time."""
_ORDINARY: Final = 200
"""The status that no index finds: nearly all rows have it."""
_COST_CLASS: Final[sa.ColumnElement[int]] = sa.literal_column(COST_CLASS)
_IS_UNUSUAL: Final[sa.ColumnElement[bool]] = sa.literal_column(UNUSUAL_STATUS)
_RANGES: Final = {
    "cost": ("amount", _NANOS_OF_CENT),
    "total_units": ("total_tokens", 1),
    "prompt_token": ("input_tokens", 1),
    "completion_token": ("output_tokens", 1),
}
"""Parameters with ``_min`` and ``_max``: the column, and what one of the parameter's units is there."""
_DEAREST: Final = 199
"""The highest class of a cost."""
_HIGHEST: Final = 999
"""The highest status of a row: clients may insert rows with any of three digits."""
_STATUS: Final = re.compile(r"([1-5])xx|[0-9]{1,3}", re.IGNORECASE)
_SUCCESS: Final = {"true": True, "1": True, "false": False, "0": False}
_CONDITIONS: Final = ("texts", "ranges", "statuses", "models", "metadata", "feedback", "is_empty")
NAMES: Final = frozenset(
    {
        *_TEXTS,
        *(f"{name}_{end}" for name in (*_RANGES, "time_of_generation", "weighted_feedback") for end in ("min", "max")),
        *("ai_org_model", "status_code", "cache_status", "metadata", "is_success", "prompt_slug"),
        *("workspace_id", "workspace_slug"),
    }
)
"""All parameters."""


class Spread(NamedTuple):
    """A column, and the values of it that meet a filter: an index holds the rows of each in the order of their time."""

    column: sa.ColumnElement[Any]
    values: range | tuple[str, ...]


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
    def _is_unusual(self) -> bool:
        """Whether it asks for statuses that hardly any row has."""
        if self.statuses:
            return not any(low <= _ORDINARY <= high for low, high in self.statuses)
        return self.is_success is False

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
        told = [name for name in _CONDITIONS if getattr(self, name)] + ["success"] * (self.is_success is not None)
        if self.workspaces is None or len(self.workspaces) != 1 or len(told) != 1:
            return None
        if told == ["texts"]:
            column, values = next(iter(self.texts.items()))
            is_spread = len(self.texts) == 1 and len(values) > 1 and column in _SPREAD
            return Spread(request_log.c[column], values) if is_spread else None
        if not self.has_ranges:
            return None
        if told == ["ranges"]:
            least, most = self.ranges["amount"]
            first = cost_class(max(least or 0, 0))
            last = _DEAREST if most is None else cost_class(max(most, 0))
            return Spread(_COST_CLASS, range(first, last + 1)) if len(self.ranges) == 1 and first <= last else None
        lows, highs = zip(*(self.statuses or ((_FAILED, _HIGHEST),)), strict=True)
        return Spread(request_log.c.status, range(min(lows), max(highs) + 1))

    def conditions(self, table: sa.Table, *, by_range: bool = False) -> list[sa.ColumnElement[bool]]:
        """The conditions but those of time on rows of ``request_log``, or, where ``is_added_up``, of ``usage_hour`` and
        ``usage_day``. ``by_range``: an index may find the rows of a range; else the rows are gone through in the order
        of their time."""
        told: list[sa.ColumnElement[bool]] = [sa.false()] if self.is_empty else []
        told += self._workspace(table)
        for name, values in self.texts.items():
            # Rows of several values would be sorted, all of them, if an index found them.
            is_sorted = not by_range and len(values) > 1 and name in _SPREAD and table is request_log
            told.append(_any_of(_plain(table.c[name]) if is_sorted else table.c[name], values))
        told += self._ranges(table, by_range=by_range)
        if self.models:
            pairs = [sa.and_(table.c.provider == each[0], table.c.model == each[1]) for each in self.models]
            told.append(sa.or_(*pairs))
        told += [_has_member(name, value) for name, value in self.metadata.items()]
        if self.feedback is not None:
            told.append(_has_feedback(self.feedback, self.workspaces))
        return told

    def _workspace(self, table: sa.Table) -> list[sa.ColumnElement[bool]]:
        if self.workspaces is None:
            return []
        # The indexes of traces and of keys are better than the one that begins with the workspace.
        is_found = "trace_id" in self.texts or "key_id" in self.texts
        return [_any_of(_plain(table.c.workspace_id) if is_found else table.c.workspace_id, self.workspaces)]

    def _ranges(self, table: sa.Table, *, by_range: bool) -> list[sa.ColumnElement[bool]]:
        told: list[sa.ColumnElement[bool]] = []
        for name, (least, most) in self.ranges.items():
            column = table.c[name] if by_range else table.c[name] + 0
            told += [column >= least] if least is not None else []
            told += [column <= most] if most is not None else []
            if by_range and name == "amount":
                told += [cost_class(max(least, 0)) <= _COST_CLASS] if least is not None else []
                told += [cost_class(max(most, 0)) >= _COST_CLASS] if most is not None else []
        if self._is_unusual and table is request_log:
            told.append(_IS_UNUSUAL)
        if self.statuses:
            status = table.c.status if by_range or self._is_one_status else table.c.status + 0
            told.append(sa.or_(*(_within(status, low, high) for low, high in self.statuses)))
        if self.is_success is not None:
            status = table.c.status if by_range else table.c.status + 0
            told.append(status < _FAILED if self.is_success else status >= _FAILED)
        return told

    def of_spread(self) -> list[sa.ColumnElement[bool]]:
        """The conditions on rows that have one of the values of ``spread``."""
        least, most = self.ranges.get("amount", (None, None))
        amount = request_log.c.amount
        told = self._workspace(request_log)
        told += [amount >= least] if least is not None else []
        told += [amount <= most] if most is not None else []
        return told if self.ranges else [*told, *self._ranges(request_log, by_range=False)]

    def of_ranges(self) -> list[sa.ColumnElement[bool]]:
        """The conditions on the workspace and of ranges, for an index."""
        only = LogFilter(ranges=self.ranges, statuses=self.statuses, is_success=self.is_success)
        return msgspec.structs.replace(only, workspaces=self.workspaces).conditions(request_log, by_range=True)

    def within(self, column: sa.ColumnElement[int], length: int = 1) -> list[sa.ColumnElement[bool]]:
        """The conditions of time. Of a column that holds beginnings of spans, ``length`` is that of a span: one that
        begins before the time counts as a whole."""
        told: list[sa.ColumnElement[bool]] = []
        if self.since is not None:
            told.append(column >= self.since // length * length)
        if self.until is not None:
            told.append(column < self.until)
        return told


def _any_of(column: sa.ColumnElement[Any], values: tuple[str, ...]) -> sa.ColumnElement[bool]:
    return column == values[0] if len(values) == 1 else column.in_(values)


def _plain(column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """A column as an expression, for which no index is used."""
    return sa.func.coalesce(column, "")


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


def _has_feedback(
    limits: tuple[float | None, float | None], workspaces: tuple[str, ...] | None
) -> sa.ColumnElement[bool]:
    """Whether the mean of the feedback on a row's trace, within the row's workspace, is between two numbers."""
    least, most = limits
    mean = sa.func.sum(feedback.c.value * feedback.c.weight) / sa.func.count()
    # Callers choose the names of traces: the same name in another workspace is another trace.
    pairs = feedback.c.workspace_id, feedback.c.trace_id
    traces = sa.select(*pairs).group_by(*pairs)
    traces = traces if workspaces is None else traces.where(feedback.c.workspace_id.in_(workspaces))
    traces = traces.having(mean >= least) if least is not None else traces
    traces = traces.having(mean <= most) if most is not None else traces
    return sa.tuple_(request_log.c.workspace_id, request_log.c.trace_id).in_(traces)


def read_filter(query: Mapping[str, str], *, needs_time: bool = False) -> LogFilter:
    """The filter of a query. Raises Refusal, with all problems."""
    problems = Problems()
    for name, text in query.items():
        if not is_plain(text):
            problems.append(Problem(f"/{name}", _NOT_PLAIN))
    reader = _Reader(query, problems)
    told = LogFilter(
        reader.timestamp("time_of_generation_min"),
        reader.timestamp("time_of_generation_max"),
        {column: values for name, column in _TEXTS.items() if (values := reader.values(name))} | reader.cache(),
        reader.ranges(),
        reader.statuses(),
        reader.models(),
        reader.metadata(),
        reader.feedback(),
        reader.success(),
        bool(query.get("prompt_slug")),
        query.get("workspace_id") or query.get("workspace_slug"),
    )
    for name in ("time_of_generation_min", "time_of_generation_max") if needs_time else ():
        if name not in query:
            problems.append(Problem(f"/{name}", "missing: a time such as 2026-02-01T00:00:00Z"))
    if told.since is not None and told.until is not None and told.since >= told.until:
        problems.append(Problem("/time_of_generation_max", "it must be later than time_of_generation_min"))
    if problems:
        raise invalid(problems)
    return told


class _Reader:
    """Reads the parameters of a query; what is wrong with one is added to ``problems``."""

    def __init__(self, query: Mapping[str, str], problems: Problems) -> None:
        self._query = query
        self._problems = problems

    def _complain(self, name: str, text: str) -> None:
        self._problems.append(Problem(f"/{name}", text))

    def values(self, name: str) -> tuple[str, ...]:
        texts = tuple(text.strip() for text in self._query.get(name, "").split(",") if text.strip())
        if len(texts) > _MOST_VALUES:
            self._complain(name, f"expected at most {_MOST_VALUES} values")
        return tuple(text.removeprefix("@") for text in texts) if name == "virtual_keys" else texts

    def timestamp(self, name: str) -> int | None:
        return self._read(name, parse)

    def number(self, name: str, unit: int) -> int | None:
        def read(text: str) -> int:
            try:
                number = Decimal(text) * unit
            except ArithmeticError:  # no number, or one whose exponent is
                raise ValueError("expected a number") from None
            if not number.is_finite() or abs(number) > _LARGEST:
                raise ValueError("expected a number that is not so large")
            return int(number)

        return self._read(name, read)

    def _read(self, name: str, read: Callable[[str], int]) -> int | None:
        if name not in self._query:
            return None
        try:
            return read(self._query[name])
        except ValueError as error:
            self._complain(name, str(error))
            return None

    def ranges(self) -> dict[str, tuple[int | None, int | None]]:
        told = {}
        for name, (column, unit) in _RANGES.items():
            limits = self.number(f"{name}_min", unit), self.number(f"{name}_max", unit)
            if limits != (None, None):
                told[column] = limits
        return told

    def cache(self) -> dict[str, tuple[str, ...]]:
        values = self.values("cache_status")
        return {"cache": tuple(value.upper() for value in values)} if values else {}

    def statuses(self) -> tuple[tuple[int, int], ...]:
        told = []
        for text in self.values("status_code"):
            found = _STATUS.fullmatch(text)
            if found is None:
                self._complain("status_code", "expected statuses such as 429 or 5xx, separated by commas")
            elif found[1]:
                told.append((int(found[1]) * 100, int(found[1]) * 100 + 99))
            else:
                told.append((int(text), int(text)))
        return tuple(told)

    def models(self) -> tuple[tuple[str, str], ...]:
        pairs = [text.partition("__") for text in self.values("ai_org_model")]
        if not all(middle and model for _, middle, model in pairs):
            self._complain("ai_org_model", "expected PROVIDER__MODEL, separated by commas")
        return tuple((provider, model) for provider, _, model in pairs)

    def metadata(self) -> dict[str, str]:
        text = self._query.get("metadata")
        if not text:
            return {}
        value = read_json_or_none(text.encode())
        if not isinstance(value, dict) or len(value) > _MOST_NAMES:
            self._complain("metadata", f'expected JSON such as {{"team": "search"}} with at most {_MOST_NAMES} names')
            return {}
        told = {str(name): str(each) for name, each in value.items()}
        if not all(map(is_plain, (*told, *told.values()))):
            self._complain("metadata", _NOT_PLAIN)
            return {}
        return told

    def feedback(self) -> tuple[float | None, float | None] | None:
        low, high = (self.number(f"weighted_feedback_{end}", 1_000_000) for end in ("min", "max"))
        if low is None and high is None:
            return None
        return None if low is None else low / 1e6, None if high is None else high / 1e6

    def success(self) -> bool | None:
        text = self._query.get("is_success")
        if text is None:
            return None
        if text.lower() not in _SUCCESS:
            self._complain("is_success", "expected true or false")
        return _SUCCESS.get(text.lower())


async def for_actor(connection: AsyncConnection, actor: Actor, wanted: LogFilter) -> LogFilter:
    """The filter within what an actor sees. Raises Refusal for a workspace that is not the actor's."""
    if actor.workspace_id is not None or wanted.workspace is not None:
        ids: tuple[str, ...] = (await workspace_for(connection, actor, wanted.workspace),)
        return msgspec.structs.replace(wanted, workspaces=ids)
    # Where there is one workspace, naming it lets indexes find rows in their order.
    known = tuple((await connection.execute(sa.select(workspace.c.id).limit(2))).scalars())
    return msgspec.structs.replace(wanted, workspaces=known) if len(known) == 1 else wanted
