"""The rows of limits and policies, put into a catalogue that was read from the same moment of the database.

A row that can't be used keeps what it meant before, as rows of the catalogue do; it never leaves its owner without
limits in silence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.limits.applied import Applied
from penstock.limits.in_force import LimitsInForce
from penstock.limits.policy import Policy
from penstock.limits.validate import Problem
from penstock.limits.windows import WeekStart
from penstock.stores.catalogue import Catalogue, GatewayKey
from penstock.stores.sql import schema
from penstock.stores.sql.database import week_starts_of
from penstock.stores.sql.limit_rows import ACTIVE, limits_row, policy_row

_PROVIDERS: Final = sa.select(
    schema.provider.c.id, schema.provider.c.slug, schema.provider.c.integration_id, schema.provider.c.workspace_id
)
_Limits = Mapping[tuple[str, str], tuple[Applied, ...]]
"""Limits in force by level and id of their owner."""


class LimitLoader:
    """Reads limits and policies, and remembers what each row meant."""

    def __init__(self) -> None:
        self._limits: _Limits = {}
        self._policies: Mapping[str, Policy] = {}

    async def add(self, connection: AsyncConnection, catalogue: Catalogue, problems: list[str]) -> Catalogue:
        """The catalogue with its limits. A sentence for each row that can't be used is added to ``problems``."""
        week_starts = week_starts_of(connection)
        self._limits = self._read_limits(await connection.execute(sa.select(schema.limit)), problems, week_starts)
        rows = await connection.execute(sa.select(schema.policy).where(schema.policy.c.status == ACTIVE))
        self._policies = self._read_policies(rows, problems, week_starts)
        limits = self._limits
        if not limits and not self._policies:
            return catalogue
        of_level: dict[str, dict[str, tuple[Applied, ...]]] = {}
        for (level, owner), applied in limits.items():
            of_level.setdefault(level, {})[owner] = applied
        in_force = LimitsInForce(
            tuple([each for applied in of_level.get("organisation", {}).values() for each in applied]),
            of_level.get("workspace", {}),
            await _of_virtual_keys(connection, limits, catalogue),
            tuple(self._policies.values()),
        )
        keys = tuple([_limited(key, of_level.get("api_key", {})) for key in catalogue.keys])
        return msgspec.structs.replace(catalogue, keys=keys, limits=in_force)

    def _read_limits(self, rows: Any, problems: list[str], week_starts: WeekStart | None) -> _Limits:
        found: dict[tuple[str, str], tuple[Applied, ...]] = {}
        for row in rows:
            name = (row.level, row.owner_id)
            reading = limits_row(row.level, row, week_starts)
            applied = tuple([Applied(limit) for limit in reading.limits])
            if reading.problems:
                problems += _sentences(f"the limits of {row.level} {row.owner_id}", reading.problems)
                applied = self._limits.get(name, ())
            if applied:
                found[name] = applied
        return found

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


def _limited(key: GatewayKey, limits: Mapping[str, tuple[Applied, ...]]) -> GatewayKey:
    applied = limits.get(key.id) if key.id is not None else None
    return key if applied is None else msgspec.structs.replace(key, limits=applied)


def _sentences(what: str, problems: Sequence[Problem]) -> list[str]:
    return [f"{what}: {problem}" for problem in problems]
