"""OpenAI's other endpoints as callers speak them: bodies of their own, one wire of errors.

They pass on lane 1: the body as the host takes it, the reply as it came; what a reply tells of its use is read.
Source: OpenAI API reference.
"""

from __future__ import annotations

from typing import Final

import msgspec

from penstock.core.body import Body
from penstock.core.failure import Failure
from penstock.dialects.caller import Relay, Replies, RequestBody, Reshape
from penstock.dialects.malformed import read_body
from penstock.dialects.openai.caller.dialect import OPENAI
from penstock.dialects.openai.relay import chat_body, stream, typed_stream, units
from penstock.dialects.openai.relay.request import fit_request, fits_of
from penstock.dialects.openai.relay.sound_type import sound_type


def _never(_data: bytes, _usage: bool = False) -> bytes | None:
    """These replies are never told in the other form."""
    return None


def _asks_nothing(_body: Body) -> bool:
    return False


_RELAY: Final = Relay(fit_request, fits=fits_of)
_NO_RESHAPE: Final = Reshape(_never, _never, _never, _never)
_READING: Final = msgspec.structs.replace(OPENAI.reading, lost=None)

COMPLETIONS: Final = msgspec.structs.replace(
    OPENAI,
    reading=_READING,
    replies=Replies(units.judge_reply, stream.STREAM, _NO_RESHAPE, chat_body.wants_usage, chat_body.with_usage),
    relay=_RELAY,
)
"""The older text completions, whose chunks have ``text`` in place of a delta."""

TYPED: Final = msgspec.structs.replace(
    OPENAI,
    reading=_READING,
    replies=Replies(units.judge_reply, typed_stream.STREAM, _NO_RESHAPE, _asks_nothing),
    relay=_RELAY,
)
"""Videos, moderations and reranking: replies of JSON, streams of events that say their type."""

IMAGES: Final = msgspec.structs.replace(
    TYPED, replies=msgspec.structs.replace(TYPED.replies, judge=units.judge_images, asked=units.asked_pictures)
)
"""Images: the same, and pictures are counted."""

TRANSCRIPTS: Final = msgspec.structs.replace(
    TYPED, replies=msgspec.structs.replace(TYPED.replies, judge=units.judge_text)
)
"""Transcriptions and translations of sound: replies of JSON or of text."""


def asks_sound_events(request: Body) -> bool:
    """Whether speech is asked for as a stream of events (``stream_format``); otherwise it comes as bytes."""
    return request.raw("stream_format") == b'"sse"'


def _read_speech(data: bytes | memoryview) -> RequestBody | Failure:
    request = read_body(data)
    if isinstance(request, Failure):
        return request
    return msgspec.structs.replace(request, stream=asks_sound_events(request.body))


SPEECH: Final = msgspec.structs.replace(
    TYPED,
    reading=msgspec.structs.replace(TYPED.reading, body=_read_speech, asks_stream=asks_sound_events),
    replies=msgspec.structs.replace(TYPED.replies, bytes_type=sound_type, asked=units.asked_speech),
)
"""Speech: replies of sound."""
