"""What a plain reply of Gemini's wire is: a response, a count of tokens, an error, or nothing usable.

The counterpart for streams is stream.py. Sources: Gemini API reference, "GenerateContentResponse", "Counting tokens";
docs/fidelity.md#good-answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from penstock.core import finish_reasons, json_text
from penstock.core.json_text import UNREADABLE, read_repaired
from penstock.core.usage import Usage
from penstock.core.vendor_error import is_error
from penstock.dialects.caller import Verdict
from penstock.dialects.gemini.relay import predictions
from penstock.dialects.gemini.usage import read_usage
from penstock.dialects.provider_errors import ClassifiedError, classified

_NOT_JSON: Final = "answered with success but the body is not a JSON object"
_NO_ANSWER: Final = "answered with success, but its reply holds no answer"
_RUN_BY_GOOGLE: Final = frozenset({"executableCode", "toolCall"})


class _Part(msgspec.Struct, gc=False, rename="camel"):
    """A part that Google's own tools have nothing to do with."""

    executable_code: UnsetType = UNSET
    tool_call: UnsetType = UNSET


class _Content(msgspec.Struct, gc=False):
    parts: tuple[_Part, ...]


class _Candidate(msgspec.Struct, gc=False, rename="camel"):
    content: _Content
    finish_reason: str


class _Answer(msgspec.Struct, rename="camel"):
    """A response that may be a whole, good answer, told by one decode; any other is looked into member by member."""

    candidates: tuple[_Candidate, ...]
    usage_metadata: dict[str, Any] | None = None
    error: UnsetType = UNSET


_ANSWER: Final = msgspec.json.Decoder(_Answer)


def judge(body: bytes, provider: str, is_chat: bool) -> Verdict:
    """What the reply is. ``is_chat``: it is to be an answer; otherwise it is a count of tokens or the like."""
    try:
        answer = _ANSWER.decode(body)
    except UNREADABLE:
        return _judge_slowly(body, provider, is_chat=is_chat)
    if not answer.candidates or not all(map(_is_whole, answer.candidates)):
        return _judge_slowly(body, provider, is_chat=is_chat)
    return Verdict(is_complete=True, usage=read_usage(answer.usage_metadata) if answer.usage_metadata else None)


def _is_whole(candidate: _Candidate) -> bool:
    return bool(candidate.content.parts) and finish_reasons.is_complete(candidate.finish_reason)


def _judge_slowly(body: bytes, provider: str, *, is_chat: bool) -> Verdict:
    value, readable = read_repaired(body)
    if not isinstance(value, dict):
        return Verdict(problem=_NOT_JSON)
    usage = usage_in(value)
    error = error_of(value, provider)
    if error is not None:
        return Verdict(error, usage=usage)
    if says_something(value):
        return Verdict(is_complete=readable is None and is_complete([value]), usage=usage, body=readable)
    if not is_chat and not is_error(value):
        return Verdict(usage=usage or predictions.made(value), body=readable)
    return Verdict(classified(value, provider), usage=usage) if is_error(value) else Verdict(problem=_NO_ANSWER)


def error_of(value: Mapping[str, Any], provider: str) -> ClassifiedError | None:
    """The error that a response tells: in Google's words, or by a finish reason that says that none came about."""
    error = value.get("error")
    if isinstance(error, dict) or (isinstance(error, str) and error):
        return classified(value, provider)
    for candidate in candidates(value):
        reason = candidate.get("finishReason")
        if finish_reasons.is_failure(reason):
            message = json_text.text(candidate, "finishMessage") or f"the answer was broken off ({reason})"
            return classified({"error": {"message": message, "type": reason}}, provider)
    return None


def candidates(value: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The candidates of a response."""
    return json_text.mappings(value.get("candidates"))


def parts(candidate: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The parts of a candidate."""
    return json_text.mappings(json_text.mapping(candidate, "content").get("parts"))


def is_blocked(value: Mapping[str, Any]) -> bool:
    """Whether the prompt was refused, which is the whole answer then."""
    return bool(json_text.mapping(value, "promptFeedback").get("blockReason"))


def says_something(value: Mapping[str, Any]) -> bool:
    """Whether a response holds parts, ends a candidate, or says that the prompt was refused."""
    has_content = any(parts(candidate) or candidate.get("finishReason") for candidate in candidates(value))
    return has_content or is_blocked(value)


def usage_in(value: Mapping[str, Any]) -> Usage | None:
    """The counts of a response, None without any."""
    usage = value.get("usageMetadata")
    return read_usage(usage) if isinstance(usage, dict) and usage else None


def note_ends(value: Mapping[str, Any], ends: dict[int, bool]) -> None:
    """Note of the candidates of a response, by their index, whether they have ended."""
    for place, candidate in enumerate(candidates(value)):
        index = candidate.get("index")
        index = index if isinstance(index, int) else place
        ends[index] = ends.get(index, False) or bool(candidate.get("finishReason"))


def is_complete(responses: list[dict[str, Any]]) -> bool:
    """Whether responses together are an answer that says something and ended well. One with calls of Google's own tools
    isn't given again."""
    has_content = False
    ends: dict[int, bool] = {}
    for value in responses:
        note_ends(value, ends)
        for candidate in candidates(value):
            visible = parts(candidate)
            has_content = has_content or bool(visible)
            reason = candidate.get("finishReason")
            if reason and not finish_reasons.is_complete(reason):
                return False
            if any(not _RUN_BY_GOOGLE.isdisjoint(part) for part in visible):
                return False
    return has_content and all(ends.values())
