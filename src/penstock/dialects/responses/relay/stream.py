"""Streams of Responses as far as a relay looks into them: has the answer begun, is this an error, did it end as one
does, what did it cost.

The kind of an event is its name, or its ``type`` where a host leaves names out. Source: OpenAI API reference,
"Streaming events".
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from penstock.core import json_text
from penstock.core.json_text import UNREADABLE, read_json, read_json_or_none, write_json
from penstock.core.usage import Usage
from penstock.core.vendor_error import is_error
from penstock.dialects.framing import sse
from penstock.dialects.provider_errors import ClassifiedError, classified
from penstock.dialects.responses.relay.judge import STATUS_OF_CODE, error_of
from penstock.dialects.responses.usage import read_usage, usage_of
from penstock.dialects.service_tier import with_tier
from penstock.dialects.stream_grammar import ErrorForm, StreamGrammar

_FINISHED: Final = frozenset({b"response.completed", b"response.incomplete"})
_FAILED: Final = frozenset({b"error", b"response.failed"})
_ENDS: Final = _FINISHED | {b"response.failed"}
_NOTHING: Final = _FAILED | {b"response.created", b"response.in_progress", b"response.queued", b"keepalive", b"ping"}


class _Glance(msgspec.Struct):
    """Enough of an event to know that it is JSON, and what it is."""

    type: str = ""
    error: msgspec.Raw = msgspec.Raw(b"null")


_GLANCE: Final = msgspec.json.Decoder(_Glance)


class _Sound(msgspec.Struct, gc=False):
    """An event without an error: one decode tells nearly all events from those that are looked into."""

    type: str
    error: None = None


_SOUND: Final = msgspec.json.Decoder(_Sound)
_LOOKED_INTO: Final = frozenset({"", "error", "response.failed"})


def _kind(name: bytes, data: bytes) -> bytes:
    """The kind of an event."""
    if name:
        return name
    try:
        return _GLANCE.decode(data).type.encode("utf-8", "surrogatepass")
    except UNREADABLE:
        value = read_json_or_none(data)
        return json_text.text(value, "type").encode("utf-8", "surrogatepass") if isinstance(value, dict) else b""


def error_in(name: bytes, data: bytes, provider: str = "") -> ClassifiedError | None:
    """The error that an event is, None for none. Raises ValueError for data that clients can't read."""
    if not data or data == sse.DONE:
        return None
    try:
        if _SOUND.decode(data).type not in _LOOKED_INTO and name not in _FAILED:
            return None
    except UNREADABLE:
        pass
    try:
        glance = _GLANCE.decode(data)
        kind = glance.type.encode("utf-8", "surrogatepass")
        if kind and kind not in _FAILED and name not in _FAILED and not bytes(glance.error).startswith(b"{"):
            return None
    except UNREADABLE:
        kind = b""
    return _error_of(kind or name, read_json(data), provider)


def _error_of(kind: bytes, value: Any, provider: str) -> ClassifiedError | None:
    if not isinstance(value, dict):
        return classified({}, provider) if kind == b"error" else None
    if kind == b"response.failed":
        response = json_text.mapping(value, "response")
        return error_of({**response, "status": "failed"}, provider)
    if kind == b"error" or value.get("type") == "error" or isinstance(value.get("error"), dict):
        code = json_text.text(value, "code") or json_text.text(json_text.mapping(value, "error"), "code")
        return classified(value, provider, STATUS_OF_CODE.get(code, 0))
    return classified(value, provider) if "type" not in value and is_error(value) else None


def error_form(name: bytes, data: bytes) -> ErrorForm:
    """How an event tells its error: clients know ``error`` and ``response.failed``."""
    value = read_json_or_none(data)
    kind = json_text.text(value, "type") if isinstance(value, dict) else ""
    is_own = kind in {"error", "response.failed"} and name in {b"", kind.encode()}
    return ErrorForm.OWN if is_own else ErrorForm.FOREIGN


def has_content(name: bytes, data: bytes) -> bool:
    """Whether an event says something of the answer: an item begins or goes on, or the response ends without any."""
    kind = _kind(name, data)
    return bool(kind) and kind not in _NOTHING


def ending(tail: bytes) -> tuple[bool, Usage | None]:
    """What the final bytes of a stream say: whether its response was finished, and its usage."""
    for name, data in reversed(list(sse.events(tail))):
        if (name and name not in _ENDS) or data == sse.DONE:
            continue
        value = read_json_or_none(data)
        last_type = json_text.text(value, "type") if isinstance(value, dict) else ""
        kind = last_type.encode("utf-8", "surrogatepass")
        if kind in _ENDS:
            return kind in _FINISHED, usage_of(json_text.mapping(value, "response"))
    return _ending_of_a_piece(tail)


_USAGE: Final = re.compile(rb'"usage":\s*(\{(?:[^{}]|\{[^{}]*\})*\})')
_TIER: Final = re.compile(rb'"service_tier":\s*"([a-z_]{1,32})"')
_FIELDS: Final = (b"event:", b"data:", b":")
_EMPTY_LINES: Final = (b"}\n\n", b"}\r\n\r\n")


def _ending_of_a_piece(tail: bytes) -> tuple[bool, Usage | None]:
    """The same where the last event is longer than what a relay remembers, so that only its end is at hand. Bytes that
    were cut don't end with an empty line: within an event there is none."""
    if tail.startswith(_FIELDS) or not tail.endswith(_EMPTY_LINES):
        return False, None
    found, tiers = _USAGE.findall(tail), _TIER.findall(tail)
    if not found:
        return False, None
    return True, with_tier(read_usage(read_json_or_none(found[-1])), tiers[-1].decode() if tiers else None)


def is_complete(stream: bytes) -> bool:
    """Whether a stream's response says something and ended well."""
    for name, data in reversed(list(sse.events(stream))):
        if _kind(name, data) == b"response.completed":
            value = read_json_or_none(data)
            response = json_text.mapping(value, "response") if isinstance(value, dict) else {}
            return bool(response.get("output")) and response.get("status", "completed") == "completed"
    return False


# Errors in a stream that has begun.

_NUMBER: Final = re.compile(rb'"sequence_number":\s*(\d+)')
_RESPONSE_ID: Final = re.compile(rb'"response":\{(?:[^{}]|\{[^{}]*\}){0,4096}?"id":"([^"\\]{1,512})"')


def fit_error(tail: bytes, event: bytes) -> bytes:
    """An error event as it follows the last events: the next number, as the end of the response that has begun."""
    numbers = _NUMBER.findall(tail)
    value = read_json_or_none(next((data for _, data in sse.events(event)), b""))
    if not numbers or not isinstance(value, dict) or value.get("type") != "error":
        return event
    number = int(numbers[-1]) + 1
    known = _RESPONSE_ID.search(tail)
    error = {"code": value.get("code"), "message": value.get("message")}
    response: dict[str, Any] = {
        "id": "" if known is None else known[1].decode("utf-8", "replace"),
        "object": "response",
        "status": "failed",
        "error": error,
        "incomplete_details": None,
        "output": [],
        "usage": None,
    }
    failed = {"type": "response.failed", "response": response, "sequence_number": number}
    return b"event: response.failed\ndata: " + write_json(failed) + b"\n\n"


GRAMMAR: Final = StreamGrammar(error_in, error_form, has_content, ending, is_complete, fit_error=fit_error)
"""Streams of Responses, for a relay."""
