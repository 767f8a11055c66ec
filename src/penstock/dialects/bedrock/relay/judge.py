"""What a plain reply of Converse is: a message, an error, or nothing usable.

The counterpart for streams is stream.py. Sources: Amazon Bedrock API reference, "Converse";
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
from penstock.dialects.bedrock.usage import read_usage
from penstock.dialects.caller import Verdict
from penstock.dialects.provider_errors import ClassifiedError, classified

_NOT_JSON: Final = "answered with success but the body is not a JSON object"
_NO_ANSWER: Final = "answered with success, but its reply holds no answer"
_RUN_BY_BEDROCK: Final = frozenset({"toolResult"})


class _Block(msgspec.Struct, gc=False, rename="camel"):
    """A block of the model's own."""

    tool_result: UnsetType = UNSET


class _Message(msgspec.Struct, gc=False):
    content: tuple[_Block, ...]


class _Output(msgspec.Struct, gc=False):
    message: _Message


class _Answer(msgspec.Struct, rename="camel"):
    """A reply that may be a whole, good answer, told by one decode; any other is looked into member by member."""

    output: _Output
    stop_reason: str
    usage: dict[str, Any] | None = None


_ANSWER: Final = msgspec.json.Decoder(_Answer)


def judge(body: bytes, provider: str, is_chat: bool) -> Verdict:
    """What the reply is. ``is_chat``: it is to be an answer."""
    try:
        answer = _ANSWER.decode(body)
    except UNREADABLE:
        return _judge_slowly(body, provider, is_chat=is_chat)
    if not answer.output.message.content or not finish_reasons.is_complete(answer.stop_reason):
        return _judge_slowly(body, provider, is_chat=is_chat)
    return Verdict(is_complete=True, usage=read_usage(answer.usage) if answer.usage else None)


def _judge_slowly(body: bytes, provider: str, *, is_chat: bool) -> Verdict:
    value, readable = read_repaired(body)
    if not isinstance(value, dict):
        return Verdict(problem=_NOT_JSON)
    usage, reason, content = usage_in(value), value.get("stopReason"), content_of(value)
    error = failure_of(reason, provider)
    if error is not None:
        return Verdict(error, usage=usage)
    if content == [] and reason is None:
        return Verdict(problem=_NO_ANSWER, usage=usage)
    if content is not None:
        # An answer with calls of tools that Bedrock ran isn't given again.
        is_own = any(not _RUN_BY_BEDROCK.isdisjoint(block) for block in content)
        is_whole = bool(content) and not is_own and finish_reasons.is_complete(reason)
        return Verdict(is_complete=readable is None and is_whole, usage=usage, body=readable)
    if is_error(value) or isinstance(value.get("message"), str):
        return Verdict(classified(value, provider), usage=usage)
    return Verdict(problem=_NO_ANSWER) if is_chat else Verdict(usage=usage, body=readable)


def content_of(value: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """The blocks of a reply; None where it holds no message."""
    content = json_text.mapping(json_text.mapping(value, "output"), "message").get("content")
    return json_text.mappings(content) if isinstance(content, list) else None


def failure_of(reason: Any, provider: str) -> ClassifiedError | None:
    """The error of an answer that ended for a reason which says that none came about."""
    if not finish_reasons.is_failure(reason):
        return None
    return classified({"message": f"the answer was broken off ({reason})", "type": reason}, provider)


def usage_in(value: Mapping[str, Any]) -> Usage | None:
    """The counts of a reply or an event, None without any."""
    usage = value.get("usage")
    return read_usage(usage) if isinstance(usage, dict) and usage else None
