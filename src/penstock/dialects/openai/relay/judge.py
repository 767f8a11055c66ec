"""What a plain reply in OpenAI's wire is: an answer, an error with a good status, or nothing usable.

A chat reply has a non-empty ``choices``; an error inside a choice, a word of failure for its end and a vendor's error
envelope make it an error. The counterpart for streams is stream.py. Sources: OpenAI API reference, "The chat completion
object"; docs/fidelity.md#good-answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from penstock.core import finish_reasons
from penstock.core.json_text import UNREADABLE, read_repaired, write_json
from penstock.core.vendor_error import failed_choice, is_error
from penstock.dialects.caller import Verdict
from penstock.dialects.openai.relay.sound import SoundReply
from penstock.dialects.openai.relay.usage import read_usage, usage_of
from penstock.dialects.provider_errors import classified
from penstock.dialects.service_tier import with_tier

_NULL: Final = b"null"
_NOT_JSON: Final = "answered with success but the body is not a JSON object"
_NO_ANSWER: Final = "answered with success, but its reply holds no answer"
_SAYING: Final = (
    "content",
    "reasoning_content",
    "reasoning",
    "refusal",
    "tool_calls",
    "function_call",
    "audio",
    "images",
)


class _Message(msgspec.Struct, gc=False):
    content: msgspec.Raw = msgspec.Raw(_NULL)
    tool_calls: msgspec.Raw = msgspec.Raw(_NULL)


class _Choice(msgspec.Struct, gc=False):
    message: _Message
    finish_reason: str
    native_finish_reason: str | None = None
    error: None = None


class _Reply(msgspec.Struct):
    """A reply that may be a whole, good answer, told by one decode; any other is looked into member by member."""

    choices: tuple[_Choice, ...]
    usage: msgspec.Raw = msgspec.Raw(_NULL)
    service_tier: str | None = None
    error: None = None
    base_resp: None = None


_REPLY: Final = msgspec.json.Decoder(_Reply)
_EMPTY: Final = frozenset({_NULL, b'""', b"[]"})


def judge(body: bytes, provider: str, is_chat: bool) -> Verdict:
    """What the reply is. ``is_chat``: it is to be a chat completion; other operations' replies have many shapes."""
    if is_chat:
        try:
            reply = _REPLY.decode(body)
        except UNREADABLE:
            pass
        else:
            if reply.choices and all(map(_is_complete, reply.choices)):
                return Verdict(is_complete=True, usage=with_tier(read_usage(bytes(reply.usage)), reply.service_tier))
    return _judge_slowly(body, provider, is_chat=is_chat)


def _is_complete(choice: _Choice) -> bool:
    message = choice.message
    says = bytes(message.content) not in _EMPTY or bytes(message.tool_calls) not in _EMPTY
    return (
        says
        and finish_reasons.is_complete(choice.finish_reason)
        and not finish_reasons.is_failure(choice.native_finish_reason)
    )


def verdict_of(reply: SoundReply) -> Verdict | None:
    """What ``judge`` says of a sound reply that is a whole answer; None for any other."""
    for choice in reply.choices:
        if not (choice.message.content or choice.message.tool_calls):
            return None
        if choice.finish_reason != finish_reasons.STOP and not finish_reasons.is_complete(choice.finish_reason):
            return None
        native = choice.native_finish_reason
        if native is not None and finish_reasons.is_failure(native):
            return None
    if not reply.choices:
        return None
    usage = None if reply.usage is msgspec.UNSET else usage_of(reply.usage)
    if reply.service_tier is not None:
        usage = with_tier(usage, reply.service_tier)
    return Verdict(is_complete=True, usage=usage)


def _judge_slowly(body: bytes, provider: str, *, is_chat: bool) -> Verdict:
    """The verdict from the decoded body. ``readable`` is the body with null for NaN and the infinities, if any."""
    value, readable = read_repaired(body)
    error = error_of(value, is_chat=is_chat)
    if not isinstance(value, dict):
        if error is not None:
            return Verdict(classified(error, provider))
        return Verdict() if not is_chat and isinstance(value, list) else Verdict(problem=_NOT_JSON)
    usage = with_tier(read_usage(write_json(value.get("usage"))), value.get("service_tier"))
    if error is not None:
        return Verdict(classified(error, provider), usage=usage)
    choices = value.get("choices")
    if not is_chat:
        return Verdict(usage=usage, body=readable)
    if not isinstance(choices, list) or not any(map(_says_something, choices)):
        return Verdict(problem=_NO_ANSWER, usage=usage)
    return Verdict(usage=usage, is_complete=readable is None and are_whole(choices), body=readable)


def _says_something(choice: Any) -> bool:
    """Whether a choice holds anything of an answer, were it only the reason why it ended."""
    if not isinstance(choice, dict):
        return False
    message = choice.get("message")
    members = {**message, "role": None} if isinstance(message, dict) else {"": message}
    return bool(choice.get("finish_reason")) or any(members.values())


def error_of(value: Any, *, is_chat: bool = True) -> Mapping[str, Any] | None:
    """The error that a decoded reply or chunk tells, in the object that holds it; None for an answer, or nothing at
    all."""
    if isinstance(value, list):  # Google's endpoint of this wire: docs/quirks.md#errors-in-lists
        first = value[0] if value else None
        return first if isinstance(first, dict) and first.get("error") else None
    if not isinstance(value, dict):
        return None
    choices = value.get("choices")
    if isinstance(choices, list) and choices:
        return _error_beside_choices(value, choices)
    if is_chat or not (value.get("data") or value.get("object") or value.get("id")):
        return value if is_error(value) else None
    return value if value.get("error") or value.get("object") == "error" else None


def _error_beside_choices(value: Mapping[str, Any], choices: list[Any]) -> Mapping[str, Any] | None:
    for choice in choices:
        error = failed_choice(choice)
        if error is not None:
            return {"error": error}
    if value.get("error"):
        return {"error": value["error"]}
    base = {"base_resp": value["base_resp"]} if "base_resp" in value else {}
    return base if base and is_error(base) else None


def are_whole(choices: Iterable[Any]) -> bool:
    """Whether all choices of a plain reply say something and ended well."""
    for choice in choices:
        message = choice.get("message") if isinstance(choice, dict) else None
        if not isinstance(message, dict) or not any(message.get(name) for name in _SAYING):
            return False
        if not finish_reasons.is_complete(choice.get("finish_reason")):
            return False
    return True
