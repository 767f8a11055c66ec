"""Limits of providers, virtual keys and integrations in the members of their bodies and answers (limits.py keeps them).

Unless a level is given, the owner is a provider.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.control import limits
from penstock.control.limits import NO_LIMITS, LimitsRefused, StoredLimits
from penstock.control.members import VALUE, Fields, Members
from penstock.control.plane import Change
from penstock.control.refusal import Problem, invalid
from penstock.limits.definition import MEMBERS
from penstock.limits.limit import Level

_PROVIDER: Final[Level] = "provider"
FIELDS: Final = Fields(dict.fromkeys(MEMBERS, VALUE))
"""The members about limits that a body may have."""


def read(members: Members, level: Level = _PROVIDER) -> dict[str, Any]:
    """The limits of a body, each as an array where arrays are meant; every problem is told with the body's others."""
    given = {name: members.values[name] for name in MEMBERS if members.has(name)}
    # Python's client takes one rate limit of a provider as an object.
    if isinstance(given.get("rate_limits"), dict):
        given["rate_limits"] = [given["rate_limits"]]
    kept = {name: value for name, value in given.items() if value is not None and value != []}
    for problem in limits.check_limits(level, kept):
        members.problems.append(_with_pointer(problem.path, problem.text, members.pointer))
    return given


async def put(change: Change, owner_id: str, given: Mapping[str, Any], level: Level = _PROVIDER) -> list[str]:
    """Keep the limits of an owner; warnings about what is hardly meant. Raises Refusal."""
    by, now = change.actor.name, change.now
    try:
        warnings = await limits.put_limits(change.connection, level, owner_id, given, by=by, now=now)
    except LimitsRefused as refused:
        raise invalid(_with_pointer(each.path, each.text) for each in refused.problems) from None
    return [str(each) for each in warnings]


async def of(connection: AsyncConnection, provider_ids: Collection[str]) -> Mapping[str, StoredLimits]:
    """The limits of some providers by their id."""
    return await limits.limits_of(connection, _PROVIDER, provider_ids)


async def reset(change: Change, owner_id: str, level: Level = _PROVIDER) -> None:
    """Begin the budgets and rates of an owner anew."""
    await limits.reset_usage(change.connection, level, owner_id, by=change.actor.name, now=change.now)


async def drop(connection: AsyncConnection, provider_id: str) -> None:
    await limits.drop_limits(connection, _PROVIDER, provider_id)


def shown(stored: Mapping[str, StoredLimits], provider_id: str, now: int) -> dict[str, Any]:
    """``usage_limits`` (an object or null), ``rate_limits`` (an array), and ``penstock_usage_limits`` with all budgets
    where there are several, which Portkey's clients can't read as ``usage_limits``."""
    answer = stored.get(provider_id, NO_LIMITS).answer(now)
    usage = answer["usage_limits"]
    if isinstance(usage, list):
        answer["penstock_usage_limits"] = usage
        answer["usage_limits"] = usage[0] if usage else None
    return answer


def last_reset(stored: Mapping[str, StoredLimits], provider_id: str) -> int | None:
    return stored.get(provider_id, NO_LIMITS).last_reset_at


def _with_pointer(path: str, text: str, place: str = "") -> Problem:
    """A problem of limits/, whose paths have dots and brackets, with a JSON pointer that begins at ``place``."""
    return Problem(f"{place}/" + path.replace("[", ".").replace("]", "").replace(".", "/"), text)
