"""Cohere's streams as far as a relay looks into them: has the answer begun, is this an error, did it end as one does,
what did it cost. Source: Cohere API reference, "Chat with Streaming".
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from penstock.core import json_text
from penstock.core.json_text import read_json, read_json_or_none
from penstock.core.usage import Usage
from penstock.dialects.cohere.relay import judge, reshape
from penstock.dialects.framing import sse
from penstock.dialects.provider_errors import ClassifiedError
from penstock.dialects.stream_grammar import ErrorForm, StreamGrammar

_END: Final = "message-end"
_SAYING: Final = frozenset(
    """
    content-start content-delta tool-plan-delta tool-call-start tool-call-delta citation-start message-end
    """.split()
)
_SURE: Final = (b'"message-end"', b'"error"', b'"message":"', b'"message": "')
"""What an event holds that may be an error; any other with a type is none."""


def _kind(name: bytes, event: dict[str, Any]) -> str:
    return json_text.text(event, "type") or name.decode("latin-1")


def error_in(name: bytes, data: bytes, provider: str = "") -> ClassifiedError | None:
    """The error that an event is, None for none. Raises ValueError for data that clients can't read."""
    if not data or data == sse.DONE:
        return None
    value = read_json(data)
    if not isinstance(value, dict) or not any(sign in data for sign in _SURE):
        return None
    if _kind(name, value) == _END:
        return judge.error_of({**value, **json_text.mapping(value, "delta")}, provider)
    is_told = isinstance(value.get("message"), str) or bool(value.get("error"))
    return judge.error_of(value, provider) if is_told else None


def error_form(name: bytes, data: bytes) -> ErrorForm:
    """How an event tells its error: as the end of the answer, or in a shape that clients don't know."""
    value = read_json_or_none(data)
    is_end = isinstance(value, dict) and _kind(name, value) == _END
    return ErrorForm.OWN if is_end else ErrorForm.FOREIGN


def has_content(name: bytes, data: bytes) -> bool:
    """Whether an event begins or goes on with a part of the answer, or ends it without an error."""
    value = read_json_or_none(data)
    return isinstance(value, dict) and _kind(name, value) in _SAYING and not _tells_error(data)


def ending(tail: bytes) -> tuple[bool, Usage | None]:
    """What the final bytes of a stream say: whether its answer was finished, and its usage."""
    for name, data in reversed([*sse.events(tail)]):
        value = read_json_or_none(data) if b"message-end" in name + data else None
        if isinstance(value, dict) and _kind(name, value) == _END:
            end = {**value, **json_text.mapping(value, "delta")}
            return judge.error_of(end, "") is None, judge.usage_in(end)
    return False, None


def is_complete(stream: bytes) -> bool:
    """Whether a stream's answer says something and ended well."""
    plain = reshape.to_plain(stream)
    value = None if plain is None else read_json_or_none(plain)
    return isinstance(value, dict) and judge.is_complete(value)


def error_in_translated(name: bytes, data: bytes, provider: str = "") -> ClassifiedError | None:
    """As ``error_in``, for a stream that the gateway wrote. A failure always has a member ``error``: an end of reason
    ERROR without it is an answer that was filtered, for which Cohere has no other word."""
    return error_in(name, data, provider) if _tells_error(data) else None


def ending_of_translated(tail: bytes) -> tuple[bool, Usage | None]:
    """As ``ending``, for a stream that the gateway wrote."""
    finished, usage = ending(tail)
    if finished:
        return True, usage
    ends = [data for name, data in sse.events(tail) if name == _END.encode()]
    return bool(ends) and not _tells_error(ends[-1]), usage


def _tells_error(data: bytes) -> bool:
    value = read_json_or_none(data) if b'"error"' in data else None
    return isinstance(value, dict) and {**value, **json_text.mapping(value, "delta")}.get("error") is not None


GRAMMAR: Final = StreamGrammar(error_in, error_form, has_content, ending, is_complete)
"""Cohere's streams, for a relay."""

TRANSLATED: Final = msgspec.structs.replace(GRAMMAR, error_in=error_in_translated, ending=ending_of_translated)
"""Cohere's streams as cohere/caller/stream.py writes them."""
