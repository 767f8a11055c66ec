"""Takes out of a value what must not stand in the audit log: secrets, by the names of the members that hold them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from penstock.limits.policy import FACTS, METADATA

Fingerprint = Callable[[str], str]
"""A short keyed hash of a secret: it shows that a secret is another one than before, and helps nobody to guess it."""

MASK: Final = "*****"
_SECRET: Final = re.compile(
    r"(^|[_-])(key|apikey|secret|token|password|passwd|credential|credentials|authorization|auth|private|cookie|sas"
    r"|signature|json)($|[_-])"
)
_NOT_SECRET: Final = re.compile(
    r"(^|[_-])(max|min|count|id|ids|type|mode|usage|limit|limits|period|expires|masked|label|labels|prefix|url)($|[_-])"
    r"|tokens$"
)
_OF_A_FACT: Final = frozenset({"key", "value", "excludes"})
"""The members of a condition of a policy."""
_SHOWN: Final = 3
_SHORTEST_SHOWN: Final = 12
_DEEPEST: Final = 64


def mask(secret: str) -> str:
    """The first two and the last three characters of a secret; none of a short one."""
    return MASK if len(secret) < _SHORTEST_SHOWN else f"{secret[:2]}{MASK}{secret[-_SHOWN:]}"


def is_secret_name(name: str) -> bool:
    """Whether a member of this name holds a secret: ``api_key``, ``aws_secret_access_key``, ``Authorization``."""
    plain = re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()
    return _SECRET.search(plain) is not None and _NOT_SECRET.search(plain) is None


def redacted(value: Any, fingerprint: Fingerprint | None = None, depth: int = 0) -> Any:
    """The value with each secret in it replaced by asterisks and its fingerprint."""
    if depth > _DEEPEST:
        return MASK
    if isinstance(value, Mapping):
        return {
            name: _hidden(member, fingerprint)
            if is_secret_name(str(name)) and not _is_fact(value)
            else redacted(member, fingerprint, depth + 1)
            for name, member in value.items()
        }
    if isinstance(value, list | tuple):
        return [redacted(each, fingerprint, depth + 1) for each in value]
    return value


def _is_fact(value: Mapping[Any, Any]) -> bool:
    """Whether an object is a condition of a policy, or what a policy groups by: its ``key`` is the name of a fact, such
    as ``metadata.team``, and not a secret."""
    key = value.get("key")
    return value.keys() <= _OF_A_FACT and isinstance(key, str) and (key in FACTS or key.startswith(METADATA))


def _hidden(value: Any, fingerprint: Fingerprint | None) -> Any:
    """A mask in place of a secret, whatever kind of value it is; nothing is no secret."""
    if value is None or value in ("", True, False):
        return value
    if isinstance(value, str) and fingerprint is not None:
        return f"{MASK} ({fingerprint(value)})"
    return MASK
