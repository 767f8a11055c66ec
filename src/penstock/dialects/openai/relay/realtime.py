"""Events of OpenAI's Realtime API, as far as the gateway looks into them: usage, models that are named, errors.

Sources: OpenAI API reference, "Realtime server events" (response.done,
conversation.item.input_audio_transcription.completed, error) and "Realtime client events" (session.update).
"""

from __future__ import annotations

import math
import re
from typing import Any, Final, TypeVar

import msgspec

from penstock.core import json_text
from penstock.core.failure import Failure
from penstock.core.json_text import UNREADABLE, read_reply_json, write_json
from penstock.core.usage import MOST_UNITS, Usage
from penstock.dialects.session_events import SessionEvents
from penstock.dialects.session_models import models_in

_USED: Final = re.compile(rb'"(?:response\.done|conversation\.item\.input_audio_transcription\.completed)"')


class _Details(msgspec.Struct):
    cached_tokens: int | None = None
    audio_tokens: int | None = None
    image_tokens: int | None = None


class _Usage(msgspec.Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    input_token_details: _Details | None = None
    output_token_details: _Details | None = None
    seconds: float | None = None
    """Of a transcription that is billed by time."""


class _Response(msgspec.Struct):
    usage: _Usage | None = None


_Members = TypeVar("_Members", bound=msgspec.Struct)


class _Event(msgspec.Struct):
    type: str = ""
    usage: _Usage | None = None
    response: _Response | None = None


_EVENT: Final = msgspec.json.Decoder(_Event, strict=False)
_NOTHING: Final = _Details()


def used_by(event: bytes) -> Usage | None:
    """The usage that one event of the provider's tells; None for any other event."""
    if _USED.search(event) is None:
        return None
    try:
        read = _EVENT.decode(event)
    except UNREADABLE:
        read = _readable(read_reply_json(event))
    if read.type == "response.done":
        usage = None if read.response is None else read.response.usage
    else:
        usage = read.usage if read.type.endswith(".completed") else None
    if usage is None:
        return None
    heard, spoken = usage.input_token_details or _NOTHING, usage.output_token_details or _NOTHING
    heard_seconds = None if usage.seconds is None or not 0 <= usage.seconds <= MOST_UNITS else math.ceil(usage.seconds)
    return Usage(
        prompt=usage.input_tokens,
        completion=usage.output_tokens,
        total=usage.total_tokens,
        cached=heard.cached_tokens,
        audio_in=heard.audio_tokens,
        audio_out=spoken.audio_tokens,
        image_in=heard.image_tokens,
        units={} if heard_seconds is None else {"seconds": heard_seconds},
    )


def _readable(value: Any) -> _Event:
    """What can be read of an event with members of other types: each count by itself, so that one odd member costs no
    other count."""
    if not isinstance(value, dict):
        return _Event()
    return _Event(
        json_text.text(value, "type"),
        _counts(_Usage, value.get("usage")),
        _Response(_counts(_Usage, json_text.mapping(value, "response").get("usage"))),
    )


def _counts(kind: type[_Members], value: Any) -> _Members | None:
    """The members of a struct that an object has in a type that fits; None for anything that is no object."""
    if not isinstance(value, dict):
        return None
    found: dict[str, Any] = {}
    for field in msgspec.structs.fields(kind):
        member = value.get(field.name)
        if field.name.endswith("_details"):
            found[field.name] = _counts(_Details, member)
            continue
        try:
            found[field.name] = msgspec.convert(member, field.type, strict=False)
        except msgspec.ValidationError:
            continue
    return kind(**found)


def error_event(failure: Failure, trace: str) -> bytes:
    """A failure as the provider itself would tell it."""
    error = {
        "type": "invalid_request_error" if failure.status < 500 else "server_error",
        "code": failure.kind.value,
        "message": failure.message,
        "param": failure.param,
        "event_id": None,
    }
    return write_json({"type": "error", "event_id": f"event_{trace[:64]}", "error": error})


SESSION: Final = SessionEvents(used_by, models_in, error_event)
