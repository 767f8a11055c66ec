"""What a plain reply of Anthropic's wire is: a message, a count of tokens, an error, or nothing usable.

The counterpart for streams is stream.py. Sources: Anthropic API reference, "Create a Message", "Count tokens in a
Message"; docs/fidelity.md#good-answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

from penstock.core import finish_reasons, json_text
from penstock.core.json_text import UNREADABLE, read_repaired
from penstock.core.vendor_error import is_error
from penstock.dialects.anthropic.provider.events import ERROR_STATUS
from penstock.dialects.anthropic.usage import read_usage
from penstock.dialects.caller import Verdict
from penstock.dialects.provider_errors import ClassifiedError, classified

_NOT_JSON: Final = "answered with success but the body is not a JSON object"
_NO_ANSWER: Final = "answered with success, but its reply holds no answer"


class _Message(msgspec.Struct):
    """A message that may be a whole, good answer, told by one decode; any other is looked into member by member."""

    type: Literal["message"]
    content: tuple[msgspec.Raw, ...]
    stop_reason: str
    usage: dict[str, Any] | None = None
    error: None = None


_MESSAGE: Final = msgspec.json.Decoder(_Message)


def judge(body: bytes, provider: str, is_chat: bool) -> Verdict:
    """What the reply is. ``is_chat``: it is to be a message; otherwise it is a count of tokens or the like."""
    try:
        message = _MESSAGE.decode(body)
    except UNREADABLE:
        return _judge_slowly(body, provider, is_chat=is_chat)
    if not message.content or not finish_reasons.is_complete(message.stop_reason):
        return _judge_slowly(body, provider, is_chat=is_chat)
    return Verdict(is_complete=True, usage=read_usage(message.usage or {}))


def _judge_slowly(body: bytes, provider: str, *, is_chat: bool) -> Verdict:
    value, readable = read_repaired(body)
    if not isinstance(value, dict):
        return Verdict(problem=_NOT_JSON)
    usage = read_usage(json_text.mapping(value, "usage"))
    reason = value.get("stop_reason")
    if value.get("type") == "error" or isinstance(value.get("error"), dict | str):
        return Verdict(classified_error(value, provider), usage=usage)
    if finish_reasons.is_failure(reason):
        error = {"message": f"the answer was broken off ({reason})", "type": reason}
        return Verdict(classified_error(error, provider), usage=usage)
    content = value.get("content")
    if is_chat and content == [] and reason is None:
        return Verdict(problem=_NO_ANSWER, usage=usage)
    if isinstance(content, list):
        is_complete = bool(content) and finish_reasons.is_complete(reason) and readable is None
        return Verdict(is_complete=is_complete, usage=usage, body=readable)
    if not is_chat and ("input_tokens" in value or not is_error(value)):
        return Verdict(usage=usage, body=readable)
    return Verdict(classified(value, provider), usage=usage) if is_error(value) else Verdict(problem=_NO_ANSWER)


def classified_error(value: Mapping[str, Any], provider: str) -> ClassifiedError:
    """What an error of Anthropic's means, told within a reply whose status is good: its type names the status."""
    kind = json_text.text(json_text.mapping(value, "error"), "type")
    return classified(value, provider, ERROR_STATUS.get(kind, 0))


def has_error_shape(value: Any) -> bool:
    """Whether a decoded body is an error as Anthropic writes it."""
    error = value.get("error") if isinstance(value, dict) and value.get("type") == "error" else None
    return isinstance(error, dict) and isinstance(error.get("type"), str) and isinstance(error.get("message"), str)
