"""What a provider's error means for routing, whatever wire the provider speaks: its class, status and delay.

Errors are an object, a string or a list under ``error``, or no ``error`` at all: every member counts, however deep it
stands. The words of an error decide first (docs/errors.md), then its text, then its status.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from penstock.core.json_text import read_json_or_none
from penstock.core.outcome import ErrorClass, class_of_status


class ClassifiedError(msgspec.Struct, frozen=True):
    """What a provider's error means for routing. ``status`` is the one that it names or stands for."""

    status: int
    error: ErrorClass | None
    retry_after: float | None = None


def read_error(status: int, body: bytes) -> ClassifiedError:
    """Understand an error body that came with an HTTP status."""
    members = list(_members(read_json_or_none(body)))
    return ClassifiedError(status, _class(status, members), _retry_delay(members))


def error_in_reply(body: bytes) -> ClassifiedError | None:
    """The error that a plain reply with a good status is, in place of a completion; None when it isn't one."""
    reply = read_json_or_none(body)
    if not isinstance(reply, dict) or not reply.get("error") or reply.get("choices"):
        return None
    return read_error_event(body)


def read_error_event(data: bytes) -> ClassifiedError:
    """Understand an error event inside a stream: its status is the one it names, else that of its class, else 502."""
    members = list(_members(read_json_or_none(data)))
    named = next((value for key, value in members if key in _STATUS_MEMBERS and _is_status(value)), None)
    status = int(named) if named is not None else 0
    error = _class(status or 400, members) or class_of_status(status)
    if not status:
        status = 502 if error is None else _STATUS_OF.get(error, 502)
    return ClassifiedError(status, error or class_of_status(status), _retry_delay(members))


_STATUS_MEMBERS: Final = frozenset({"code", "status", "status_code", "statusCode"})
_STATUS_OF: Final = {
    ErrorClass.RATE_LIMIT: 429,
    ErrorClass.CONTEXT_LENGTH: 400,
    ErrorClass.CONTENT_FILTER: 400,
    ErrorClass.AUTH: 401,
    ErrorClass.TIMEOUT: 504,
}
_TOO_LONG: Final = frozenset(
    """
    context_length_exceeded context_window_exceeded model_max_prompt_tokens_exceeded max_tokens_exceeded
    string_above_max_length prompt_too_long request_too_large too_many_tokens
    """.split()
)
_FILTERED: Final = frozenset(
    """
    content_filter content_filtered content_policy_violation responsibleaipolicyviolation moderation_blocked
    moderation data_inspection_failed datainspectionfailed sensitive
    """.split()
)
_LIMITED: Final = frozenset("rate_limit_exceeded rate_limit_error insufficient_quota too_many_requests".split())
_REFUSED: Final = frozenset("invalid_api_key authentication_error permission_error permission_denied".split())
_TOO_LONG_TEXT: Final = re.compile(
    r"maximum context|context (length|window)|too many tokens|(prompt|input|request) (is |was )?too long"
    r"|too large for the model|reduce the length|exceeds? the (model'?s )?max\w* .{0,40}tokens|`inputs` tokens",
    re.IGNORECASE,
)
_FILTERED_TEXT: Final = re.compile(
    r"content (management )?polic|content filter|usage polic|safety system|flagged (by|as|for)|moderation",
    re.IGNORECASE,
)
_JUDGED_BY_TEXT: Final = frozenset({400, 403, 413, 422})
_DEEPEST: Final = 8


def _class(status: int, members: list[tuple[str, Any]]) -> ErrorClass | None:
    """The class of an error, by its codes first, then by its text, then by its status."""
    words = {str(value).lower() for key, value in members if key in {"code", "type", "error_type", "reason"}}
    if words & _TOO_LONG:
        return ErrorClass.CONTEXT_LENGTH
    if words & _FILTERED:
        return ErrorClass.CONTENT_FILTER
    if words & _LIMITED:
        return ErrorClass.RATE_LIMIT
    if words & _REFUSED:
        return ErrorClass.AUTH
    if status in _JUDGED_BY_TEXT:
        texts = [value for key, value in members if key in {"message", "error"} and isinstance(value, str)]
        text = " ".join(text[:2000] for text in texts)
        if _TOO_LONG_TEXT.search(text):
            return ErrorClass.CONTEXT_LENGTH
        if _FILTERED_TEXT.search(text):
            return ErrorClass.CONTENT_FILTER
    return class_of_status(status)


def _is_status(value: Any) -> bool:
    if isinstance(value, str):
        return _STATUS.fullmatch(value) is not None
    return isinstance(value, int) and 400 <= value <= 599


_STATUS: Final = re.compile(r"[45]\d\d")
_DELAY: Final = re.compile(r"(\d{1,6}(?:\.\d{1,9})?)s")


def _retry_delay(members: list[tuple[str, Any]]) -> float | None:
    """Google's ``RetryInfo``: a duration such as ``13.5s`` (google.rpc.RetryInfo, protobuf's JSON form of Duration)."""
    for key, value in members:
        delay = _DELAY.fullmatch(value) if key == "retryDelay" and isinstance(value, str) else None
        if delay is not None:
            return float(delay[1])
    return None


def _members(value: Any, depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Every member of an error, however deep its vendor puts it: the outer ones first."""
    if depth > _DEEPEST:
        return
    if isinstance(value, list):
        for item in value[:16]:
            yield from _members(item, depth + 1)
    elif isinstance(value, dict):
        yield from value.items()
        for item in value.values():
            yield from _members(item, depth + 1)
