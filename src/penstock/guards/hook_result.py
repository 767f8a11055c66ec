"""What callers are told of a hook and of its checks: the members of ``hook_results``, in Portkey's order.

A hook whose checks all passed at a glance is told by a template: all that differs from one request to the next are the
checks' data and the moment. Source: docs/guardrails.md#results.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Any, Final

import msgspec
from msgspec import UNSET

from penstock.core.json_text import write_json

_GAP: Final = b"\0"
"""Stands in no JSON text."""


class HookResult(msgspec.Struct, frozen=True, rename={"is_async": "async"}):
    """The result of a hook, member by member."""

    verdict: bool
    id: str
    transformed: bool
    checks: Sequence[Any]
    feedback: dict[str, Any] | None
    execution_time: int
    is_async: bool
    type: Enum
    created_at: str | msgspec.Raw
    deny: bool


class CheckResult(msgspec.Struct, frozen=True):
    """The result of a check, member by member."""

    data: Any
    verdict: bool
    id: str
    error: dict[str, str] | msgspec.UnsetType
    execution_time: int
    transformed: bool
    created_at: str | msgspec.Raw
    log: None
    fail_on_error: bool


def passed_template(hook: str, kind: Enum, checks: Iterable[tuple[str, bool]], *, is_async: bool) -> bytes:
    """The result of a hook whose checks pass within a millisecond, with gaps for the operator ``%``: the data and the
    moment of each check, both as JSON, and the hook's moment. ``checks`` are ids, and whether errors fail."""
    data, moment = msgspec.Raw(_GAP), msgspec.Raw(_GAP)
    results = [CheckResult(data, True, check, UNSET, 0, False, moment, None, fails) for check, fails in checks]
    text = write_json(HookResult(True, hook, False, results, None, 0, is_async, kind, moment, False))
    return text.replace(b"%", b"%%").replace(_GAP, b"%b")
