"""What the definition of a policy must be, in the form that Portkey's clients write: conditions, groups, and a limit.

The limit's members stand beside the policy's own: a usage policy has those of a budget, a rate policy those of a rate.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

from penstock.core.did_you_mean import hint
from penstock.limits.policy import ENDPOINT_TYPES, FACTS, METADATA, Policy, PolicyCondition
from penstock.limits.validate import Members, Reading, rate_limit, usage_limit

_OWN: Final = ("name", "conditions", "group_by", "status")
_TARGETS: Final[tuple[Literal["llm", "mcp_tools"], ...]] = ("llm", "mcp_tools")
_STATUSES: Final = ("active", "archived")
_MOST: Final = 20
"""Conditions of a policy, and facts that it groups by."""
_MOST_VALUES: Final = 1000


def policy(values: Mapping[str, Any], kind: Literal["usage", "rate"], reading: Reading) -> Policy | None:
    """The policy of one definition; None with a problem. ``reading.owner`` is the policy: its level is ``policy``."""
    members = Members(values, "policy", reading)
    before = len(reading.problems)
    limit = usage_limit(members, _OWN) if kind == "usage" else rate_limit(members, (*_OWN, "target"))
    conditions = tuple(map(_condition, _objects(members, "conditions")))
    group_by = tuple(map(_group, _objects(members, "group_by")))
    target = members.choice("target", _TARGETS, "llm")
    status = members.choice("status", _STATUSES, "active")
    if limit is None or len(reading.problems) > before:
        return None
    limit = msgspec.structs.replace(limit, is_grouped=bool(group_by))
    return Policy(reading.owner.id, limit, conditions, group_by, target, status == "active")


def _objects(members: Members, key: str) -> list[Members]:
    """The objects of an array that must be there."""
    value = members.values.get(key)
    if not isinstance(value, list):
        members.complain(key, "missing: expected an array" if value is None else "expected an array")
        return []
    if len(value) > _MOST:
        members.complain(key, f"there are {len(value)}, and {_MOST} at most may be set")
    return list(members.reading.objects(value[:_MOST], f"{members.path}.{key}"))


def _condition(members: Members) -> PolicyCondition:
    members.check(("key", "value", "excludes"))
    value = members.values.get("value")
    listed: list[Any] = value if isinstance(value, list) else [value]
    if not listed or not all(isinstance(each, str) and each for each in listed):
        members.complain("value", "expected a text, or an array of texts; * is any value")
        listed = []
    elif len(listed) > _MOST_VALUES:
        members.complain("value", f"there are {len(listed)} values, and {_MOST_VALUES} at most may be set")
    key = _fact(members)
    return PolicyCondition(key, tuple(_as_facts_are(key, listed)), members.switch("excludes"))


def _as_facts_are(key: str, values: list[str]) -> list[str]:
    """The values as requests have them: an endpoint type of Portkey's by the gateway's name, a virtual key without
    the ``@`` that callers write."""
    if key == "endpoint_type":
        return [ENDPOINT_TYPES.get(value, value) for value in values]
    return [value.removeprefix("@") for value in values] if key == "virtual_key" else values


def _group(members: Members) -> str:
    members.check(("key",))
    return _fact(members)


def _fact(members: Members) -> str:
    """The fact that the member ``key`` names."""
    key = members.values.get("key")
    known = isinstance(key, str) and (key in FACTS or (key.startswith(METADATA) and len(key) > len(METADATA)))
    if not known:
        rest = f"there are {', '.join(FACTS)} and metadata.NAME"
        text = f"there is no such fact: {hint(key, FACTS, rest)}" if isinstance(key, str) else f"expected text: {rest}"
        members.complain("key", text)
    return str(key)
