"""Policies: limits for the requests that meet conditions. Make, list, read, change, archive; what each value has used.

A policy's definition has the members of limits/policy_definition.py. ``usage`` policies are budgets, ``rate`` policies
rates. All functions work within the transaction of ``connection``; those that change something need one of
``Database.change``. Amounts are in the unit of the policy's ``credit_limit``: dollars, tokens or requests.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.control.limits.limits import LimitsRefused, next_reset
from penstock.core.json_text import write_json
from penstock.core.money import LARGEST, dollars_number
from penstock.limits.counters import Counters
from penstock.limits.limit import BucketKey, Limit
from penstock.limits.policy import Policy
from penstock.limits.policy_definition import policy as read_policy
from penstock.limits.validate import LimitOwner, Problem, Reading
from penstock.limits.windows import CalendarWindow, WeekStart
from penstock.stores.sql import schema
from penstock.stores.sql.database import week_starts_of
from penstock.stores.sql.ids import random_id
from penstock.stores.sql.limit_rows import ACTIVE, members_of, policy_row

PolicyKind = Literal["usage", "rate"]
ARCHIVED: Final = "archived"
STATUSES: Final = (ACTIVE, ARCHIVED)
_NEVER_CHANGES: Final[Mapping[PolicyKind, tuple[str, ...]]] = {
    "usage": ("type",),
    "rate": ("target", "type", "unit", "penstock_window"),
}
"""Members that are fixed when a policy is made: another kind of limit is another policy."""


class StoredPolicy(msgspec.Struct, frozen=True):
    """A policy as it is stored. ``definition`` holds its members as they were written. Times are in microseconds since
    1970. ``policy`` is what the definition means."""

    id: str
    kind: PolicyKind
    workspace_id: str | None
    name: str
    status: str
    definition: Mapping[str, Any]
    created_at: int
    updated_at: int
    last_reset_at: int | None
    policy: Policy | None

    def next_reset(self, now: int) -> str | None:
        """When the budget's window ends that is open at ``now``; None for a rate and for a budget for good."""
        return None if self.policy is None else next_reset(self.policy.limit, now)


class Entity(msgspec.Struct, frozen=True):
    """What one combination of values has used of a policy's budget in its window. ``id`` is the bucket's value in
    hexadecimal, ``default`` for a policy without groups."""

    id: str
    value_key: str
    current_usage: int | float
    is_exhausted: bool
    is_alerted: bool


class Page(msgspec.Struct, frozen=True):
    """One page of a list: its items, and how many there are on all pages."""

    items: Sequence[Any]
    total: int


async def create_policy(
    connection: AsyncConnection,
    kind: PolicyKind,
    members: Mapping[str, Any],
    *,
    workspace_id: str | None,
    name: str,
    by: str,
    now: int,
    largest_cost: int = LARGEST,
) -> StoredPolicy:
    """Make a policy. ``largest_cost`` is what the counters hold exactly. Raises LimitsRefused."""
    id_ = random_id()
    _checked(LimitOwner("policy", id_, now, largest_cost=largest_cost), kind, members)
    values = {"id": id_, "workspace_id": workspace_id, "kind": kind, "name": name, "definition": _text(members)}
    made = {"created_at": now, "updated_at": now, "created_by": by, "updated_by": by}
    await connection.execute(schema.policy.insert().values(**values, **made))
    stored = await find_policy(connection, kind, id_)
    if stored is None:
        raise LookupError(id_)
    return stored


async def find_policy(
    connection: AsyncConnection, kind: PolicyKind, id_: str, workspace_ids: Sequence[str] | None = None
) -> StoredPolicy | None:
    """A policy by its id, archived ones included; None if there is none in these workspaces (None: in any)."""
    query = sa.select(schema.policy).where(*_where(kind, workspace_ids), schema.policy.c.id == id_)
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else _stored(row, week_starts_of(connection))


async def list_policies(
    connection: AsyncConnection,
    kind: PolicyKind,
    *,
    workspace_ids: Sequence[str] | None = None,
    status: str = ACTIVE,
    type_: str | None = None,
    page: int = 0,
    page_size: int = 100,
) -> Page:
    """Policies, the newest first. ``type_`` is the kind of their limit: ``cost``, ``tokens``, ``requests``."""
    table = schema.policy
    query = sa.select(table).where(*_where(kind, workspace_ids), table.c.status == status)
    rows = await connection.execute(query.order_by(table.c.created_at.desc(), table.c.id.desc()))
    week_starts = week_starts_of(connection)
    stored = [_stored(row, week_starts) for row in rows]
    every = [each for each in stored if type_ in {None, each.definition.get("type")}]
    return Page(every[page * page_size : (page + 1) * page_size], len(every))


async def change_policy(
    connection: AsyncConnection,
    stored: StoredPolicy,
    members: Mapping[str, Any],
    *,
    name: str | None = None,
    by: str,
    now: int,
    largest_cost: int = LARGEST,
) -> None:
    """Change a policy: absent members stay, null removes one, a value replaces it. Usage so far stays counted.

    Raises LimitsRefused.
    """
    fixed = [
        Problem(f"policy.{member}", "it can't be changed: make another policy")
        for member in _NEVER_CHANGES[stored.kind]
        if member in members and members[member] != stored.definition.get(member, members[member])
    ]
    if fixed:
        raise LimitsRefused(fixed)
    merged = {key: value for key, value in {**stored.definition, **members}.items() if value is not None}
    _checked(LimitOwner("policy", stored.id, stored.created_at, largest_cost=largest_cost), stored.kind, merged)
    table = schema.policy
    values = {"definition": _text(merged), "name": stored.name if name is None else name}
    changed = {"updated_at": now, "updated_by": by, "row_version": table.c.row_version + 1}
    await connection.execute(table.update().where(table.c.id == stored.id).values(**values, **changed))


async def archive_policy(connection: AsyncConnection, stored: StoredPolicy, *, by: str, now: int) -> None:
    """End a policy: it limits nothing any more, and what it counted can still be read."""
    table = schema.policy
    changed = {"updated_at": now, "updated_by": by, "row_version": table.c.row_version + 1}
    await connection.execute(table.update().where(table.c.id == stored.id).values(status=ARCHIVED, **changed))


async def entities(
    connection: AsyncConnection,
    stored: StoredPolicy,
    now: int,
    *,
    status: str | None = None,
    search: str | None = None,
    page: int = 0,
    page_size: int = 100,
) -> Page:
    """What each combination of values has used in the window that is open at ``now``, the most recent first.

    ``status`` is ``active`` or ``exhausted``; ``search`` is a part of the value's name.
    """
    table, policy = schema.balance, stored.policy
    if policy is None or not policy.limit.is_budget:
        return Page((), 0)
    limit = policy.limit
    query = sa.select(table).where(*_bucket(limit, now))
    if search:
        query = query.where(table.c.value_key.contains(search, autoescape=True))
    if status == "exhausted":
        query = query.where(table.c.settled >= limit.cap)
    elif status == ACTIVE:
        query = query.where(table.c.settled < limit.cap)
    total = (await connection.execute(sa.select(sa.func.count()).select_from(query.subquery()))).scalar_one()
    ordered = query.order_by(table.c.touched_at.desc(), table.c.value).limit(page_size).offset(page * page_size)
    return Page([_entity(limit, row) for row in await connection.execute(ordered)], total)


async def reset_entity(
    connection: AsyncConnection, counters: Counters | None, stored: StoredPolicy, entity_id: str, now: int
) -> bool:
    """Set to nothing what one combination of values has used. False if there is no such combination.

    ``counters`` are those that requests are counted by, which the table follows; None where no gateway runs in this
    process: then the table is changed, which a gateway reads when it starts.
    """
    policy = stored.policy
    if policy is None or not policy.limit.is_budget:
        return False
    table = schema.balance
    for row in await connection.execute(sa.select(table).where(*_bucket(policy.limit, now))):
        if entity_id in {_entity_id(row.value), row.value_key}:
            key = BucketKey(row.limit_id, row.value, row.epoch, row.window_start)
            if counters is not None:
                await counters.open_balance(key, policy.limit, 0)
            else:
                mine = (table.c.value == row.value, *_bucket(policy.limit, now))
                await connection.execute(table.update().where(*mine).values(settled=0, touched_at=now))
            return True
    return False


def _bucket(limit: Limit, now: int) -> tuple[sa.ColumnElement[bool], ...]:
    table = schema.balance
    start = limit.window.span(now).start if isinstance(limit.window, CalendarWindow) else 0
    return (table.c.limit_id == limit.id, table.c.epoch == limit.epoch, table.c.window_start == start)


def _entity(limit: Limit, row: Any) -> Entity:
    used: int | float = dollars_number(row.settled) if limit.kind == "cost" else int(row.settled)
    is_alerted = limit.alert_at is not None and row.settled >= limit.alert_at
    return Entity(_entity_id(row.value), row.value_key, used, row.settled >= limit.cap, is_alerted)


def _entity_id(value: bytes) -> str:
    return value.hex() or "default"


def _where(kind: PolicyKind, workspace_ids: Sequence[str] | None) -> list[sa.ColumnElement[bool]]:
    table = schema.policy
    among = [] if workspace_ids is None else [table.c.workspace_id.in_(workspace_ids)]
    return [table.c.kind == kind, *among]


def _checked(owner: LimitOwner, kind: PolicyKind, members: Mapping[str, Any]) -> None:
    """Raises LimitsRefused for a definition that can't be used."""
    reading = Reading(owner)
    read_policy(members, kind, reading)
    if reading.problems:
        raise LimitsRefused(reading.problems)


def _stored(row: Any, week_starts: WeekStart | None) -> StoredPolicy:
    return StoredPolicy(
        id=row.id,
        kind=row.kind,
        workspace_id=row.workspace_id,
        name=row.name,
        status=row.status,
        definition=members_of(row.definition),
        created_at=row.created_at,
        updated_at=row.updated_at,
        last_reset_at=row.last_reset_at,
        policy=policy_row(row, week_starts)[0],
    )


def _text(members: Mapping[str, Any]) -> str:
    return write_json(dict(members)).decode()
