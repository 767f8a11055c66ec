"""Chat completion streams, as far as a relay looks into them (stream_watch.py): the grammar of OpenAI's wire.

Source: OpenAI API reference, "The chat completion chunk object".
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from penstock.core import finish_reasons
from penstock.core.json_text import UNREADABLE, read_json, read_json_or_none
from penstock.core.usage import Usage
from penstock.core.vendor_error import failed_choice, hidden_error
from penstock.dialects.framing import sse
from penstock.dialects.openai.relay.chat_body import read_reply
from penstock.dialects.openai.relay.judge import error_of
from penstock.dialects.provider_errors import ClassifiedError, classified
from penstock.dialects.stream_grammar import ErrorForm, StreamGrammar


class _GlanceChoice(msgspec.Struct, gc=False):
    finish_reason: None = None
    native_finish_reason: None = None
    error: None = None


class _Glance(msgspec.Struct, gc=False):
    """A chunk of an answer that goes on: one decode tells it from all others, which are looked into one by one."""

    choices: list[_GlanceChoice]
    error: None = None
    base_resp: None = None


_GLANCE: Final = msgspec.json.Decoder(_Glance)


def error_in(name: bytes, data: bytes, provider: str = "") -> ClassifiedError | None:
    """The error that an event is; None for a chunk. Raises ValueError for data that is no JSON."""
    if not data or data == sse.DONE:
        return None
    try:
        _GLANCE.decode(data)
    except UNREADABLE:
        return _error_of(name, read_json(data), provider)
    return None if name != b"error" else _error_of(name, read_json(data), provider)


def _error_of(name: bytes, chunk: Any, provider: str) -> ClassifiedError | None:
    if name == b"error":
        return classified(chunk, provider)
    if isinstance(chunk, dict):
        is_chunk = isinstance(chunk.get("choices"), list) or isinstance(chunk.get("usage"), dict)
        if is_chunk and not (chunk.get("choices") or chunk.get("error") or hidden_error(chunk)):
            return None
    error = error_of(chunk)
    return None if error is None else classified(error, provider)


def error_form(_name: bytes, data: bytes) -> ErrorForm:
    """How an event tells its error: clients understand an object ``error`` with a message."""
    chunk = read_json_or_none(data)
    error = chunk.get("error") if isinstance(chunk, dict) else None
    if isinstance(error, dict) and isinstance(error.get("message"), str) and error["message"]:
        return ErrorForm.OWN
    return ErrorForm.CHUNK if isinstance(chunk, dict) and chunk.get("choices") else ErrorForm.FOREIGN


def has_content(name: bytes, data: bytes) -> bool:
    """Whether an event says something: text, tool calls or anything else but a role, or that a choice is finished."""
    chunk = None if name == b"error" or data == sse.DONE else read_json_or_none(data)
    if not isinstance(chunk, dict) or chunk.get("error"):
        return False
    choices = chunk.get("choices")
    return isinstance(choices, list) and any(isinstance(choice, dict) and _has_content(choice) for choice in choices)


def _has_content(choice: dict[str, Any]) -> bool:
    if choice.get("text") or (choice.get("finish_reason") and failed_choice(choice) is None):
        return True
    delta = choice.get("delta")
    return isinstance(delta, dict) and any(value for key, value in delta.items() if key != "role")


def ending(tail: bytes) -> tuple[bool, Usage | None]:
    """What the final bytes of a stream say: whether it was finished (``[DONE]``, or a finish reason of each choice),
    and its usage."""
    is_done, usage = _ending(tail[-_RECENT:])
    if not is_done or (usage is None and b'"usage"' in tail):
        is_done, usage = _ending(tail)
    return is_done or _are_finished(tail), usage


_RECENT: Final = 2048
"""Bytes that nearly always hold all that an ending says."""


def _ending(tail: bytes) -> tuple[bool, Usage | None]:
    """Whether ``[DONE]`` is among the events, and their last usage."""
    is_done, usage = False, None
    for _, data in reversed(list(sse.events(tail))):
        if data == sse.DONE:
            is_done = True
        elif usage is None and b'"usage"' in data:
            found = read_reply(data)
            usage = found if isinstance(found, Usage) else None
    return is_done, usage


def _are_finished(tail: bytes) -> bool:
    """Whether each choice among the events has a finish reason: of several, one may break off while others are over."""
    has_reason: dict[object, bool] = {}
    for _, data in sse.events(tail):
        chunk = read_json_or_none(data) if data[:1] == b"{" else None
        choices = chunk.get("choices") if isinstance(chunk, dict) else None
        for place, choice in enumerate(choices if isinstance(choices, list) else ()):
            if isinstance(choice, dict):
                index = choice["index"] if type(choice.get("index")) is int else place
                has_reason[index] = has_reason.get(index, False) or bool(choice.get("finish_reason"))
    return bool(has_reason) and all(has_reason.values())


def is_complete(stream: bytes) -> bool:
    """Whether every choice of a stream says something and ended well."""
    with_content: set[Any] = set()
    reasons: dict[Any, Any] = {}
    for _, data in sse.events(stream):
        chunk = read_json_or_none(data) if data and data != sse.DONE else None
        choices = chunk.get("choices") if isinstance(chunk, dict) else None
        for choice in choices if isinstance(choices, list) else ():
            if not isinstance(choice, dict):
                return False
            index = choice["index"] if type(choice.get("index")) is int else 0
            reasons[index] = choice.get("finish_reason") or reasons.get(index)
            delta = choice.get("delta")
            if choice.get("text") or (isinstance(delta, dict) and any(map(delta.get, delta.keys() - {"role"}))):
                with_content.add(index)
    return bool(reasons) and with_content == reasons.keys() and all(map(finish_reasons.is_complete, reasons.values()))


def is_usage_only(data: bytes) -> bool:
    """Whether a chunk has no choice and only tells the usage (``stream_options.include_usage``)."""
    chunk = read_json_or_none(data)
    return isinstance(chunk, dict) and isinstance(chunk.get("usage"), dict) and chunk.get("choices") == []


STREAM: Final = StreamGrammar(
    error_in, error_form, has_content, ending, is_complete, is_usage_only, b'"prompt_tokens"', terminator=sse.DONE
)
