"""Anthropic's streams and replies as far as a relay looks into them: has the answer begun, is this an error, did it end
as one does, what did it cost.

Sources: Anthropic API reference, "Create a Message"; Claude docs, "Streaming messages", "Errors".
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from penstock.core import finish_reasons, json_text
from penstock.core.finish_reasons import is_failure
from penstock.core.json_text import UNREADABLE, read_json, read_json_or_none
from penstock.core.usage import Usage
from penstock.core.vendor_error import is_error
from penstock.dialects.anthropic.relay.judge import classified_error, has_error_shape
from penstock.dialects.anthropic.usage import merged
from penstock.dialects.anthropic.usage import read_usage as read_counts
from penstock.dialects.framing import sse
from penstock.dialects.provider_errors import ClassifiedError
from penstock.dialects.stream_grammar import ErrorForm, StreamGrammar

_SAYING: Final = frozenset({b"content_block_start", b"content_block_delta"})
_NOTHING: Final = frozenset({b"message_start", b"ping", b"content_block_stop", b"message_stop", b"error"})
_RECENT: Final = 4096
"""Bytes that nearly always hold all that an ending says."""


class _Delta(msgspec.Struct, frozen=True, gc=False):
    stop_reason: str | None = None


class _Glance(msgspec.Struct):
    """Enough of an event to know that it is JSON and whether it is an error."""

    type: str = ""
    error: msgspec.Raw = msgspec.Raw(b"null")
    delta: _Delta = _Delta()


_GLANCE: Final = msgspec.json.Decoder(_Glance)


class _Sound(msgspec.Struct, gc=False):
    """An event without an error or an end: one decode tells nearly all events from those that are looked into."""

    type: str
    error: None = None
    delta: _Delta = _Delta()


_SOUND: Final = msgspec.json.Decoder(_Sound)
_LOOKED_INTO: Final = frozenset({"", "error"})


def error_in(name: bytes, data: bytes, provider: str = "") -> ClassifiedError | None:
    """The error that an event is, None for none. Raises ValueError for data that clients can't read."""
    if not data:
        return None
    try:
        sound = _SOUND.decode(data)
        if sound.type not in _LOOKED_INTO and sound.delta.stop_reason is None and name != b"error":
            return None
    except UNREADABLE:
        pass
    try:
        glance = _GLANCE.decode(data)
        failed = name == b"error" or glance.type in ("error", "") or bytes(glance.error).startswith(b"{")
        if not failed and not is_failure(glance.delta.stop_reason):
            return None
    except UNREADABLE:
        pass
    return _error_of(name, read_json(data), provider)


def _error_of(name: bytes, value: Any, provider: str) -> ClassifiedError | None:
    if not isinstance(value, dict):
        return classified_error({}, provider) if name == b"error" else None
    if name == b"error" or value.get("type") == "error" or isinstance(value.get("error"), dict):
        return classified_error(value, provider)
    reason = json_text.mapping(value, "delta").get("stop_reason")
    if is_failure(reason):
        return classified_error({"message": f"the answer was broken off ({reason})", "type": reason}, provider)
    return classified_error(value, provider) if "type" not in value and is_error(value) else None


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


def error_form(name: bytes, data: bytes) -> ErrorForm:
    """How an event tells its error: clients go by the event's name and want the wire's own object."""
    is_told = name == b"error" and has_error_shape(read_json_or_none(data))
    return ErrorForm.OWN if is_told else ErrorForm.CHUNK if _kind(data) == b"message_delta" else ErrorForm.FOREIGN


def is_complete(stream: bytes) -> bool:
    """Whether a stream's message says something and ended well."""
    says, reason = False, None
    for name, data in sse.events(stream):
        says = says or name in _SAYING or (not name and _kind(data) in _SAYING)
        if b"message_delta" in data or name == b"message_delta":
            value = read_json_or_none(data)
            delta = json_text.mapping(value, "delta") if isinstance(value, dict) else {}
            reason = delta.get("stop_reason") or reason
    return says and finish_reasons.is_complete(reason)


GRAMMAR: Final = StreamGrammar(error_in, error_form, has_content, ending, is_complete)
"""Anthropic's streams, for a relay."""
