"""What a plain reply of Cohere's wire is: an answer, vectors, an error, or nothing usable.

The counterpart for streams is stream.py. Sources: Cohere API reference, "Chat", "Embed", "Errors";
docs/fidelity.md#good-answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from penstock.core import finish_reasons, json_text
from penstock.core.json_text import UNREADABLE, read_repaired
from penstock.core.usage import Usage
from penstock.core.vendor_error import is_error
from penstock.dialects.caller import Verdict
from penstock.dialects.cohere.usage import read_usage
from penstock.dialects.provider_errors import ClassifiedError, classified

_NOT_JSON: Final = "answered with success but the body is not a JSON object"
_NO_ANSWER: Final = "answered with success, but its reply holds no answer"
SAYING: Final = ("content", "tool_plan", "tool_calls")


class _Message(msgspec.Struct, gc=False):
    content: tuple[msgspec.Raw, ...] = ()
    tool_calls: tuple[msgspec.Raw, ...] = ()


class _Answer(msgspec.Struct):
    """A reply that may be a whole, good answer, told by one decode; any other is looked into member by member."""

    message: _Message
    finish_reason: str
    usage: dict[str, Any] | None = None
    error: None = None


_ANSWER: Final = msgspec.json.Decoder(_Answer)


def judge(body: bytes, provider: str, is_chat: bool) -> Verdict:
    """What the reply is. ``is_chat``: it is to be an answer; otherwise it is vectors or an order of documents."""
    if is_chat:
        try:
            answer = _ANSWER.decode(body)
        except UNREADABLE:
            pass
        else:
            message, usage = answer.message, answer.usage
            says_something = message.content or message.tool_calls
            if usage and says_something and finish_reasons.is_complete(answer.finish_reason):
                return Verdict(is_complete=True, usage=_counted(usage))
    return _judge_slowly(body, provider, is_chat=is_chat)


def _judge_slowly(body: bytes, provider: str, *, is_chat: bool) -> Verdict:
    value, readable = read_repaired(body)
    if not isinstance(value, dict):
        return Verdict(problem=_NOT_JSON)
    usage, error = usage_in(value), error_of(value, provider)
    if error is not None:
        return Verdict(error, usage=usage)
    if not is_chat:
        return Verdict(usage=usage, body=readable)
    message = value.get("message")
    if isinstance(message, dict):
        if value.get("finish_reason") is None and not any({**message, "role": None}.values()):
            return Verdict(problem=_NO_ANSWER, usage=usage)
        return Verdict(is_complete=readable is None and is_complete(value), usage=usage, body=readable)
    return Verdict(classified(value, provider), usage=usage) if is_error(value) else Verdict(problem=_NO_ANSWER)


def judge_translated(body: bytes, provider: str, is_chat: bool) -> Verdict:
    """As ``judge``, for a reply that the gateway wrote: one of reason ERROR is an answer that was filtered, for which
    Cohere has no other word, even if nothing was said."""
    value, readable = read_repaired(body)
    if isinstance(value, dict) and isinstance(value.get("message"), dict) and not value.get("error"):
        return Verdict(is_complete=readable is None and is_complete(value), usage=usage_in(value), body=readable)
    return judge(body, provider, is_chat)


def usage_in(value: Mapping[str, Any]) -> Usage | None:
    """The counts of a reply, those of vectors among them; None without any."""
    usage_value = json_text.mapping(value, "usage") or json_text.mapping(value, "meta")
    return _counted(usage_value) if usage_value else None


def _counted(usage_value: Mapping[str, Any]) -> Usage | None:
    usage = read_usage(usage_value)
    return None if usage.prompt is None and usage.completion is None else usage


def error_of(value: Mapping[str, Any], provider: str) -> ClassifiedError | None:
    """The error that a reply, or the end of a stream, tells: a text, or a reason by which no whole answer came about.
    An answer that was filtered has the same reason beside what it says."""
    if value.get("error") or isinstance(value.get("message"), str):
        return classified(value, provider)
    reason = value.get("finish_reason")
    if finish_reasons.is_failure(reason) and not says_something(json_text.mapping(value, "message")):
        message = f"the answer was broken off ({reason})"
        return classified({"error": {"message": message, "type": reason}}, provider)
    return None


def says_something(message: Mapping[str, Any]) -> bool:
    """Whether a message says or thinks something, or calls a tool."""
    return any(message.get(name) for name in SAYING)


def is_complete(value: Mapping[str, Any]) -> bool:
    """Whether an answer says something and ended well."""
    has_content = says_something(json_text.mapping(value, "message"))
    return has_content and finish_reasons.is_complete(value.get("finish_reason"))
