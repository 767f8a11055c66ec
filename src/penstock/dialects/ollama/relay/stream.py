"""Ollama's streams as far as a relay looks into them: has the answer begun, is this an error, did it end as one does,
what did it cost. A line is the data of an event (dialects/ollama/lines.py). Source: Ollama API documentation,
"Streaming", "Errors".
"""

from __future__ import annotations

from typing import Final

import msgspec

from penstock.core.finish_reasons import is_failure
from penstock.core.json_text import UNREADABLE, read_json, read_json_or_none
from penstock.core.usage import Usage
from penstock.dialects.framing import sse
from penstock.dialects.ollama.caller.errors import FORM
from penstock.dialects.ollama.relay import judge
from penstock.dialects.ollama.usage import read_usage
from penstock.dialects.provider_errors import ClassifiedError
from penstock.dialects.stream_grammar import ErrorForm, StreamGrammar


class _Glance(msgspec.Struct):
    """Enough of a line to know that it is JSON and whether it is an error."""

    done_reason: str | None = None
    error: msgspec.Raw = msgspec.Raw(b"")


_GLANCE: Final = msgspec.json.Decoder(_Glance)


def error_in(_name: bytes, data: bytes, provider: str = "") -> ClassifiedError | None:
    """The error that a line is, None for none. Raises ValueError for a line that clients can't read."""
    if not data:
        return None
    try:
        glance = _GLANCE.decode(data)
        if not bytes(glance.error) and not is_failure(glance.done_reason):
            return None
    except UNREADABLE:
        pass
    value = read_json(data)
    return judge.error_of(value, provider) if isinstance(value, dict) else None


def error_form(_name: bytes, data: bytes) -> ErrorForm:
    """How a line tells its error: in Ollama's shape, by the reason of its end, or in another shape."""
    value = read_json_or_none(data)
    if FORM.is_error(value):
        return ErrorForm.OWN
    return ErrorForm.CHUNK if isinstance(value, dict) and judge.says_something(value) else ErrorForm.FOREIGN


def has_content(_name: bytes, data: bytes) -> bool:
    """Whether a line says something of the answer, or ends it without a word."""
    value = read_json_or_none(data)
    return isinstance(value, dict) and (judge.says_something(value) or value.get("done") is True)


def ending(tail: bytes) -> tuple[bool, Usage | None]:
    """What the final bytes of a stream say: whether its answer was finished, and its usage."""
    last = None
    for _, data in sse.events(tail[tail.rstrip().rfind(b"\n\n") + 1 :]):
        last = read_json_or_none(data)
    if not isinstance(last, dict):
        return False, None
    return last.get("done") is True and not last.get("error"), read_usage(last)


def is_complete(stream: bytes) -> bool:
    """Whether a stream's answer says something and ended well."""
    values = [read_json_or_none(data) for _, data in sse.events(stream)]
    return judge.is_complete([value for value in values if isinstance(value, dict)])


GRAMMAR: Final = StreamGrammar(error_in, error_form, has_content, ending, is_complete)
"""Ollama's streams, for a relay."""
