"""What a plain reply of Ollama's wire is: an answer, vectors, an error, or nothing usable.

The counterpart for streams is stream.py. Sources: Ollama API documentation, "Generate a chat message", "Errors";
docs/fidelity.md#good-answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from penstock.core import finish_reasons, json_text
from penstock.core.json_text import UNREADABLE, read_repaired
from penstock.core.usage import Usage
from penstock.core.vendor_error import is_error
from penstock.dialects.caller import Verdict
from penstock.dialects.ollama.usage import read_usage
from penstock.dialects.provider_errors import ClassifiedError, classified

_NOT_JSON: Final = "answered with success but the body is not a JSON object"
_NO_ANSWER: Final = "answered with success, but its reply holds no answer"
_SAYING: Final = ("content", "response", "thinking", "tool_calls", "images")


class _Message(msgspec.Struct, gc=False):
    content: str = ""
    thinking: str = ""
    tool_calls: tuple[msgspec.Raw, ...] = ()


class _Answer(msgspec.Struct):
    """A reply that may be a whole, good answer, told by one decode; any other is looked into member by member."""

    message: _Message
    done: bool
    done_reason: str
    prompt_eval_count: int | UnsetType = UNSET
    eval_count: int | UnsetType = UNSET
    error: None = None


_ANSWER: Final = msgspec.json.Decoder(_Answer)


def judge(body: bytes, provider: str, is_chat: bool) -> Verdict:
    """What the reply is. ``is_chat``: it is to be an answer; otherwise it is vectors, or what is known of a model."""
    if is_chat:
        try:
            answer = _ANSWER.decode(body)
        except UNREADABLE:
            pass
        else:
            message = answer.message
            says_something = message.content or message.thinking or message.tool_calls
            if says_something and answer.done and finish_reasons.is_complete(answer.done_reason):
                return Verdict(is_complete=True, usage=_usage_of(answer))
    return _judge_slowly(body, provider, is_chat=is_chat)


def _usage_of(answer: _Answer) -> Usage | None:
    counts = {"prompt_eval_count": answer.prompt_eval_count, "eval_count": answer.eval_count}
    return read_usage({name: count for name, count in counts.items() if count is not UNSET})


def _judge_slowly(body: bytes, provider: str, *, is_chat: bool) -> Verdict:
    value, readable = read_repaired(body)
    if not isinstance(value, dict):
        return Verdict(problem=_NOT_JSON)
    usage, error = read_usage(value), error_of(value, provider)
    if error is not None:
        return Verdict(error, usage=usage)
    if not is_chat:
        return Verdict(usage=usage, body=readable)
    if value.get("done") is True and has_place(value):
        return Verdict(is_complete=readable is None and is_complete([value]), usage=usage, body=readable)
    return Verdict(classified(value, provider), usage=usage) if is_error(value) else Verdict(problem=_NO_ANSWER)


def error_of(value: Mapping[str, Any], provider: str) -> ClassifiedError | None:
    """The error that a line tells: by its text, or by a reason that says that no whole answer came about."""
    if value.get("error"):
        return classified(value, provider)
    reason = value.get("done_reason")
    if finish_reasons.is_failure(reason):
        message = f"the answer was broken off ({reason})"
        return classified({"error": {"message": message, "type": reason}}, provider)
    return None


def has_place(value: Mapping[str, Any]) -> bool:
    """Whether a line has a place for an answer, be it empty: a model that is only loaded says nothing."""
    return isinstance(value.get("message"), dict) or isinstance(value.get("response"), str)


def says_something(value: Mapping[str, Any]) -> bool:
    """Whether a line says or thinks something, or calls a tool."""
    message = json_text.mapping(value, "message")
    return any(message.get(name) or value.get(name) for name in _SAYING)


def is_complete(lines: Iterable[Mapping[str, Any]]) -> bool:
    """Whether lines together are an answer that says something and ended well. Older servers give no reason."""
    has_content = done = False
    for line in lines:
        has_content = has_content or says_something(line)
        if line.get("done") is True:
            done = finish_reasons.is_complete(line.get("done_reason") or finish_reasons.STOP)
    return has_content and done
