"""What the definition of a policy must be, in the form that Portkey's clients write: conditions, groups, and a limit.

The limit's members stand beside the policy's own: a usage policy has those of a budget, a rate policy those of a rate.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

from penstock.core.did_you_mean import hint
from penstock.core.operation import CHAT_TYPES, Operation
from penstock.limits.policy import ANY, FACTS, METADATA, Policy, PolicyCondition
from penstock.limits.validate import Members, Reading, rate_limit, usage_limit

_OWN: Final = ("name", "conditions", "group_by", "status")
_TARGETS: Final[tuple[Literal["llm", "mcp_tools"], ...]] = ("llm", "mcp_tools")
_STATUSES: Final = ("active", "archived")
_MOST: Final = 20
"""Conditions of a policy, and facts that it groups by."""
_MOST_VALUES: Final = 1000
_OPERATIONS: Final = tuple([operation.value for operation in Operation])
_CHATS: Final = (Operation.CHAT.value, Operation.RESPONSE_SESSION.value)
"""Responses over WebSocket are chats like any other."""
_ENDPOINT_TYPES: Final[Mapping[str, tuple[str, ...]]] = {
    **{each.request_type: (each.value,) for each in Operation},
    **dict.fromkeys(CHAT_TYPES, _CHATS),
    "createModelResponse": (*_CHATS, Operation.RESPONSE_COMPACT.value),
    **{name: (name,) for name in (*_OPERATIONS, ANY)},
    Operation.CHAT.value: _CHATS,
}
"""What a condition may say, in Portkey's words or the gateway's -> the operations that requests have then."""


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
    if key == "endpoint_type":
        listed = _endpoint_types(members, listed)
    elif key == "virtual_key":
        listed = [value.removeprefix("@") for value in listed]
    return PolicyCondition(key, tuple(listed), members.switch("excludes"))


def _endpoint_types(members: Members, values: list[str]) -> list[str]:
    """The operations that values mean. One that means none is met by no request: only a new policy is refused for
    it."""
    unknown = next((value for value in values if value not in _ENDPOINT_TYPES), None)
    if unknown is not None and not members.reading.is_stored:
        end = hint(unknown, _ENDPOINT_TYPES, f"there are {', '.join(_OPERATIONS)}")
        members.complain("value", f"there is no endpoint type '{unknown[:60]}': {end}")
        return []
    return [operation for value in values for operation in _ENDPOINT_TYPES.get(value, (value,))]


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
