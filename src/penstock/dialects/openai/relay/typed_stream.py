"""Streams of OpenAI's images and audio, as far as a relay looks into them: events that say their ``type``.

``image_generation.partial_image`` … ``image_generation.completed``, ``speech.audio.delta`` … ``speech.audio.done``,
``transcript.text.delta`` … ``transcript.text.done``. Some hosts answer in the chunks of chats instead. Source: OpenAI
API reference, "Streaming events" of images and of audio.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from penstock.core.json_text import UNREADABLE, read_json, read_json_or_none, write_json
from penstock.core.usage import Usage
from penstock.dialects.framing import sse
from penstock.dialects.openai.relay import stream
from penstock.dialects.openai.relay.units import usage_of
from penstock.dialects.provider_errors import ClassifiedError, classified
from penstock.dialects.stream_grammar import ErrorForm, StreamGrammar

_ENDS: Final = (".done", ".completed")
_USAGE: Final = b'"usage"'
_DECODER: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


class _Glance(msgspec.Struct, gc=False):
    """An event that is no error, told by one decode: a picture in it is not copied."""

    type: str = ""
    error: None = None


_GLANCE: Final = msgspec.json.Decoder(_Glance)


def error_in(name: bytes, data: bytes, provider: str = "") -> ClassifiedError | None:
    """The error that an event is; None for any other. Raises ValueError for data that is no JSON."""
    if not data or data == sse.DONE:
        return None
    try:
        is_error = _GLANCE.decode(data).type == "error" or name == b"error"
    except UNREADABLE:
        value = read_json(data)
        is_error = name == b"error" or (isinstance(value, dict) and bool(value.get("error")))
    return classified(read_json(data), provider) if is_error else None


def error_form(_name: bytes, data: bytes) -> ErrorForm:
    """How an event tells its error: OpenAI's SDKs raise for an object ``error``."""
    event = read_json_or_none(data)
    error = event.get("error") if isinstance(event, dict) else None
    return ErrorForm.OWN if isinstance(error, dict) and error.get("message") else ErrorForm.FOREIGN


def has_content(name: bytes, data: bytes) -> bool:
    """Whether an event says something: any event but errors and the mark of the end."""
    return name != b"error" and bool(data) and data != sse.DONE


def ending(tail: bytes) -> tuple[bool, Usage | None]:
    """Whether the stream was finished, and its usage. ``tail`` may begin within an event, whose picture is long."""
    finished, usage = stream.ending(tail)
    for _, data in sse.events(tail):
        kind, last_usage = _last(data)
        finished = finished or kind.endswith(_ENDS)
        usage = last_usage or usage
    if usage is None and (cut := _usage_in(tail)) is not None:
        return True, cut
    return finished, usage


def _last(data: bytes) -> tuple[str, Usage | None]:
    """An event's type, and the usage that it tells."""
    try:
        members = _DECODER.decode(data)
        kind = msgspec.json.decode(members.get("type", b'""'))
    except UNREADABLE:
        return "", None
    return kind if isinstance(kind, str) else "", usage_of(bytes(members.get("usage", b"null")))


def _usage_in(tail: bytes) -> Usage | None:
    """The usage of a last event whose beginning has passed long ago: the last member of that name."""
    at = tail.rfind(_USAGE)
    if at < 0:
        return None
    rest = b'{"usage"' + tail[at + len(_USAGE) :].rstrip()
    value: Any = read_json_or_none(rest)
    return usage_of(write_json(value.get("usage"))) if isinstance(value, dict) else None


def is_complete(_events: bytes) -> bool:
    """These streams are not stored, so nothing asks."""
    return False


STREAM: Final = StreamGrammar(error_in, error_form, has_content, ending, is_complete)
