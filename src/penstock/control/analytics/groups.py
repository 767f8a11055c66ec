"""Requests, cost and tokens by user, model, workspace, key, provider, status or a member of metadata, in pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.control.actor import Actor
from penstock.control.analytics.feedback import Felt, by_column
from penstock.control.analytics.feedback import by_member as feedback_by_member
from penstock.control.analytics.sums import Source, ratio, source_of, span_of, total
from penstock.control.analytics.user_lines import cover_of, lines
from penstock.control.logs.filter_reader import read_filter
from penstock.control.logs.filters import LogFilter, for_actor
from penstock.control.logs.rows import cents, milliseconds
from penstock.control.pages import Page, as_list
from penstock.control.plane import ControlPlane
from penstock.control.refusal import absent
from penstock.control.timestamps import as_text
from penstock.stores.sql.index_hints import Unindexed, read_serially
from penstock.stores.sql.request_log.feedback_values import as_value
from penstock.stores.sql.request_log.usage import DAY, HOUR
from penstock.stores.sql.request_log.usage_users import USER
from penstock.stores.sql.schema import api_key, log_metadata, request_log, usage_metadata, workspace

_COLUMNS: Final = {
    "ai-models": ("ai_model", "model"),
    "workspaces": ("workspace", "workspace_id"),
    "api-keys": ("api_key", "key_id"),
    "providers": ("provider", "provider"),
    "status-codes": ("status_code", "status"),
}
"""The groups by a column: the member that names a group, and the column."""
GROUPS: Final = ("users", *_COLUMNS)
_SPELLINGS: Final = {"user": "users", "ai_model": "ai-models", "ai_models": "ai-models", "model": "ai-models",
                     "workspace": "workspaces", "api_key": "api-keys", "api_keys": "api-keys", "provider": "providers",
                     "status_code": "status-codes", "status_codes": "status-codes"}  # fmt: skip
_MEASURES: Final = ("requests", "errors", "amount", "total_tokens", "latency", "last_at")

_AT_ONCE: Final = 500
"""Groups of one query: it names each of them once for each kind of line, and each span of rows."""


async def group(plane: ControlPlane, actor: Actor, name: str, query: Mapping[str, str], page: Page) -> dict[str, Any]:
    """A page of groups by one of ``GROUPS``, the ones with the most requests first. Raises Refusal."""
    name = _SPELLINGS.get(name, name)
    if name == "users":
        return await by_member(plane, actor, USER, query, page, "user")
    if name not in _COLUMNS:
        raise absent("group", name)
    member, column = _COLUMNS[name]
    wanted = read_filter(query, needs_time=True)
    size = span_of(wanted).size
    async with plane.database.read() as connection:
        wanted = await for_actor(connection, actor, wanted)
        source = source_of(wanted, size)
        number, rows = await _page(connection, source, wanted, source.table.c[column], page)
        felt = await by_column(connection, wanted, column)
        names = await _names(connection, name, [row.name for row in rows])
    items = [{**_item(member, row, felt.get(as_value(row.name))), **names.get(row.name, {})} for row in rows]
    return as_list(number, items)


async def by_member(
    plane: ControlPlane, actor: Actor, name: str, query: Mapping[str, str], page: Page, member: str = "metadata_value"
) -> dict[str, Any]:
    """A page of groups by a member of the metadata. Raises Refusal."""
    wanted = read_filter(query, needs_time=True)
    size = span_of(wanted).size
    async with plane.database.read() as connection:
        wanted = await for_actor(connection, actor, wanted)
        if wanted.has_only_time and size >= HOUR and (name == USER or size < DAY):
            number, rows = await _page_of_lines(connection, wanted, size, name, page)
        elif wanted.has_only_time and size >= DAY:
            source = Source(usage_metadata, usage_metadata.c.start, DAY)
            number, rows = await _page(
                connection, source, wanted, usage_metadata.c.value, page, usage_metadata.c.name == name
            )
        else:
            number, rows = await _page_of_rows(connection, wanted, name, page)
        felt = await feedback_by_member(connection, wanted, name, [row.name for row in rows])
    return as_list(number, [_item(member, row, felt.get(as_value(row.name))) for row in rows])


async def _page_of_lines(
    connection: AsyncConnection, wanted: LogFilter, size: int, name: str, page: Page
) -> tuple[int, Sequence[sa.Row[Any]]]:
    """A page of many groups. Which ones these are is told by their requests alone, of all lines; what else is told of a
    group is added up of the lines of the page's."""
    cover = await cover_of(connection, wanted, size, name)
    await read_serially(connection)
    each = lines(wanted, cover, name).c
    ranked = sa.select(each.value.label("name"), total(each.requests).label("requests")).group_by(each.value)
    number, ranking = await _cut(connection, ranked, page)
    known: dict[str, sa.Row[Any]] = {}
    for first in range(0, len(ranking), _AT_ONCE):
        names = [row.name for row in ranking[first : first + _AT_ONCE]]
        each = lines(wanted, cover, name, _MEASURES, names).c
        measures = [total(each[measure]).label(measure) for measure in _MEASURES[:-1]]
        last = sa.func.max(each.last_at).label("last_at")
        groups = sa.select(each.value.label("name"), *measures, last).group_by(each.value)
        known |= {group.name: group for group in await connection.execute(groups)}
    return number, [known[row.name] for row in ranking]


async def _page(
    connection: AsyncConnection,
    source: Source,
    wanted: LogFilter,
    column: sa.ColumnElement[Any],
    page: Page,
    *conditions: sa.ColumnElement[bool],
) -> tuple[int, Sequence[sa.Row[Any]]]:
    measures = [source.measure(name).label(name) for name in _MEASURES]
    groups = sa.select(column.label("name"), *measures).where(*source.conditions(wanted), *conditions).group_by(column)
    return await _cut(connection, groups, page)


async def _page_of_rows(
    connection: AsyncConnection, wanted: LogFilter, name: str, page: Page
) -> tuple[int, Sequence[sa.Row[Any]]]:
    source = Source(request_log, request_log.c.at, 1)
    member, row = log_metadata.c, request_log.c
    measures = [source.measure(each).label(each) for each in _MEASURES]
    joined = log_metadata.join(request_log, sa.and_(row.at == member.at, row.id == member.log_id))
    groups = sa.select(member.value.label("name"), *measures).select_from(joined).group_by(member.value)
    # Of a short time, SQLite's index of times finds fewer rows than the one that begins with workspace and name.
    groups = groups.where(Unindexed(member.name) == name, *wanted.within(member.at), *source.conditions(wanted))
    return await _cut(connection, groups, page)


async def _cut(connection: AsyncConnection, groups: sa.Select[Any], page: Page) -> tuple[int, Sequence[sa.Row[Any]]]:
    """The number of all groups, and those of a page. Adding up is what takes long: it is done once."""
    inner = groups.subquery()
    counted = sa.select(inner, sa.func.count().over().label("groups"))
    ordered = counted.order_by(sa.desc("requests"), sa.asc("name")).limit(page.size).offset(page.number * page.size)
    rows = (await connection.execute(ordered)).all()
    if rows or not page.number:
        return int(rows[0].groups) if rows else 0, rows
    return int((await connection.execute(sa.select(sa.func.count()).select_from(inner))).scalar_one()), rows


async def _names(connection: AsyncConnection, group_name: str, ids: Sequence[Any]) -> dict[Any, dict[str, Any]]:
    """Further members of groups whose name is an id: the name of a key, the slug of a workspace."""
    tables = {"api-keys": (api_key.c.id, api_key.c.name, "api_key_name"),
              "workspaces": (workspace.c.id, workspace.c.slug, "workspace_slug")}  # fmt: skip
    if group_name not in tables or not ids:
        return {}
    id_, shown, member = tables[group_name]
    found = await connection.execute(sa.select(id_.label("id"), shown.label("shown")).where(id_.in_(ids)))
    return {row.id: {member: row.shown} for row in found}


def _item(member: str, row: sa.Row[Any], felt: Felt | None) -> dict[str, Any]:
    felt = felt or Felt()
    return {
        "object": "analytics-group",
        member: None if row.name == "" else row.name,
        "requests": row.requests,
        "errors": row.errors,
        "cost": cents(row.amount),
        "tokens": row.total_tokens,
        "avg_tokens": ratio(row.total_tokens, row.requests),
        "avg_latency": milliseconds(ratio(row.latency, row.requests)),
        "avg_weighted_feedback": ratio(felt.weighted, felt.count),
        "requests_with_feedback": felt.count,
        "last_seen": as_text(row.last_at),
    }
