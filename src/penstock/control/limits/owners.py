"""Limits among the members of a body: read with the other members, kept for their owner (limits.py keeps them)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from penstock.control.limits import limits
from penstock.control.members import VALUE, Fields, Members, respelled
from penstock.control.plane import Change
from penstock.control.refusal import Problem, invalid
from penstock.core.json_text import write_json
from penstock.limits.definition import MEMBERS
from penstock.limits.limit import Level
from penstock.limits.validate import Problem as LimitProblem

FIELDS: Final = Fields(dict.fromkeys(MEMBERS, VALUE))
"""The members about limits that a body may have."""


_LARGEST: Final = 64 << 10
"""Bytes of one member as JSON: a hundred limits need a quarter."""


def read(level: Level, members: Members) -> dict[str, Any]:
    """The limits of a body. Their problems are told with the body's others."""
    values = {name: _respelled(name, members) for name in MEMBERS if members.has(name)}
    # Python's client takes one rate limit as an object.
    if isinstance(values.get("rate_limits"), dict):
        values["rate_limits"] = [values["rate_limits"]]
    kept = {name: value for name, value in values.items() if value is not None and value != []}
    members.problems.extend(_problems(limits.check_limits(level, kept), members.pointer))
    return values


def _respelled(name: str, members: Members) -> Any:
    """A member about limits, its names in snake_case; None, and a problem, for one that is too large to be one."""
    value = members.values[name]
    if isinstance(value, dict | list) and len(write_json(value)) > _LARGEST:
        members.complain(name, f"expected at most {_LARGEST >> 10} KiB")
        return None
    return respelled(value)


async def put(change: Change, level: Level, owner_id: str, values: Mapping[str, Any]) -> list[str]:
    """Keep the limits of an owner; warnings about what is hardly meant. Raises Refusal."""
    by, now, largest = change.actor.name, change.now, change.largest_cost
    try:
        warnings = await limits.put_limits(
            change.connection, level, owner_id, values, by=by, now=now, largest_cost=largest
        )
    except limits.LimitsRefused as refused:
        raise invalid(_problems(refused.problems)) from None
    return [str(each) for each in warnings]


async def reset(change: Change, level: Level, owner_id: str) -> None:
    """Begin the budgets and rates of an owner anew."""
    await limits.reset_usage(change.connection, level, owner_id, by=change.actor.name, now=change.now)


def _problems(problems: Iterable[LimitProblem], place: str = "") -> list[Problem]:
    """Problems of limits with JSON pointers that begin at ``place``: ``rate_limits[1].unit`` is
    ``/rate_limits/1/unit``."""
    return [
        Problem(f"{place}/" + each.path.replace("[", "/").replace("]", "").replace(".", "/"), each.text)
        for each in problems
    ]
