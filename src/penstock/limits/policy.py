"""Policies: limits that apply to requests by what the requests are, with a bucket for each combination of values.

A policy knows a request by its facts: texts under ``api_key``, ``workspace_id``, ``organisation_id``, ``virtual_key``,
``provider``, ``model``, ``config``, ``prompt``, ``endpoint_type`` and ``metadata.NAME``. ``model`` is the model that
the caller asked for, as ``@slug/model``. A fact that a request doesn't have is absent from the map.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Literal

import msgspec

from penstock.core.storable_text import storable_text
from penstock.limits.applied import Applied
from penstock.limits.limit import OVERFLOW, SINGLE, BucketKey, Limit

Facts = Mapping[str, str]

ANY: Final = "*"
FACTS: Final = tuple(
    "api_key organisation_id workspace_id virtual_key provider config prompt model endpoint_type".split()
)
"""What conditions and groups may name, beside ``metadata.NAME``."""
METADATA: Final = "metadata."
_LONGEST_TOLD: Final = 256
"""Characters of a value in the name of its bucket."""
_OF_ATTEMPTS: Final = frozenset({"model", "provider", "virtual_key"})
"""Facts that a fallback changes: a policy that names one is judged before each attempt."""


class PolicyCondition(msgspec.Struct, frozen=True):
    """One condition: the fact is one of ``values``, or, with ``excludes``, none of them. ``*`` is any value.

    For ``model``, ``@slug/*`` is every model of a provider, and a value without ``@slug/`` is that model anywhere; for
    ``provider``, ``@slug`` is a virtual key. A request without the fact meets no condition on it, not even one that
    excludes.
    """

    key: str
    values: tuple[str, ...]
    excludes: bool = False

    def is_met(self, facts: Facts) -> bool:
        fact = facts.get(self.key)
        if fact is None:
            return False
        is_one = ANY in self.values or fact in self.values
        if not is_one and self.key == "model":
            is_one = any(_is_model(value, fact) for value in self.values)
        if not is_one and self.key == "provider" and "virtual_key" in facts:
            is_one = f"@{facts['virtual_key']}" in self.values
        return is_one is not self.excludes


class Policy(msgspec.Struct, frozen=True):
    """A limit for the requests that meet all conditions. ``group_by`` names the facts by which the limit is divided:
    each combination of their values has a bucket of its own."""

    id: str
    limit: Limit
    conditions: tuple[PolicyCondition, ...]
    group_by: tuple[str, ...] = ()
    target: Literal["llm", "mcp_tools"] = "llm"
    is_active: bool = True

    @property
    def is_per_attempt(self) -> bool:
        """Whether the policy is judged before each attempt, and not once for a request."""
        return not _OF_ATTEMPTS.isdisjoint((*self.group_by, *(condition.key for condition in self.conditions)))

    def applies(self, facts: Facts) -> bool:
        """Whether the request meets all conditions and has a value for each group."""
        return (
            self.is_active
            and all(condition.is_met(facts) for condition in self.conditions)
            and all(key in facts for key in self.group_by)
        )


def limits_of(policies: Iterable[Policy], facts: Facts) -> Iterator[Applied]:
    """The limits of the policies that apply to a request, each with the bucket of the request's values."""
    for policy in policies:
        if policy.applies(facts):
            values = [(key, facts[key]) for key in policy.group_by]
            yield Applied(policy.limit, value_hash(values), value_key(values))


def value_key(values: Iterable[tuple[str, str]]) -> str:
    """The name of a bucket for people: ``metadata._user:bob-model:@openai/gpt-4o``, or ``default`` without values. Two
    buckets may have one name: a value may hold ``-`` and ``:``, and is told in part where it is long. Stores hold it,
    whatever a caller has written."""
    return "-".join(f"{key}:{storable_text(value[:_LONGEST_TOLD])}" for key, value in values) or "default"


def value_hash(values: Iterable[tuple[str, str]]) -> bytes:
    """The identity of a bucket: the SHA-256 of the JSON array of its values; ``SINGLE`` without values."""
    listed = [value for _, value in values]
    if not listed:
        return SINGLE
    # The standard library's form escapes what is not ASCII, lone surrogates included, which UTF-8 can't hold.
    return hashlib.sha256(json.dumps(listed, separators=(",", ":")).encode()).digest()


def overflow_of(key: BucketKey) -> BucketKey:
    """The bucket that takes the values for which a limit has no room in a window."""
    return BucketKey(key.limit, OVERFLOW, key.epoch, key.window_start)


class LiveValues:
    """How many buckets each limit has in each window, so that values which callers make up are bounded: beyond ``most``
    buckets, further values share the overflow's."""

    __slots__ = ("_counts", "_most")

    def __init__(self, most: int) -> None:
        self._most = most
        self._counts: dict[BucketKey, int] = {}

    def admit(self, key: BucketKey) -> bool:
        """Count a new bucket; False if there is no room for it."""
        family = self.overflow(key)
        count = self._counts.get(family, 0)
        if count >= self._most:
            return False
        self._counts[family] = count + 1
        return True

    def know(self, key: BucketKey, count: int) -> None:
        """Take over how many buckets a store has counted."""
        self._counts[self.overflow(key)] = count

    def overflow(self, key: BucketKey) -> BucketKey:
        """The bucket that takes the values for which there is no room."""
        return overflow_of(key)

    def forget(self, key: BucketKey) -> None:
        """Count a bucket no longer."""
        family = self.overflow(key)
        count = self._counts.get(family, 0)
        if key.value in {SINGLE, OVERFLOW} or not count:
            return
        if count == 1:
            del self._counts[family]
        else:
            self._counts[family] = count - 1


def _is_model(pattern: str, model: str) -> bool:
    if pattern.endswith("/*"):
        return model.startswith(pattern[:-1])
    return not pattern.startswith("@") and model.startswith("@") and model.partition("/")[2] == pattern
