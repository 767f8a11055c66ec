"""Rows of the tables ``limit`` and ``policy`` as values."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from penstock.core.json_text import read_json_or_none
from penstock.limits.definition import read_limits
from penstock.limits.limit import Level
from penstock.limits.policy import Policy, PolicyCondition
from penstock.limits.policy_definition import policy as read_policy
from penstock.limits.validate import LimitOwner, Problem, Reading
from penstock.limits.windows import WeekStart

ACTIVE: Final = "active"


def members_of(definition: str) -> dict[str, Any]:
    """A definition's members; none for a text that is no JSON object."""
    value = read_json_or_none(definition.encode())
    return value if isinstance(value, dict) else {}


def limits_row(level: Level, row: Any, week_starts: WeekStart | None = None) -> Reading:
    """The limits of a row of ``limit``, with the epoch of the row, and the definition's problems."""
    owner = LimitOwner(level, row.owner_id, row.created_at, week_starts)
    reading = read_limits(owner, members_of(row.definition))
    _is_object(row.definition, reading)
    reading.limits = [msgspec.structs.replace(limit, epoch=row.epoch) for limit in reading.limits]
    return reading


def _is_object(definition: str, reading: Reading) -> None:
    """A text that is no JSON object is no absent limit."""
    if not isinstance(read_json_or_none(definition.encode()), dict):
        reading.problems.append(Problem("definition", "expected a JSON object"))


def policy_row(row: Any, week_starts: WeekStart | None = None) -> tuple[Policy | None, tuple[Problem, ...]]:
    """The policy of a row of ``policy``, with its epoch, for the requests of its workspace; None with problems."""
    reading = Reading(LimitOwner("policy", row.id, row.created_at, week_starts), is_stored=True)
    policy = read_policy(members_of(row.definition), row.kind, reading)
    _is_object(row.definition, reading)
    if policy is not None:
        replace = msgspec.structs.replace
        limit = replace(policy.limit, epoch=row.epoch)
        conditions = policy.conditions
        if row.workspace_id is not None:
            conditions = (PolicyCondition("workspace_id", (row.workspace_id,)), *conditions)
        is_active = policy.is_active and row.status == ACTIVE
        policy = replace(policy, limit=limit, conditions=conditions, is_active=is_active)
    return policy, tuple(reading.problems)
