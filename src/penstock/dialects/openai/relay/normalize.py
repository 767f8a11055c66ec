"""Normalizes a whole reply that deviates from OpenAI's schema: what the schema requires and clients rely on.

Only deviations are changed, of every host. A reply without deviations keeps its very bytes; one typed decode tells it
(sound.py). A normalized reply keeps every member (a null or an empty object where the schema allows none counts as
absent) and every number as it was written. Errors are not touched. The rules and
their steps are in normalize_rules.py; streams are normalized in normalize_stream.py.

To clients, an absent ``refusal`` or ``logprobs`` is as good as a null: their absence alone is a deviation only where a
row says ``completes_replies``.

Left as it is on purpose: reasoning under other names (docs/quirks.md#q98) or within the content as ``<think>``
(docs/quirks.md#q103); members that OpenAI doesn't know (docs/quirks.md#q92, #q93); a null ``system_fingerprint``, which
OpenAI sends too; a provider's own service tiers.
Source: OpenAI's OpenAPI document, ``CreateChatCompletionResponse`` and ``CreateChatCompletionStreamResponse``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from penstock.core.finish_reasons import STOP, openai_reason
from penstock.core.json_text import UNREADABLE
from penstock.core.vendor_error import hidden_error
from penstock.dialects.caller import NormalizedReply
from penstock.dialects.dialect import WriteContext
from penstock.dialects.openai.relay.judge import verdict_of
from penstock.dialects.openai.relay.normalize_rules import (
    Members,
    arguments_text,
    call_kind,
    calls,
    content_list,
    integer,
    invented_id,
    logprobs,
    read,
    reason,
    service_tier,
    stand_in,
    with_nulls,
    without_nulls,
    written,
)
from penstock.dialects.openai.relay.normalize_usage import usage
from penstock.dialects.openai.relay.sound import lacks_nulls, read_sound

Rule = Callable[[Members], bool]


def normalize_reply(body: bytes, *, has_unsaid_end: bool = False, completes: bool = True) -> bytes:
    """A plain completion as OpenAI would have written it; anything else as it is. ``has_unsaid_end``: a reply without
    a finish reason has ended well. ``completes``: absent members that may be null are put in by themselves."""
    return _normalized(body, has_unsaid_end=has_unsaid_end, completes=completes).body


def _normalized(body: bytes, *, has_unsaid_end: bool = False, completes: bool = True) -> NormalizedReply:
    """``normalize_reply``, and the verdict on a reply without deviations: the decode that tells it has read enough."""
    sound = read_sound(body)
    if sound is not None:
        completed = _with_nulls(body) if completes and lacks_nulls(sound) else body
        if completed is not None:
            return NormalizedReply(completed, verdict_of(sound))
    return NormalizedReply(_without_deviations(body, has_unsaid_end=has_unsaid_end, completes=completes))


def _without_deviations(body: bytes, *, has_unsaid_end: bool, completes: bool) -> bytes:
    reply = read(body)
    if not isinstance(reply, dict) or not isinstance(reply.get("choices"), list) or _is_error(reply):
        return body
    changed = has_unsaid_end and _add_reasons(reply["choices"])
    changed |= _normalize(reply)
    lacked = _complete(reply)
    if not changed and not (lacked and completes):
        return body
    return written(reply) or body


def _with_nulls(body: bytes) -> bytes | None:
    """A reply that lacks nothing but nulls, with them; every value keeps its bytes. None for names with a lone
    surrogate."""
    try:
        reply = _MEMBERS.decode(body)
        choices = _LISTED_MEMBERS.decode(reply["choices"])
        for choice in choices:
            message = _MEMBERS.decode(choice["message"])
            message.setdefault("refusal", _NULL)
            choice["message"] = msgspec.Raw(msgspec.json.encode(message))
            choice.setdefault("logprobs", _NULL)
    except UNREADABLE:
        return None
    reply["choices"] = msgspec.Raw(msgspec.json.encode(choices))
    return msgspec.json.encode(reply)


_NULL: Final = msgspec.Raw(b"null")
_MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LISTED_MEMBERS: Final = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])


def _is_error(reply: Members) -> bool:
    return bool(reply.get("error")) or hidden_error(reply) is not None


def change_of(context: WriteContext) -> Callable[[bytes], NormalizedReply]:
    """The change of a host's plain replies."""
    quirks = context.quirks
    if quirks.leaves_reason_out:
        return _normalized_unsaid_end
    return _normalized if quirks.completes_replies else _normalized_and_completed_nowhere


def _normalized_and_completed_nowhere(body: bytes) -> NormalizedReply:
    return _normalized(body, completes=False)


def _normalized_unsaid_end(body: bytes) -> NormalizedReply:
    """For a host whose whole replies give no reason for their end (docs/quirks.md#q96)."""
    return _normalized(body, has_unsaid_end=True)


def _normalize(reply: Members) -> bool:
    """Normalize the reply in place; whether anything deviated."""
    changed = False
    for rule in _REPLY_RULES:
        changed |= rule(reply)
    for position, choice in enumerate(reply["choices"]):
        if isinstance(choice, dict):
            changed |= _normalize_choice(choice, position, reply)
    return changed


def _normalize_choice(choice: Members, position: int, reply: Members) -> bool:
    changed = integer(choice, "index", position)
    changed |= _message(choice)
    message = choice["message"]
    for rule in _MESSAGE_RULES:
        changed |= rule(message)
    for number, call in enumerate(calls(message)):
        changed |= _normalize_call(call, reply, choice["index"], number)
    for rule in _CHOICE_RULES:
        changed |= rule(choice)
    return changed


# Rules for plain replies.


def _message(choice: Members) -> bool:
    """Some hosts put a chunk's ``delta`` or the ``text`` of the older completions in place of the message."""
    return stand_in(choice, "message", "delta")


def _head(reply: Members) -> bool:
    changed = reply.get("object") != "chat.completion"
    reply["object"] = "chat.completion"
    for name in ("id", "model"):
        value = reply.get(name)
        if not isinstance(value, str):
            reply[name] = str(value) if type(value) is int else ""
            changed = True
    changed |= integer(reply, "created", 0)
    return changed


def _no_usage(reply: Members) -> bool:
    """A null is for chunks only."""
    return without_nulls(reply, ("usage",))


def _role(message: Members) -> bool:
    if message.get("role") == "assistant":
        return False
    message["role"] = "assistant"
    return True


def _nulls(message: Members) -> bool:
    return without_nulls(message, ("tool_calls", "annotations", "function_call"))


def _zero_values(message: Members) -> bool:
    """Snowflake's empty call and sound, which would pass for real ones (docs/quirks.md#q96)."""
    hollow = [
        name
        for name, mark in (("function_call", "name"), ("audio", "data"))
        if isinstance(message.get(name), dict) and not message[name].get(mark)
    ]
    for name in hollow:
        del message[name]
    return bool(hollow)


def _content_required(message: Members) -> bool:
    """Groq, Cerebras and Gemini leave out the content beside tool calls (docs/quirks.md#q84, #q100)."""
    return with_nulls(message, ("content",))


def _complete(reply: Members) -> bool:
    """Nearly everyone leaves out the refusal (docs/quirks.md#q80)."""
    completed = False
    for choice in reply["choices"]:
        if isinstance(choice, dict):
            completed |= with_nulls(choice["message"], ("refusal",))
            completed |= with_nulls(choice, ("logprobs",))
    return completed


def _add_reasons(choices: list[Any]) -> bool:
    silent = [choice for choice in choices if isinstance(choice, dict) and not choice.get("finish_reason")]
    for choice in silent:
        message = choice.get("message")
        choice["finish_reason"] = openai_reason(STOP, has_calls=isinstance(message, dict) and bool(calls(message)))
    return bool(silent)


def _finish_reason(choice: Members) -> bool:
    """A provider's own (docs/quirks.md#q95) in OpenAI's word. None at all or an empty one is null: nothing says that
    the answer has ended well."""
    finish_reason = choice.get("finish_reason")
    message = choice["message"]
    word = reason(finish_reason, has_calls=bool(calls(message)))
    if finish_reason == word and "finish_reason" in choice:
        return False
    choice["finish_reason"] = word
    return True


def _normalize_call(call: Members, reply: Members, choice: int, n: int) -> bool:
    changed = call_kind(call)
    if not isinstance(call.get("id"), str) or not call["id"]:
        call["id"] = invented_id(reply, choice, n)
        changed = True
    function = call.get("function")
    if isinstance(function, dict):
        changed |= arguments_text(function)
        if not function.get("arguments"):  # OpenRouter, of a call without any (docs/quirks.md#q88)
            function["arguments"] = "{}"
            changed = True
    return changed


_REPLY_RULES: Final[tuple[Rule, ...]] = (_head, usage, _no_usage, service_tier)
_MESSAGE_RULES: Final[tuple[Rule, ...]] = (_role, _nulls, _zero_values, content_list, _content_required)
_CHOICE_RULES: Final[tuple[Rule, ...]] = (_finish_reason, logprobs)
