"""Anthropic's streams and replies as far as a relay looks into them: has the answer begun, is this an error, did it end
as one does, what did it cost.

Sources: Anthropic API reference, "Create a Message"; Claude docs, "Streaming messages", "Errors".
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from penstock.core import json_text
from penstock.core.failure import Failure, Kind
from penstock.core.json_text import UNREADABLE, read_json, read_json_or_none
from penstock.core.usage import Usage
from penstock.dialects.anthropic.provider.events import ERROR_STATUS
from penstock.dialects.anthropic.usage import merged
from penstock.dialects.anthropic.usage import read_usage as read_counts
from penstock.dialects.caller import StreamGrammar
from penstock.dialects.framing import sse
from penstock.dialects.provider_errors import ClassifiedError, read_error, read_error_event

_SAYING: Final = frozenset({b"content_block_start", b"content_block_delta"})
_NOTHING: Final = frozenset({b"message_start", b"ping", b"content_block_stop", b"message_stop", b"error"})
_RECENT: Final = 4096
"""Bytes that nearly always hold all that an ending says."""


class _Glance(msgspec.Struct):
    """Enough of an event to know that it is JSON and whether it is an error."""

    type: str = ""
    error: msgspec.Raw = msgspec.Raw(b"null")


_GLANCE: Final = msgspec.json.Decoder(_Glance)


def error_in(name: bytes, data: bytes) -> ClassifiedError | None:
    """The error that an event is, None for none. Raises ValueError for data that clients can't read."""
    if not data:
        return None
    try:
        glance = _GLANCE.decode(data)
        failed = name == b"error" or glance.type == "error" or bytes(glance.error).startswith(b"{")
    except UNREADABLE:
        value = read_json(data)
        failed = isinstance(value, dict) and (value.get("type") == "error" or isinstance(value.get("error"), dict))
    return classified(data) if failed or name == b"error" else None


def classified(data: bytes) -> ClassifiedError:
    """What an error of Anthropic's means, told within a reply whose status is good: by its type."""
    value = read_json_or_none(data)
    error = json_text.mapping(value, "error") if isinstance(value, dict) else {}
    status = ERROR_STATUS.get(json_text.text(error, "type"))
    return read_error_event(data) if status is None else read_error(status, data)


def has_content(name: bytes, data: bytes) -> bool:
    """Whether an event says something of the answer: a block begins or goes on, or the message ends without any."""
    kind = name if name in _SAYING or name in _NOTHING or name == b"message_delta" else _kind(data)
    return kind in _SAYING or kind == b"message_delta"


def _kind(data: bytes) -> bytes:
    try:
        return _GLANCE.decode(data).type.encode("utf-8", "surrogatepass")
    except UNREADABLE:
        value = read_json_or_none(data)
        return json_text.text(value, "type").encode("utf-8", "surrogatepass") if isinstance(value, dict) else b""


def ending(tail: bytes) -> tuple[bool, Usage | None]:
    """What the final bytes of a stream say: whether its message was finished, and its usage. Counts of the beginning
    are known where the beginning is among these bytes; the end repeats those that matter."""
    finished, usage = _ending(tail[-_RECENT:])
    if len(tail) > _RECENT and (not finished or usage is None or b"message_start" in tail):
        return _ending(tail)
    return finished, usage


def _ending(tail: bytes) -> tuple[bool, Usage | None]:
    finished = False
    usage: dict[str, Any] = {}
    for _, data in sse.events(tail):
        if not any(word in data for word in _OF_THE_MESSAGE):
            continue
        value = read_json_or_none(data)
        kind = value.get("type") if isinstance(value, dict) else None
        if kind == "message_stop":
            finished = True
        elif kind == "message_start":
            merged(usage, json_text.mapping(json_text.mapping(value, "message"), "usage"))
        elif kind == "message_delta":
            merged(usage, json_text.mapping(value, "usage"))
            finished = finished or bool(json_text.mapping(value, "delta").get("stop_reason"))
    return finished, read_counts(usage)


_OF_THE_MESSAGE: Final = (b"message_stop", b"message_delta", b"message_start")


GRAMMAR: Final = StreamGrammar(error_in, has_content, ending)
"""Anthropic's streams, for a relay."""


# Plain replies.


class _UsageOnly(msgspec.Struct):
    usage: dict[str, Any] | None = None


_USAGE_ONLY: Final = msgspec.json.Decoder(_UsageOnly)


def read_usage(data: bytes) -> Usage | Failure | None:
    """The usage that a plain reply reports, or a failure when the reply is no JSON object at all."""
    try:
        return read_counts(_USAGE_ONLY.decode(data).usage or {})
    except UNREADABLE:
        value = read_json_or_none(data)
    if not isinstance(value, dict):
        return Failure(Kind.INVALID_RESPONSE, "The reply says success but its body is not a JSON object.", sent=True)
    return read_counts(json_text.mapping(value, "usage"))


def error_in_reply(body: bytes) -> ClassifiedError | None:
    """The error that a plain reply with a good status is, in place of a message or a count of tokens."""
    value = read_json_or_none(body)
    if not isinstance(value, dict):
        return None
    if value.get("type") == "error" or isinstance(value.get("error"), dict | str):
        return classified(body)
    is_answer = isinstance(value.get("content"), list) or "input_tokens" in value
    return None if is_answer else read_error_event(body)
