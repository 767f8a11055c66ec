"""What replies of OpenAI's other endpoints tell of their use: images, sound, reranking, moderation.

Tokens are told as ``usage`` with either pair of names; a transcription may tell seconds, reranking search units, a
video its seconds and size: they are units of the usage (core/usage.py). How many pictures there are a reply shows, of
which quality and size often its request alone; of speech the request tells all. Sources: OpenAI API reference,
"Images", "Audio", "Videos"; https://docs.cohere.com/reference/rerank; https://api.jina.ai/redoc.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from penstock.core.body import Body, BodyError
from penstock.core.json_text import UNREADABLE, read_json_or_none
from penstock.core.usage import MOST, MOST_UNITS, PICTURE, Usage
from penstock.dialects.caller import Verdict
from penstock.dialects.openai.relay import judge
from penstock.dialects.openai.relay.usage import readable


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
    quality: Any = None
    size: Any = None
    seconds: Any = None
    object: str | None = None
    type: str | None = None
    error: None = None
    base_resp: None = None
    success: bool = True


_SUBTITLE_END: Final = re.compile(rb"-->[ \t]*(?:(\d{1,5}):)?([0-5]\d):([0-5]\d)[.,](\d{3})(?!\d)")
"""When a subtitle ends: ``00:00:01,000 --> 00:00:04,500`` of SubRip, or without hours and with a point of WebVTT
(https://www.w3.org/TR/webvtt1/#webvtt-timestamp)."""
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
    usage = usage_of(bytes(reply.usage), bytes(reply.meta), reply.duration)
    if reply.object == _VIDEO:
        usage = _with_units(usage, _of_video(reply.seconds, reply.size))
    return Verdict(usage=usage)


def judge_images(body: bytes, provider: str, _is_chat: bool) -> Verdict:
    """As ``judge_reply``, for replies that hold pictures, which are counted."""
    verdict = judge_reply(body, provider, False)
    if verdict.error is not None or verdict.problem:
        return verdict
    try:
        reply = _REPLY.decode(body)
    except UNREADABLE:
        return verdict
    count = len(reply.data or ())
    if not count:
        return verdict
    units = {_picture(reply.quality, reply.size): count}
    return msgspec.structs.replace(verdict, usage=_with_units(verdict.usage, units))


_OBJECT: Final = re.compile(rb"\s*+\{\s*+[\"}]")
"""How an object of JSON begins, and hardly a text."""


def judge_text(body: bytes, provider: str, _is_chat: bool) -> Verdict:
    """As ``judge_reply``, for replies that may be plain text: a transcription as text (``{laughs} Hi``) or as
    subtitles. The last of the subtitles tells how long the sound is, but for silence at its end; a plain text tells
    nothing of it."""
    if _OBJECT.match(body):
        return judge_reply(body, provider, False)
    end = _SUBTITLE_END.match(body, max(body.rfind(b"-->"), 0))
    if end is None:
        return Verdict()
    hours, minutes, seconds, thousandths = (int(each or b"0") for each in end.groups())
    whole = hours * 3600 + minutes * 60 + seconds + (thousandths > 0)
    return Verdict(usage=Usage(units={"seconds": whole}) if whole <= MOST_UNITS else None)


def asked_pictures(request: Body, usage: Usage | None) -> Usage | None:
    """The usage of a reply with pictures (``judge_images``), whose quality and size the request says where the reply
    does not."""
    count = None if usage is None else usage.units.get(PICTURE)
    if usage is None or count is None:
        return usage
    others = {name: each for name, each in usage.units.items() if name != PICTURE}
    kind = _picture(_told(request, "quality"), _told(request, "size"))
    return msgspec.structs.replace(usage, units={**others, kind: count})


def asked_speech(request: Body, usage: Usage | None) -> Usage | None:
    """The usage of speech: the characters of its text, by which some models are billed."""
    text = _told(request, "input")
    return _with_units(usage, {"characters": len(text)}) if isinstance(text, str) and text else usage


def _told(request: Body, name: str) -> Any:
    """A member of a request, None where it can't be read."""
    try:
        return request.value(name) if name in request else None
    except BodyError:
        return None


def _with_units(usage: Usage | None, units: Mapping[str, int]) -> Usage | None:
    if not units:
        return usage
    return msgspec.structs.replace(usage or Usage(), units={**(usage.units if usage else {}), **units})


_VIDEO: Final = "video"
_WORD: Final = re.compile(r"[a-z0-9]{1,16}")
"""A quality or size as prices name them: ``hd``, ``1024x1024``."""


def _picture(quality: Any, size: Any) -> str:
    """The unit of a picture: ``image.hd.1024x1024``, ``default`` for what isn't said."""
    words = [each.lower() if isinstance(each, str) else "" for each in (quality, size)]
    settings = [each if _WORD.fullmatch(each) and each != "auto" else "default" for each in words]
    return f"image.{settings[0]}.{settings[1]}"


def _of_video(seconds: Any, size: Any) -> Mapping[str, int]:
    """The unit of a video: ``video_duration_seconds_1280_720``."""
    count = _whole(_seconds(seconds))
    sides = size.split("x") if isinstance(size, str) and _WORD.fullmatch(size) else []
    return {} if count is None or not sides else {"_".join(("video_duration_seconds", *sides)): count}


def usage_of(usage: bytes, meta: bytes = b"null", duration: Any = None) -> Usage | None:
    """The usage of the members ``usage``, ``meta`` (Cohere's) and ``duration`` (seconds of sound) of a reply; None
    where they tell nothing."""
    try:
        members = _USAGE.decode(usage) if usage != b"null" else _Usage()
    except UNREADABLE:
        members = readable(read_json_or_none(usage), _Usage)
    units = _units(members, meta, duration)
    prompt = members.input_tokens if members.prompt_tokens is None else members.prompt_tokens
    completion = members.output_tokens if members.completion_tokens is None else members.completion_tokens
    billed = units.pop("input_tokens", None)
    prompt = billed if prompt is None else prompt
    if prompt is None and completion is None:
        prompt = members.total_tokens
    if prompt is None and completion is None and not units:
        return None
    received, made = (
        members.input_tokens_details or members.input_token_details or {},
        members.output_tokens_details or {},
    )
    return Usage(
        prompt,
        completion,
        members.total_tokens,
        cached=_count(received, "cached_tokens"),
        audio_in=_count(received, "audio_tokens"),
        audio_out=_count(made, "audio_tokens"),
        image_in=_count(received, "image_tokens"),
        image_out=_count(made, "image_tokens"),
        units=units,
    )


def _units(usage: _Usage, meta: bytes, duration: Any) -> dict[str, int]:
    """The units that are no tokens: ``seconds`` of sound, Cohere's ``search_units``; and Cohere's ``input_tokens``."""
    units: dict[str, int] = {}
    seconds = _whole(usage.seconds if usage.seconds is not None else _seconds(duration))
    if seconds is not None:
        units["seconds"] = seconds
    members = read_json_or_none(meta) if meta != b"null" else None
    billed = members.get("billed_units") if isinstance(members, dict) else None
    for name in ("search_units", "input_tokens"):
        count = billed.get(name) if isinstance(billed, dict) else None
        most = MOST if name == "input_tokens" else MOST_UNITS
        whole = _whole(count, most) if isinstance(count, int | float) and not isinstance(count, bool) else None
        if whole is not None:
            units[name] = whole
    return units


def _whole(count: float | None, most: int = MOST_UNITS) -> int | None:
    """A count as a whole number, begun ones included: seconds of sound are billed so. None for one that can't be."""
    return math.ceil(count) if count is not None and 0 <= count <= most else None


def _seconds(duration: Any) -> float | None:
    """A duration as OpenAI writes it, a number or a text with one."""
    try:
        return float(duration) if isinstance(duration, int | float | str) and not isinstance(duration, bool) else None
    except (ValueError, OverflowError):  # a whole number of 400 digits, say
        return None


def _count(details: Mapping[str, Any], name: str) -> int | None:
    value = details.get(name)
    return value if type(value) is int else None
