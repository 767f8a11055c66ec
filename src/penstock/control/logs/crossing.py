"""The moments of rows that meet conditions which many rows meet each, and maybe hardly any together: members of
metadata and values of indexed columns, such as a team and the key of another one. No sum tells how many meet both.

Indexes hold the rows of each condition in the order of their time. The rarest condition's is gone through, the others'
are asked whether they have such a moment: no row of the table is read until it is known which are shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.control.logs.candidates import FEW, Place
from penstock.control.logs.filters import LogFilter
from penstock.control.logs.reach import CROSSED, Sums, reach_of, sums_of, units_within
from penstock.stores.sql.request_log.usage import DAY
from penstock.stores.sql.schema import log_metadata, request_log


class Part(NamedTuple):
    """A condition that an index answers: the moment of its entry, what holds of it, the sums of such requests."""

    at: sa.ColumnElement[int]
    conditions: Sequence[sa.ColumnElement[bool]]
    sums: Sums

    def requests(self, wanted: LogFilter) -> sa.Select[Any]:
        """How many such requests there were on the days of a filter."""
        day: Any = self.sums.day.c
        total = sa.func.coalesce(sa.func.sum(day.requests), 0)
        return sa.select(total).where(*self.sums.of_day, *units_within(self.sums.day, wanted, DAY))


class Crossing(NamedTuple):
    """The conditions, the one that the fewest rows meet first."""

    parts: Sequence[Part]

    async def newest(
        self, connection: AsyncConnection, wanted: LogFilter, after: Place | None, limit: int
    ) -> list[int]:
        """The newest moments at which each condition is met, in microseconds since 1970: of one row or, hardly ever, of
        several. After a place, if there is one."""
        (at, conditions, _), *others = self.parts
        query = sa.select(at).where(*conditions, *wanted.within(at))
        query = query.where(*(sa.exists().where(each.at == at, *each.conditions) for each in others))
        if after is not None:
            query = query.where(at <= after.at)
        return list((await connection.execute(query.order_by(at.desc()).limit(limit))).scalars())

    async def reach(self, connection: AsyncConnection, wanted: LogFilter, after: Place | None) -> int | None:
        """The moment from which on the entries of the rarest condition are few enough for a page; None: all are."""
        return await reach_of(connection, wanted, after, self.parts[0].sums, CROSSED)


async def crossing_of(connection: AsyncConnection, wanted: LogFilter) -> Crossing | None:
    """How the moments of a filter's rows are found; None: it has no two such conditions with a member among them, or
    one of them finds few rows. The filter is one of ``narrowed``."""
    of_columns = _columns(wanted)
    if not wanted.metadata or wanted.workspaces is None or len(wanted.workspaces) != 1:
        return None
    if len(of_columns) + len(wanted.metadata) < 2 or wanted.most is not None or wanted.is_empty:
        return None
    parts = [_of_member(wanted, *each) for each in wanted.metadata.items()] + of_columns
    for part in parts:
        some = sa.select(part.at).where(*part.conditions, *wanted.within(part.at)).limit(FEW + 1)
        if (await connection.execute(sa.select(sa.func.count()).select_from(some.subquery()))).scalar_one() <= FEW:
            return None
    counts = [int((await connection.execute(part.requests(wanted))).scalar_one()) for part in parts]
    return Crossing([parts[number] for number in sorted(range(len(parts)), key=counts.__getitem__)])


def _columns(wanted: LogFilter) -> list[Part]:
    """The condition on a column whose index holds the rows of one value in the order of their time: the first of
    several, which sums have compared already (narrowing.py)."""
    parts = []
    for name, each in wanted.summed_parts.items():
        if not each.is_of_one_value:
            continue
        # The index of keys begins with the key: the workspace would be looked up in the table.
        of_workspace = msgspec.structs.replace(each, workspaces=wanted.workspaces)
        conditions = (each if name == "key_id" else of_workspace).conditions(request_log)
        parts.append(Part(request_log.c.at, conditions, sums_of(of_workspace)))
    return parts[:1]


def _of_member(wanted: LogFilter, name: str, value: str) -> Part:
    member = log_metadata.alias().c
    conditions = [member.workspace_id.in_(wanted.workspaces or ()), member.name == name, member.value == value]
    return Part(member.at, conditions, sums_of(wanted, (name, value)))
