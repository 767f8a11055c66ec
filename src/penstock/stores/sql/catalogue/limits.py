"""The rows of limits and policies, as values of a catalogue that was read from the same moment of the database.

A row that can't be used keeps what it meant before, as rows of the catalogue do; it never leaves its owner without
limits in silence.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.limits.applied import Applied
from penstock.limits.in_force import LimitsInForce
from penstock.limits.policy import Policy
from penstock.limits.validate import Problem
from penstock.limits.windows import WeekStart
from penstock.stores.catalogue import Catalogue
from penstock.stores.sql import schema
from penstock.stores.sql.catalogue.changes import read_in_parts
from penstock.stores.sql.database import week_starts_of
from penstock.stores.sql.limit_rows import ACTIVE, limits_row, policy_row

_PROVIDERS: Final = sa.select(
    schema.provider.c.id, schema.provider.c.slug, schema.provider.c.integration_id, schema.provider.c.workspace_id
)
_OF_KEYS: Final = sa.select(schema.limit).where(schema.limit.c.level == "api_key")
_ORGANISATION: Final = sa.select(schema.organisation.c.id)
_OF_OTHERS: Final = sa.select(schema.limit).where(schema.limit.c.level != "api_key")
_Limits = Mapping[tuple[str, str], tuple[Applied, ...]]
"""Limits in force by level and id of their owner."""


class LimitLoader:
    """Reads limits and policies, and remembers what each row meant. Of gateway keys' limits, it reads after the first
    time those of keys that changed."""

    def __init__(self) -> None:
        self._limits: _Limits = {}
        self._policies: Mapping[str, Policy] = {}
        self._of_keys: dict[str, tuple[Applied, ...]] = {}
        self._told: dict[str, list[str]] = {}
        """What is wrong with limits of gateway keys, by the key's id."""

    async def of_keys(
        self, connection: AsyncConnection, changed: Collection[str] | None, problems: list[str]
    ) -> Mapping[str, tuple[Applied, ...]]:
        """The limits of gateway keys by the key's id. ``changed`` are the keys whose limits are read; None: all keys.
        A sentence for each row that can't be used is added to ``problems``."""
        found: dict[str, tuple[Applied, ...]] = {}
        key_problems: dict[str, list[str]] = {}
        week_starts = week_starts_of(connection)

        def use(rows: Sequence[Any]) -> None:
            for row in rows:
                of_row: list[str] = []
                applied = _applied(row, self._of_keys.get(row.owner_id, ()), of_row, week_starts)
                if of_row:
                    key_problems[row.owner_id] = of_row
                if applied:
                    found[row.owner_id] = applied

        if changed is None:
            await read_in_parts(connection, _OF_KEYS, use)
            self._of_keys, self._told = found, key_problems
        elif changed:
            await read_in_parts(connection, _OF_KEYS.where(schema.limit.c.owner_id.in_(changed)), use)
            for id_ in changed:
                self._of_keys.pop(id_, None)
                self._told.pop(id_, None)
            self._of_keys |= found
            self._told |= key_problems
        for sentences in self._told.values():
            problems += sentences
        return self._of_keys

    async def add(self, connection: AsyncConnection, catalogue: Catalogue, problems: list[str]) -> Catalogue:
        """The catalogue with all limits but those of gateway keys. A sentence for each row that can't be used is added
        to ``problems``."""
        week_starts = week_starts_of(connection)
        limits: dict[tuple[str, str], tuple[Applied, ...]] = {}
        for row in await connection.execute(_OF_OTHERS):
            name = (row.level, row.owner_id)
            applied = _applied(row, self._limits.get(name, ()), problems, week_starts)
            if applied:
                limits[name] = applied
        self._limits = limits
        rows = await connection.execute(sa.select(schema.policy).where(schema.policy.c.status == ACTIVE))
        self._policies = self._read_policies(rows, problems, week_starts)
        of_level: dict[str, dict[str, tuple[Applied, ...]]] = {}
        for (level, owner), applied in limits.items():
            of_level.setdefault(level, {})[owner] = applied
        in_force = LimitsInForce(
            tuple([each for applied in of_level.get("organisation", {}).values() for each in applied]),
            of_level.get("workspace", {}),
            await _of_virtual_keys(connection, limits, catalogue),
            tuple(self._policies.values()),
            (await connection.execute(_ORGANISATION)).scalar() or "",
        )
        return msgspec.structs.replace(catalogue, limits=in_force)

    def _read_policies(self, rows: Any, problems: list[str], week_starts: WeekStart | None) -> dict[str, Policy]:
        found: dict[str, Policy] = {}
        for row in rows:
            policy, of_row = policy_row(row, week_starts)
            if of_row:
                problems += _sentences(f"the policy {row.name or row.id}", of_row)
            policy = policy or self._policies.get(row.id)
            if policy is not None:
                found[row.id] = policy
        return found


async def _of_virtual_keys(
    connection: AsyncConnection, limits: _Limits, catalogue: Catalogue
) -> dict[str, tuple[Applied, ...]]:
    """Limits by the slug of a provider: its own, and those of its integration, for all workspaces and for its one."""
    found: dict[str, tuple[Applied, ...]] = {}
    if not any(level in {"provider", "integration"} for level, _ in limits):
        return found
    for row in await connection.execute(_PROVIDERS):
        integration = row.integration_id
        owners = (
            ("provider", row.id),
            ("integration", integration),
            ("integration", f"{integration}/{row.workspace_id}"),
        )
        applied = tuple([each for owner in owners for each in limits.get(owner, ())])
        if applied and row.slug in catalogue.virtual_keys:
            found[row.slug] = applied
    return found


def _applied(
    row: Any, before: tuple[Applied, ...], problems: list[str], week_starts: WeekStart | None
) -> tuple[Applied, ...]:
    """The limits of a row; those of ``before`` where it has a problem."""
    reading = limits_row(row.level, row, week_starts)
    if not reading.problems:
        return tuple([Applied(limit) for limit in reading.limits])
    problems += _sentences(f"the limits of {row.level} {row.owner_id}", reading.problems)
    return before


def _sentences(what: str, problems: Sequence[Problem]) -> list[str]:
    return [f"{what}: {problem}" for problem in problems]
