"""Limits and policies in penstock.toml: members of a gateway key or a virtual key, and the sections [policies.NAME]."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from penstock.limits.applied import Applied
from penstock.limits.definition import applied, read_limits
from penstock.limits.limit import Level
from penstock.limits.policy import Policy
from penstock.limits.policy_definition import policy
from penstock.limits.validate import LimitOwner, Problem, Reading
from penstock.limits.windows import WeekStart
from penstock.stores.catalogue import GatewayKey
from penstock.stores.definition import Definition

_OF_RATES: Final = ("unit", "value")


def limits_of(definition: Definition, level: Level, week_starts: WeekStart | None = None) -> tuple[Applied, ...]:
    """The limits among the members of a definition, which is told what is wrong with them."""
    reading = read_limits(LimitOwner(level, definition.name, week_starts=week_starts), _plain(definition.values))
    _complain(definition, reading.problems)
    return applied(reading.limits)


def with_limits(
    keys: Iterable[GatewayKey], definitions: Iterable[Definition], week_starts: WeekStart | None = None
) -> tuple[GatewayKey, ...]:
    """Gateway keys with the limits of their definitions, which are in the same order."""
    replace = msgspec.structs.replace
    pairs = zip(keys, definitions, strict=True)
    return tuple(
        [
            replace(key, limits=limits) if (limits := limits_of(each, "api_key", week_starts)) else key
            for key, each in pairs
        ]
    )


def policies_of(definitions: Iterable[Definition], week_starts: WeekStart | None = None) -> tuple[Policy, ...]:
    """Policies, each from a section of its own. One with ``unit`` or ``value`` is a rate, any other a budget."""
    found: list[Policy] = []
    for definition in definitions:
        values = _plain(definition.values)
        reading = Reading(LimitOwner("policy", definition.name, week_starts=week_starts))
        made = policy(values, "rate" if any(name in values for name in _OF_RATES) else "usage", reading)
        _complain(definition, [_without_root(problem) for problem in reading.problems])
        if made is not None:
            found.append(made)
    return tuple(found)


def _complain(definition: Definition, problems: Iterable[Problem]) -> None:
    for problem in problems:
        definition.complain(problem.text, problem.path)


def _without_root(problem: Problem) -> Problem:
    return msgspec.structs.replace(problem, path=problem.path.removeprefix("policy."))


def _plain(value: Any) -> Any:
    """A value of TOML as JSON has it: times are texts."""
    if isinstance(value, dict):
        return {name: _plain(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_plain(member) for member in value]
    return value.isoformat() if isinstance(value, datetime.datetime | datetime.date) else value
