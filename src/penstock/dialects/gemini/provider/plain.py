"""Gemini's replies that are text alone, as most are, read by one typed decode. reply.py reads any.

Source: Gemini API reference, "GenerateContentResponse".
"""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

from penstock.core.events import PlainReply, Start, Stop
from penstock.core.finish_reasons import is_failure, openai_reason
from penstock.core.json_text import UNREADABLE
from penstock.core.rfc3339 import unix_seconds
from penstock.dialects.gemini.usage import read_usage


class _Part(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    text: str


class _Content(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    parts: list[_Part]
    role: str = ""


class _Candidate(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    content: _Content
    finish_reason: str
    index: Literal[0] = 0
    avg_logprobs: Any = None
    safety_ratings: Any = None


class _Response(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    candidates: list[_Candidate]
    usage_metadata: dict[str, Any]
    model_version: str = ""
    response_id: str = ""
    create_time: str = ""


_RESPONSE: Final = msgspec.json.Decoder(_Response)


def read_plain(data: bytes) -> PlainReply | None:
    """A response of one candidate that said one text; None for any other."""
    try:
        response = _RESPONSE.decode(data)
    except UNREADABLE:
        return None
    if len(response.candidates) != 1:
        return None
    candidate = response.candidates[0]
    parts, reason = candidate.content.parts, candidate.finish_reason
    if len(parts) != 1 or not reason or is_failure(reason):
        return None
    time = response.create_time
    start = Start(response.response_id, response.model_version, unix_seconds(time) if time else 0)
    usage = response.usage_metadata
    return PlainReply(parts[0].text, start, Stop(openai_reason(reason), reason), read_usage(usage) if usage else None)
