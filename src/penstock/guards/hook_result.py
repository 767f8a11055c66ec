"""What callers are told of a hook and of its checks: the members of ``hook_results``, in Portkey's order.

Hooks whose checks all passed at a glance are told by a template: all that differs from one request to the next are the
checks' data and the moment. Source: docs/guardrails.md#results.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from functools import lru_cache
from typing import Any, Final

import msgspec
from msgspec import UNSET

_encode: Final = msgspec.json.Encoder().encode
_GAP: Final = b"\0"
_MOMENT: Final = b"\1"
"""They stand in no JSON text."""
GAP: Final = msgspec.Raw(_GAP)
"""A value of a template (``template_of``)."""
MOMENT: Final = msgspec.Raw(_MOMENT)
"""A moment in the results of hooks (``results_at``)."""


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


def template_of(value: Any) -> bytes | None:
    """A value as JSON, for the operator ``%``: each ``GAP`` in it takes JSON. None for texts that are no UTF-8."""
    try:
        return _encode(value).replace(b"%", b"%%").replace(_GAP, b"%b")
    except UnicodeEncodeError:
        return None


def passed_result(
    hook: str,
    kind: Enum,
    checks: Iterable[tuple[str, bool, bytes | None]],
    feedback: dict[str, Any] | None,
    *,
    is_async: bool,
) -> HookResult:
    """The result of a hook whose checks pass within a millisecond, for ``template_of``. Its moments are ``MOMENT``.
    ``checks`` are ids, whether errors fail, and the data as JSON, None for data that differ: they have gaps."""
    results = [
        CheckResult(GAP if data is None else msgspec.Raw(data), True, check, UNSET, 0, False, MOMENT, None, fails)
        for check, fails, data in checks
    ]
    return HookResult(True, hook, False, results, feedback, 0, is_async, kind, MOMENT, False)


@lru_cache(64)
def results_at(results: bytes, milliseconds: int) -> bytes:
    """Results, or a template of them, with one moment in all places, in milliseconds since 1970: requests of one
    millisecond share it."""
    return results.replace(_MOMENT, b'"%b"' % _moment(milliseconds).encode())


def moment_of(seconds: float) -> str:
    """ISO 8601 with milliseconds: ``2026-01-31T12:00:00.000Z``."""
    return _moment(int(seconds * 1000))


@lru_cache(16)
def _moment(milliseconds: int) -> str:
    """The same of milliseconds: checks of many requests begin in the same one."""
    second, rest = divmod(milliseconds, 1000)
    return f"{_second(second)}.{rest:03d}Z"


@lru_cache(4)
def _second(seconds: int) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S")


def feedback_of(
    feedback: tuple[float | None, float | None, Mapping[str, Any]],
    passed: Iterable[str],
    failed: Iterable[str] = (),
    errored: Iterable[str] = (),
) -> dict[str, Any]:
    """What is told with a verdict: value, weight and metadata, to which the ids of the checks come."""
    value, weight, metadata = feedback
    lists = {"successfulChecks": passed, "failedChecks": failed, "erroredChecks": errored}
    return {
        "value": value,
        "weight": weight,
        "metadata": {**metadata, **{name: ", ".join(ids) for name, ids in lists.items()}},
    }
