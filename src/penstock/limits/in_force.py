"""The limits of one catalogue, sorted by whom they are for: a request finds its own by one look-up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from penstock.limits.applied import Applied
from penstock.limits.policy import METADATA, Facts, Policy, limits_of

_FIXED: Final = frozenset({"api_key", "workspace_id", "organisation_id"})
"""Facts that are the same for all requests of a key."""


class Owner(msgspec.Struct, frozen=True):
    """Who sends requests: the fixed facts of a gateway key, and the key's own limits. Without a key both are empty."""

    facts: tuple[tuple[str, str], ...] = ()
    limits: tuple[Applied, ...] = ()


class RequestLimits(msgspec.Struct, frozen=True):
    """What limits the requests of one owner. ``limits`` apply to each request; policies if their conditions are met.
    ``reads_metadata``: a policy needs the request's metadata. ``is_empty`` and ``has_strict`` follow from the limits.
    """

    limits: tuple[Applied, ...] = ()
    of_requests: tuple[Policy, ...] = ()
    of_attempts: tuple[Policy, ...] = ()
    facts: Facts = {}
    reads_metadata: bool = False
    is_empty: bool = False
    has_strict: bool = False
    """Whether any of them is strict."""

    def __post_init__(self) -> None:
        limits = [applied.limit for applied in self.limits]
        limits += [policy.limit for policy in (*self.of_requests, *self.of_attempts)]
        msgspec.structs.force_setattr(self, "is_empty", not limits)
        msgspec.structs.force_setattr(self, "has_strict", any(limit.strict for limit in limits))

    def for_request(self, facts: Facts) -> tuple[Applied, ...]:
        """The limits of a request with these facts, the fixed ones among them."""
        if not self.of_requests:
            return self.limits
        return (*self.limits, *limits_of(self.of_requests, facts))


class LimitsInForce(msgspec.Struct, frozen=True):
    """The limits of a catalogue. ``organisation`` are for everybody, ``workspaces`` by the workspace's id,
    ``virtual_keys`` by name. Limits of gateway keys are the keys' own. ``organisation_id`` is that of all requests,
    empty as long as no database has told it. ``is_empty``: there are no limits."""

    organisation: tuple[Applied, ...] = ()
    workspaces: Mapping[str, tuple[Applied, ...]] = {}
    virtual_keys: Mapping[str, tuple[Applied, ...]] = {}
    policies: tuple[Policy, ...] = ()
    organisation_id: str = ""

    @property
    def is_empty(self) -> bool:
        return not (self.organisation or self.workspaces or self.virtual_keys or self.policies)

    def of(self, owner: Owner) -> RequestLimits:
        """What limits the requests of an owner. Policies that could never apply to them are left out."""
        facts = dict(owner.facts)
        # A condition for any organisation is met from the first request on, also without a database.
        facts["organisation_id"] = self.organisation_id
        workspace = self.workspaces.get(facts.get("workspace_id", ""), ())
        policies = [policy for policy in self.policies if _may_apply(policy, facts)]
        return RequestLimits(
            (*owner.limits, *workspace, *self.organisation),
            tuple([policy for policy in policies if not policy.is_per_attempt]),
            tuple([policy for policy in policies if policy.is_per_attempt]),
            facts,
            any(_reads_metadata(policy) for policy in policies),
        )


NOTHING_IN_FORCE: Final = LimitsInForce()


def _may_apply(policy: Policy, facts: Facts) -> bool:
    fixed = [condition for condition in policy.conditions if condition.key in _FIXED]
    is_possible = all(condition.is_met(facts) for condition in fixed)
    return policy.is_active and policy.target == "llm" and is_possible and _has(policy.group_by, facts)


def _has(group_by: Sequence[str], facts: Facts) -> bool:
    return all(key in facts for key in group_by if key in _FIXED)


def _reads_metadata(policy: Policy) -> bool:
    names = (*policy.group_by, *(condition.key for condition in policy.conditions))
    return any(name.startswith(METADATA) for name in names)
