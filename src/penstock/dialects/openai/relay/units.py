"""What replies of OpenAI's other endpoints tell of their use: images, sound, reranking, moderation.

Tokens are told as ``usage`` with either pair of names; a transcription may tell seconds, reranking search units: they
go into the ``native`` part of the usage. Sources: OpenAI API reference, "Images", "Audio";
https://docs.cohere.com/reference/rerank; https://api.jina.ai/redoc.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from penstock.core.json_text import UNREADABLE, read_json_or_none
from penstock.core.usage import Usage
from penstock.dialects.caller import Verdict
from penstock.dialects.openai.relay import judge


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    input_tokens_details: dict[str, Any] | None = None
    input_token_details: dict[str, Any] | None = None
    output_tokens_details: dict[str, Any] | None = None
    seconds: float | None = None
    """``{"type": "duration", "seconds": 12}`` of a transcription that is billed by time."""


class _Reply(msgspec.Struct):
    """A reply that is no error, told by one decode that looks into few members: images have megabytes."""

    usage: msgspec.Raw = msgspec.Raw(b"null")
    meta: msgspec.Raw = msgspec.Raw(b"null")
    duration: Any = None
    data: list[msgspec.Raw] | None = None
    object: str | None = None
    type: str | None = None
    error: None = None
    base_resp: None = None
    success: bool = True


_USAGE: Final = msgspec.json.Decoder(_Usage, strict=False)
_REPLY: Final = msgspec.json.Decoder(_Reply)


def judge_reply(body: bytes, provider: str, _is_chat: bool) -> Verdict:
    """What a plain reply is (``Replies.judge``): JSON with its usage, or an error."""
    try:
        reply = _REPLY.decode(body)
    except UNREADABLE:
        return judge.judge(body, provider, False)
    if not reply.success or "error" in (reply.object, reply.type):
        return judge.judge(body, provider, False)
    return Verdict(usage=usage_of(bytes(reply.usage), bytes(reply.meta), reply.duration))


def judge_text(body: bytes, provider: str, _is_chat: bool) -> Verdict:
    """As ``judge_reply``, for replies that may be plain text: a transcription as text or as subtitles."""
    is_json = body.lstrip()[:1] == b"{"
    return judge_reply(body, provider, False) if is_json else Verdict()


def usage_of(usage: bytes, meta: bytes = b"null", duration: Any = None) -> Usage | None:
    """The usage of the members ``usage``, ``meta`` (Cohere's) and ``duration`` (seconds of sound) of a reply; None
    where they tell nothing."""
    try:
        told = _USAGE.decode(usage) if usage != b"null" else _Usage()
    except UNREADABLE:
        told = _Usage()
    native = _native(told, meta, duration)
    prompt = told.input_tokens if told.prompt_tokens is None else told.prompt_tokens
    completion = told.output_tokens if told.completion_tokens is None else told.completion_tokens
    billed = native.pop("input_tokens", None)
    if prompt is None and isinstance(billed, int):
        prompt = billed
    if prompt is None and completion is None:
        prompt = told.total_tokens
    if prompt is None and completion is None and not native:
        return None
    received, made = told.input_tokens_details or told.input_token_details or {}, told.output_tokens_details or {}
    return Usage(
        prompt,
        completion,
        told.total_tokens,
        cached=_count(received, "cached_tokens"),
        audio_in=_count(received, "audio_tokens"),
        audio_out=_count(made, "audio_tokens"),
        image_in=_count(received, "image_tokens"),
        image_out=_count(made, "image_tokens"),
        native=native,
    )


def _native(told: _Usage, meta: bytes, duration: Any) -> dict[str, Any]:
    """The units that are no tokens: ``seconds`` of sound, Cohere's ``search_units``; and Cohere's ``input_tokens``."""
    native: dict[str, Any] = {}
    seconds = told.seconds if told.seconds is not None else _seconds(duration)
    if seconds is not None and seconds >= 0:
        native["seconds"] = seconds
    members = read_json_or_none(meta) if meta != b"null" else None
    billed = members.get("billed_units") if isinstance(members, dict) else None
    for name in ("search_units", "input_tokens"):
        count = billed.get(name) if isinstance(billed, dict) else None
        if isinstance(count, int | float) and not isinstance(count, bool) and count >= 0:
            native[name] = int(count)
    return native


def _seconds(duration: Any) -> float | None:
    """A duration as OpenAI writes it, a number or a text with one."""
    try:
        return float(duration) if isinstance(duration, int | float | str) and not isinstance(duration, bool) else None
    except ValueError:
        return None


def _count(details: Mapping[str, Any], name: str) -> int | None:
    value = details.get(name)
    return value if type(value) is int else None
