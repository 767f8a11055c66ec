"""What a provider's error means for routing, whatever wire the provider speaks: its class, status and delay.

Errors are an object, a string or a list under ``error``, or no ``error`` at all: every member counts, however deep it
stands. The codes of an error decide first, then its text, then its status; error_words/ holds the words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from penstock.core.events import Fail
from penstock.core.json_text import read_json_or_none, write_json
from penstock.core.outcome import ErrorClass, class_of_status
from penstock.core.vendor_error import read_vendor_error
from penstock.dialects.error_words import class_of_code, class_of_text


class ClassifiedError(msgspec.Struct, frozen=True):
    """What a provider's error means for routing. ``status`` is the one that it names or stands for."""

    status: int
    error: ErrorClass | None
    retry_after: float | None = None


def read_error(status: int, body: bytes, provider: str = "") -> ClassifiedError:
    """Understand an error body that came with an HTTP status. ``provider`` is the slug of who sent it."""
    members = list(_members(read_json_or_none(body)))
    return ClassifiedError(status, _class(status, members, provider), _retry_delay(members))


def read_error_event(data: bytes, provider: str = "") -> ClassifiedError:
    """Understand an error event inside a stream: its status is the one it names, else that of its class, else 502."""
    return classified(read_json_or_none(data), provider)


def classified(error: Any, provider: str, status: int = 0) -> ClassifiedError:
    """Understand a decoded error that came with a good status. ``status``: the one that the wire knows it by."""
    members = list(_members(error))
    status = status or _named_status(members)
    found = _class(status or 400, members, provider) or class_of_status(status)
    if not status:
        status = 502 if found is None else _STATUS_OF.get(found, 502)
    return ClassifiedError(status, found or class_of_status(status), _retry_delay(members))


def error_of(fail: Fail, provider: str) -> tuple[bytes, ClassifiedError]:
    """The body of an error that a reply with a good status told, and what it means: as the provider told it, whatever
    wire it is told on in. Some failures are read of a reply that holds no error's text."""
    value = read_json_or_none(fail.raw) if fail.raw else None
    body = fail.raw
    vendor_error = read_vendor_error(value)
    # A word of failure by which an answer ended has no code of its own there.
    is_word = isinstance(value, dict) and "error" not in value and bool(fail.code) and vendor_error.type == fail.code
    if not vendor_error.message or (is_word and vendor_error.code is None):
        value = {"error": {"message": fail.message, "type": fail.type or None, "code": fail.code or None}}
        body = write_json(value)
    return body, classified(value, provider, fail.status if 400 <= fail.status < 600 else 0)


def _named_status(members: list[tuple[str, Any]]) -> int:
    """The HTTP status that an error names; 0 for none."""
    return next((int(value) for key, value in members if key in _STATUS_MEMBERS and _is_status(value)), 0)


_STATUS_MEMBERS: Final = frozenset({"code", "status", "status_code", "statusCode", "error_code", "http_code"})
_STATUS_OF: Final = {
    ErrorClass.RATE_LIMIT: 429,
    ErrorClass.QUOTA: 402,
    ErrorClass.CONTEXT_LENGTH: 400,
    ErrorClass.CONTENT_FILTER: 400,
    ErrorClass.AUTH: 401,
    ErrorClass.TIMEOUT: 504,
}
_CODE_MEMBERS: Final = frozenset(
    """
    code type error_type error_code errorCode __type reason status status_code finish_reason native_finish_reason
    """.split()
)
_TEXT_MEMBERS: Final = frozenset({"message", "Message", "error", "detail", "msg", "error_msg", "status_msg", "title"})
_DEEPEST: Final = 8
_NUMBER: Final = re.compile(r"\((\d{4})\)\s*\Z|\A\[(\d{4})\]")
_LONGEST: Final = 2000
"""Characters of a text that are searched for words."""


def _class(status: int, members: list[tuple[str, Any]], provider: str) -> ErrorClass | None:
    """The class of an error, by its codes first, then by its text, then by its status."""
    texts = [value[:_LONGEST] for key, value in members if key in _TEXT_MEMBERS and isinstance(value, str)]
    found = class_of_code(_codes(members, texts), provider)
    return found or class_of_text(" ".join(texts), status) or class_of_status(status)


def _codes(members: list[tuple[str, Any]], texts: list[str]) -> set[str]:
    """An error's codes in lower case: with their first part (``SensitiveContentDetected.Violence``), and the numbers
    that MiniMax and Z.ai put into the message of an error in Anthropic's shape (docs/quirks.md#codes-in-messages)."""
    codes = {
        str(value).lower()
        for key, value in members
        if key in _CODE_MEMBERS and isinstance(value, str | int) and not isinstance(value, bool)
    }
    codes |= {code.partition(".")[0] for code in codes}
    return codes.union(*(match.groups("") for text in texts if (match := _NUMBER.search(text)))) - {""}


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
