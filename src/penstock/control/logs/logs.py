"""The request log: listed, read."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.control.actor import Actor
from penstock.control.logs.candidates import FEW, Place, moments_of_page, moments_within
from penstock.control.logs.crossing import crossing_of
from penstock.control.logs.filter_reader import read_filter
from penstock.control.logs.filters import LogFilter, for_actor
from penstock.control.logs.narrowing import narrowed
from penstock.control.logs.reach import CROSSED, READ, reach_of, reach_of_costs, sums_of
from penstock.control.logs.rows import COLUMNS, entry, item
from penstock.control.pages import page_of
from penstock.control.plane import ControlPlane, organisation_id
from penstock.control.refusal import Problem, absent, invalid
from penstock.control.timestamps import as_text
from penstock.core.json_text import read_json_or_none
from penstock.stores.sql.ids import new_id, span_of
from penstock.stores.sql.index_hints import Unindexed, read_by_index
from penstock.stores.sql.request_log.stored_content import StoredContent, unpacked
from penstock.stores.sql.schema import feedback, log_metadata, request_content, request_log, workspace

DEFAULT_PAGE: Final = 50
COUNTED: Final = 10_000
"""Rows up to which a list is counted."""
_MOST_FEEDBACK: Final = 100
_LONGEST_MOMENT: Final = 19
"""Digits of a moment in a cursor."""


async def list_logs(plane: ControlPlane, actor: Actor, query: Mapping[str, str]) -> dict[str, Any]:
    """A page of rows, the newest first. Raises Refusal."""
    wanted, after = read_filter(query), read_cursor(query.get("cursor"))
    size = page_of({name: query[name] for name in ("page_size",) if name in query}, DEFAULT_PAGE).size
    async with plane.database.read() as connection:
        wanted = await for_actor(connection, actor, wanted)
        rows, since = await search(connection, wanted, after, size + 1, is_bounded=True)
        total = None
        if query.get("count", "").lower() in {"true", "1"}:
            counted = wanted if since is None else msgspec.structs.replace(wanted, since=since)
            total = await count_up_to(connection, counted, COUNTED + 1)
    shown, is_full = rows[:size], len(rows) > size
    end = _last(shown[-1]) if is_full else None if since is None else Place(since, new_id(since, 0))
    return {
        "object": "list",
        "data": [item(row) for row in shown],
        "has_more": end is not None,
        "next_cursor": None if end is None else _cursor(end),
        "searched_since": None if since is None or is_full else as_text(since),
        "total": None if total is None else min(total, COUNTED),
        "total_is_capped": total is not None and (total > COUNTED or since is not None),
    }


def _last(row: sa.Row[Any]) -> Place:
    return Place(row.at, row.id)


class Searched(NamedTuple):
    """Rows in the order of the list, and the moment from which on they were sought; None: in all of the filter's
    time."""

    rows: Sequence[sa.Row[Any]]
    since: int | None = None


async def rows_of(
    connection: AsyncConnection, wanted: LogFilter, after: Place | None, size: int
) -> Sequence[sa.Row[Any]]:
    """Rows in the order of the list, after a place. The filter is one of ``for_actor``."""
    return (await search(connection, wanted, after, size, is_bounded=False)).rows


async def search(
    connection: AsyncConnection, wanted: LogFilter, after: Place | None, size: int, *, is_bounded: bool
) -> Searched:
    """Rows after a place. ``is_bounded``: where many rows would be read to find these, only some are (reach.py). The
    filter is one of ``for_actor``."""
    wanted = await narrowed(connection, wanted)
    since = await reach_of_costs(connection, wanted, after) if is_bounded else None
    wanted = wanted if since is None else msgspec.structs.replace(wanted, since=since)
    moments = await moments_of_page(connection, wanted, after, size)
    if moments is not None:
        return Searched(await _rows(connection, wanted, _of_moments(wanted, moments), after, size), since)
    is_reached = False
    if (crossing := await crossing_of(connection, wanted)) is not None:
        if is_bounded and (reached := await crossing.reach(connection, wanted, after)) is not None:
            is_reached, since = True, reached
            wanted = msgspec.structs.replace(wanted, since=since)
        for limit in (size, FEW):
            moments = await crossing.newest(connection, wanted, after, limit)
            rows = await _rows(connection, wanted, _of_moments(wanted, moments), after, size)
            # Fewer rows than moments: they don't meet all else that is asked for.
            if len(rows) == size or len(moments) < limit:
                return Searched(rows, since)
    if not is_bounded or is_reached:
        return Searched(await _rows(connection, wanted, await _found(connection, wanted), after, size), since)
    wanted = _by_failures(wanted)
    found = await _found(connection, wanted)
    if not found.are_few and wanted.is_read:
        are_next = found.member is None and wanted.found_column is None
        most = READ if are_next and wanted.feedback is None else CROSSED
        reached = await reach_of(connection, wanted, after, sums_of(wanted, found.member), most)
        if reached is not None:
            since = reached
            wanted = msgspec.structs.replace(wanted, since=since)
            await read_by_index(connection)
    return Searched(await _rows(connection, wanted, found, after, size), since)


def _by_failures(wanted: LogFilter) -> LogFilter:
    """A filter whose rows are found by the index of statuses, where they have to be read and are those of failures: in
    the order of their time all others would be read."""
    is_by_status = wanted.is_read and wanted.is_of_failures and not wanted.metadata
    return msgspec.structs.replace(wanted, found_by="status") if is_by_status else wanted


async def _rows(
    connection: AsyncConnection, wanted: LogFilter, found: _Found, after: Place | None, size: int
) -> Sequence[sa.Row[Any]]:
    query = sa.select(*[found.columns[column.name] for column in COLUMNS]).select_from(found.source)
    # The index of times would find all rows of a time, that of statuses hardly any.
    at = Unindexed(found.at) if wanted.found_by == "status" else found.at
    query = query.where(*found.conditions, *wanted.within(at))
    if after is not None:
        query = query.where(after.is_before(at, found.id))
    # Few rows are found by an index and sorted; of many the newest are met soon in the order of their time.
    is_sorted = found.are_few or "trace_id" in wanted.texts or wanted.found_by is not None
    order = found.at + 0 if is_sorted else found.at
    return (await connection.execute(query.order_by(order.desc(), found.id.desc()).limit(size))).all()


async def _counted(connection: AsyncConnection, table: sa.Table, conditions: Sequence[sa.ColumnElement[bool]]) -> int:
    """The number of rows that an index finds, or a little more than ``FEW``."""
    some = sa.select(sa.literal(1)).select_from(table).where(*conditions).limit(FEW + 1)
    return int((await connection.execute(sa.select(sa.func.count()).select_from(some.subquery()))).scalar_one())


class _Found(NamedTuple):
    """What rows are read from, the columns of a row, those that they are ordered by, and the conditions on them."""

    source: sa.FromClause
    columns: Any
    at: sa.ColumnElement[int]
    id: sa.ColumnElement[str]
    conditions: list[sa.ColumnElement[bool]]
    are_few: bool = False
    member: tuple[str, str] | None = None
    """The member of metadata by which they are found."""


def _of_moments(wanted: LogFilter, moments: Sequence[int]) -> _Found:
    """The rows of a filter that are of some moments."""
    row, found = request_log.c, msgspec.structs.replace(wanted, found_by="at")
    is_then = [row.at.in_(moments), row.at.between(min(moments), max(moments))] if moments else [sa.false()]
    return _Found(request_log, row, row.at, row.id, [*is_then, *found.conditions(request_log)], are_few=True)


async def _found(connection: AsyncConnection, wanted: LogFilter) -> _Found:
    """How the rows of a filter are found. Those with a member of metadata are found by the table of members, which
    holds the rows of one member in the order of the list; by the rarest of several, unless the rows that have all else
    are few."""
    row, plain = request_log.c, msgspec.structs.replace(wanted, metadata={})
    is_by_row = not wanted.metadata or wanted.workspaces is None
    if wanted.most is not None:
        is_by_row = True
    elif not is_by_row and plain.is_indexed:
        by_range = plain.conditions(request_log, by_range=True)
        if await _counted(connection, request_log, by_range) <= FEW:
            conditions = wanted.conditions(request_log, by_range=True)
            return _Found(request_log, row, row.at, row.id, conditions, are_few=True)
    if is_by_row:
        return _Found(request_log, row, row.at, row.id, wanted.conditions(request_log))
    found = {each: _of_member(wanted, *each) for each in wanted.metadata.items()}
    rarest = next(iter(found))
    if len(found) > 1:
        counts = {each: await _counted(connection, log_metadata, found[each]) for each in found}
        rarest = min(counts, key=counts.__getitem__)
    others = {name: value for name, value in wanted.metadata.items() if name != rarest[0]}
    rest = msgspec.structs.replace(wanted, metadata=others).conditions(request_log)
    member, conditions = log_metadata.c, found[rarest]
    same = row.at == member.at, row.id == member.log_id
    if connection.dialect.name != "postgresql":
        source: sa.FromClause = log_metadata.join(request_log, sa.and_(*same))
        return _Found(source, row, member.at, member.log_id, [*conditions, *rest], member=rarest)
    # PostgreSQL believes that the join finds one row, and would read all rows of a common member to sort them. A
    # subquery with a limit is looked up row by row, in the order of the members.
    each = sa.select(request_log).where(*same, *rest).limit(1).lateral("found")
    source = log_metadata.join(each, sa.true())
    return _Found(source, each.c, member.at, member.log_id, conditions, member=rarest)


def _of_member(wanted: LogFilter, name: str, value: str) -> list[sa.ColumnElement[bool]]:
    """The conditions on a row of the table of members."""
    member = log_metadata.c
    return [member.workspace_id.in_(wanted.workspaces or ()), member.name == name, member.value == value]


async def count_up_to(connection: AsyncConnection, wanted: LogFilter, most: int) -> int:
    """The number of rows, at most ``most``. The filter is one of ``for_actor``."""
    wanted = await narrowed(connection, wanted)
    if wanted.spread is not None:
        row = request_log.c
        found = _Found(request_log, row, row.at, row.id, wanted.conditions(request_log, by_range=True))
    else:
        moments = await moments_within(connection, wanted)
        if moments is None and (crossing := await crossing_of(connection, wanted)) is not None:
            newest = await crossing.newest(connection, wanted, None, FEW + 1)
            moments = newest if len(newest) <= FEW else None
        found = await _found(connection, _by_failures(wanted)) if moments is None else _of_moments(wanted, moments)
    conditions = *found.conditions, *wanted.within(found.at)
    some = sa.select(sa.literal(1)).select_from(found.source).where(*conditions).limit(most)
    return int((await connection.execute(sa.select(sa.func.count()).select_from(some.subquery()))).scalar_one())


async def read_log(plane: ControlPlane, actor: Actor, id_: str) -> dict[str, Any]:
    """One row with its attempts, its content and the feedback on its trace. Raises Refusal."""
    span = span_of(id_)
    if span is None:
        raise absent("log", id_)
    query = sa.select(request_log).where(request_log.c.at >= span[0], request_log.c.at < span[1])
    query = query.where(request_log.c.id == id_)
    if actor.workspace_id is not None:
        query = query.where(request_log.c.workspace_id == actor.workspace_id)
    async with plane.database.read() as connection:
        row = (await connection.execute(query)).one_or_none()
        if row is None:
            raise absent("log", id_)
        organisation = await organisation_id(connection)
        slugs = sa.select(workspace.c.slug).where(workspace.c.id == row.workspace_id)
        slug = (await connection.execute(slugs)).scalar() or ""
        return entry(row, organisation, slug, await _content(connection, row), await _feedback(connection, row))


async def _content(connection: AsyncConnection, row: sa.Row[Any]) -> StoredContent | None:
    if not row.has_content:
        return None
    content = request_content.c
    query = sa.select(content.body).where(content.at == row.at, content.log_id == row.id)
    body = (await connection.execute(query)).scalar()
    return None if body is None else unpacked(bytes(body))


async def _feedback(connection: AsyncConnection, row: sa.Row[Any]) -> list[dict[str, Any]]:
    query = (
        sa.select(feedback)
        .where(feedback.c.trace_id == row.trace_id, feedback.c.workspace_id == row.workspace_id)
        .order_by(feedback.c.created_at.desc())
        .limit(_MOST_FEEDBACK)
    )
    return [
        {
            "id": each.id,
            "value": each.value,
            "weight": each.weight,
            "metadata": read_json_or_none(each.metadata.encode()),
            "created_at": as_text(each.created_at),
        }
        for each in await connection.execute(query)
    ]


def _cursor(place: Place) -> str:
    return base64.urlsafe_b64encode(f"{place.at}.{place.id}".encode()).decode().rstrip("=")


def read_cursor(text: str | None) -> Place | None:
    """The place that a cursor names. Raises Refusal."""
    if text is None:
        return None
    try:
        plain = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except (ValueError, binascii.Error):
        plain = ""
    at, _, id_ = plain.partition(".")
    if span_of(id_) is None or not (at.isascii() and at.isdigit() and len(at) < _LONGEST_MOMENT):
        raise invalid([Problem("/cursor", "expected next_cursor of a page of this list")])
    return Place(int(at), id_)
