"""Gemini's streams as far as a relay looks into them: has the answer begun, is this an error, did it end as one does,
what did it cost.

Nothing marks the end of a stream: it was finished when the last response says why. Sources: Gemini API reference,
"models.streamGenerateContent", "GenerateContentResponse".
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from penstock.core.finish_reasons import is_failure
from penstock.core.json_text import UNREADABLE, read_json, read_json_or_none
from penstock.core.usage import Usage
from penstock.dialects.framing import sse
from penstock.dialects.gemini.caller.errors import has_error_shape
from penstock.dialects.gemini.relay import judge
from penstock.dialects.provider_errors import ClassifiedError
from penstock.dialects.stream_grammar import ErrorForm, StreamGrammar

_RECENT: Final = 4096
"""Bytes that nearly always hold the last response."""


class _Ending(msgspec.Struct, frozen=True, gc=False):
    finishReason: str | None = None  # noqa: N815


class _Glance(msgspec.Struct):
    """Enough of a response to know that it is JSON and whether it is an error."""

    candidates: list[_Ending] = []
    error: msgspec.Raw = msgspec.Raw(b"")


_GLANCE: Final = msgspec.json.Decoder(_Glance)


def error_in(_name: bytes, data: bytes, provider: str = "") -> ClassifiedError | None:
    """The error that an event is, None for none. Raises ValueError for data that clients can't read."""
    if not data:
        return None
    try:
        glance = _GLANCE.decode(data)
        if not bytes(glance.error) and not any(is_failure(each.finishReason) for each in glance.candidates):
            return None
    except UNREADABLE:
        pass
    value = read_json(data)
    if isinstance(value, list):
        return next((found for each in value if isinstance(each, dict) and (found := _error(each, provider))), None)
    return _error(value, provider) if isinstance(value, dict) else None


def _error(value: dict[str, Any], provider: str) -> ClassifiedError | None:
    return judge.error_of(value, provider)


def error_form(_name: bytes, data: bytes) -> ErrorForm:
    """How an event tells its error: in Google's shape, by a finish reason, or in another shape."""
    value = read_json_or_none(data)
    if has_error_shape(value):
        return ErrorForm.OWN
    return ErrorForm.CHUNK if isinstance(value, dict) and judge.says_something(value) else ErrorForm.FOREIGN


def has_content(_name: bytes, data: bytes) -> bool:
    """Whether an event says something of the answer: it has parts, or the answer ends without any."""
    value = read_json_or_none(data)
    return isinstance(value, dict) and judge.says_something(value)


def ending(tail: bytes) -> tuple[bool, Usage | None]:
    """What the final bytes of a stream say: whether its answer was finished, and its usage."""
    finished, usage = _ending(tail[-_RECENT:])
    if len(tail) > _RECENT and (not finished or usage is None):
        return _ending(tail)
    return finished, usage


def _ending(tail: bytes) -> tuple[bool, Usage | None]:
    usage: Usage | None = None
    ends: dict[int, bool] = {}
    is_blocked = False
    for _, data in sse.events(tail):
        value = read_json_or_none(data)
        if isinstance(value, dict):
            usage = judge.usage_in(value) or usage
            judge.note_ends(value, ends)
            is_blocked = is_blocked or judge.is_blocked(value)
    return is_blocked or (bool(ends) and all(ends.values())), usage


def is_complete(stream: bytes) -> bool:
    """Whether a stream's answer says something and ended well."""
    values = [read_json_or_none(data) for _, data in sse.events(stream)]
    return judge.is_complete([value for value in values if isinstance(value, dict)])


GRAMMAR: Final = StreamGrammar(error_in, error_form, has_content, ending, is_complete)
"""Gemini's streams, for a relay."""
