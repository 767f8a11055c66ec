"""Chat completion streams, as far as a relay looks into them (stream_watch.py): the grammar of OpenAI's wire.

Source: OpenAI API reference, "The chat completion chunk object".
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from penstock.core.json_text import UNREADABLE, read_json_or_none
from penstock.core.usage import Usage
from penstock.dialects.caller import StreamGrammar
from penstock.dialects.framing import sse
from penstock.dialects.openai.relay.body import read_reply
from penstock.dialects.provider_errors import ClassifiedError, read_error_event

DONE: Final = b"[DONE]"
_NO_ERROR: Final = msgspec.Raw(b"null")


class _Glance(msgspec.Struct):
    """Enough of a chunk to know that it is JSON and whether it is an error."""

    error: msgspec.Raw = _NO_ERROR


_GLANCE: Final = msgspec.json.Decoder(_Glance)


def error_in(name: bytes, data: bytes) -> ClassifiedError | None:
    """The error that an event is; None for a chunk. Raises ValueError for data that is no JSON."""
    if not data or data == DONE:
        return None
    try:
        error = _GLANCE.decode(data).error
        failed = name == b"error" or (error is not _NO_ERROR and bytes(error) != b"null")
    except UNREADABLE:
        chunk = read_json_or_none(data)
        if chunk is None:
            raise ValueError("no JSON") from None
        failed = isinstance(chunk, dict) and bool(chunk.get("error"))
    return read_error_event(data) if failed else None


def has_content(name: bytes, data: bytes) -> bool:
    """Whether an event says something: text, tool calls or anything else but a role, or that a choice is finished."""
    chunk = None if name == b"error" or data == DONE else read_json_or_none(data)
    if not isinstance(chunk, dict) or chunk.get("error"):
        return False
    choices = chunk.get("choices")
    return isinstance(choices, list) and any(isinstance(choice, dict) and _has_content(choice) for choice in choices)


def _has_content(choice: dict[str, Any]) -> bool:
    if choice.get("finish_reason") or choice.get("text"):
        return True
    delta = choice.get("delta")
    return isinstance(delta, dict) and any(value for key, value in delta.items() if key != "role")


def ending(tail: bytes) -> tuple[bool, Usage | None]:
    """What the final bytes of a stream say: whether it was finished (``[DONE]`` or a finish reason), and its usage."""
    finished, usage = _ending(tail[-_RECENT:])
    if finished and (usage is not None or b'"usage"' not in tail):
        return finished, usage
    return _ending(tail)


_RECENT: Final = 2048
"""Bytes that nearly always hold all that an ending says."""


def _ending(tail: bytes) -> tuple[bool, Usage | None]:
    finished, usage = False, None
    for _, data in reversed(list(sse.events(tail))):
        if data == DONE:
            finished = True
        elif usage is None and b'"usage"' in data:
            found = read_reply(data)
            usage = found if isinstance(found, Usage) else None
        if not finished and b'"finish_reason"' in data:
            finished = _finishes(data)
    return finished, usage


def _finishes(data: bytes) -> bool:
    chunk = read_json_or_none(data)
    choices = chunk.get("choices") if isinstance(chunk, dict) else None
    return isinstance(choices, list) and any(isinstance(c, dict) and c.get("finish_reason") for c in choices)


def is_usage_only(data: bytes) -> bool:
    """Whether a chunk has no choice and only tells the usage (``stream_options.include_usage``)."""
    chunk = read_json_or_none(data)
    return isinstance(chunk, dict) and isinstance(chunk.get("usage"), dict) and chunk.get("choices") == []


STREAM: Final = StreamGrammar(error_in, has_content, ending, is_usage_only, b'"prompt_tokens"')
