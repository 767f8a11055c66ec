"""Normalizes a whole reply that deviates from OpenAI's schema: what the schema requires and clients rely on.

Only deviations are changed. A reply without deviations keeps its very bytes. A normalized reply keeps every member (a
null or an empty object where the schema allows none counts as absent) and every number as it was written. Errors are
not touched. Each rule takes the members of one object and returns whether it changed them. Streams are normalized in
normalize_stream.py, which uses the public rules of this module.

Left as it is on purpose: reasoning under other names (docs/quirks.md#q98) or within the content as ``<think>``
(docs/quirks.md#q103); members that OpenAI doesn't know (docs/quirks.md#q92, #q93); a null ``system_fingerprint``, which
OpenAI sends too; a provider's own service tiers.
Source: OpenAI's OpenAPI document, ``CreateChatCompletionResponse`` and ``CreateChatCompletionStreamResponse``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec

from penstock.core.finish_reasons import STOP, openai_reason
from penstock.core.json_text import UNREADABLE, read_json_or_none, with_null_numbers, write_json
from penstock.dialects.dialect import WriteContext
from penstock.dialects.openai.caller.members import call_id

Members = dict[str, Any]
Rule = Callable[[Members], bool]

_DECODER: Final = msgspec.json.Decoder(float_hook=msgspec.Raw)


def normalize_reply(body: bytes, *, has_unsaid_end: bool = False) -> bytes:
    """A plain completion as OpenAI would have written it; anything else as it is. ``has_unsaid_end``: a reply without
    a finish reason has ended well."""
    reply = read(body)
    if not isinstance(reply, dict) or reply.get("error") or not isinstance(reply.get("choices"), list):
        return body
    changed = has_unsaid_end and _add_reasons(reply["choices"])
    if not _normalize(reply) and not changed:
        return body
    return written(reply) or body


def transform(context: WriteContext) -> Callable[[bytes], bytes] | None:
    """The change of a host's plain replies; None where they pass as they are."""
    if not context.quirks.normalizes_replies:
        return None
    return normalize_unsaid_end if context.quirks.leaves_reason_out else normalize_reply


def normalize_unsaid_end(body: bytes) -> bytes:
    """``normalize_reply`` for a host whose whole replies give no reason for their end (docs/quirks.md#q96)."""
    return normalize_reply(body, has_unsaid_end=True)


def read(data: bytes) -> Any:
    """The value, fractional numbers in their own spelling (``msgspec.Raw``); None for what is no JSON."""
    try:
        return _DECODER.decode(data)
    except UNREADABLE:
        return read_json_or_none(with_null_numbers(data))


def written(value: Any) -> bytes | None:
    """The value as JSON; None where it nests a little too deep for that."""
    try:
        return write_json(value)
    except RecursionError:
        return None


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
    changed |= json_object(choice, "message")
    message = choice["message"]
    for rule in _MESSAGE_RULES:
        changed |= rule(message)
    for number, call in enumerate(calls(message)):
        changed |= _normalize_call(call, reply, choice["index"], number)
    for rule in _CHOICE_RULES:
        changed |= rule(choice)
    return changed


# Steps of the rules.


def without_nulls(members: Members, names: Iterable[str]) -> bool:
    """Take out members that the schema knows and doesn't let be null (docs/quirks.md#q91)."""
    nulls = [name for name in names if name in members and members[name] is None]
    for name in nulls:
        del members[name]
    return bool(nulls)


def with_nulls(members: Members, names: Iterable[str]) -> bool:
    """Put in members that the schema requires."""
    absent = [name for name in names if name not in members]
    members.update(dict.fromkeys(absent))
    return bool(absent)


def integer(members: Members, name: str, otherwise: int) -> bool:
    """Make a member an integer."""
    value = members.get(name)
    if type(value) is int:
        return False
    number = whole_number(value)
    members[name] = otherwise if number is None else number
    return True


def whole_number(value: Any) -> int | None:
    """The integer that is meant, be it written as a fraction or a text."""
    if type(value) is int:
        return value
    if isinstance(value, msgspec.Raw):
        value = bytes(value)
    if not isinstance(value, float | bytes | str):
        return None
    try:
        return int(float(value))
    except (ValueError, OverflowError):
        return None


def json_object(members: Members, name: str) -> bool:
    """Make a member an object: Azure's filter results come without a delta (docs/quirks.md#q90)."""
    if isinstance(members.get(name), dict):
        return False
    members[name] = {}
    return True


def calls(message: Members) -> list[Members]:
    """The tool calls of a message or delta."""
    found = message.get("tool_calls")
    return [call for call in found if isinstance(call, dict)] if isinstance(found, list) else []


# Rules that replies and chunks share.

_COUNTS: Final = ("prompt_tokens", "completion_tokens")
_DETAILS: Final = {
    "prompt_tokens_details": ("cached_tokens", "cache_write_tokens", "audio_tokens", "text_tokens", "image_tokens"),
    "completion_tokens_details": (
        "reasoning_tokens", "accepted_prediction_tokens", "rejected_prediction_tokens", "audio_tokens", "text_tokens",
    ),
}  # fmt: skip


def usage(reply: Members) -> bool:
    """Counts are integers, the total is there, details are counts or absent."""
    counts = reply.get("usage")
    if counts is None:
        return False
    if not isinstance(counts, dict):
        reply["usage"] = None
        return True
    changed = False
    for name in _COUNTS:
        changed |= integer(counts, name, 0)
    changed |= integer(counts, "total_tokens", sum(counts[name] for name in _COUNTS))
    for name, parts in _DETAILS.items():
        changed |= without_nulls(counts, (name,))
        details = counts.get(name)
        if isinstance(details, dict):
            changed |= _normalize_details(details, parts)
    return changed


def _normalize_details(details: Members, parts: Iterable[str]) -> bool:
    changed = without_nulls(details, parts)
    for part in parts:
        if part in details:
            changed |= integer(details, part, 0)
    return changed


def service_tier(reply: Members) -> bool:
    """Snowflake's empty one (docs/quirks.md#q96)."""
    if reply.get("service_tier") != "":
        return False
    reply["service_tier"] = None
    return True


def logprobs(choice: Members) -> bool:
    """Both lists are there, if only as null."""
    lists = choice.get("logprobs")
    if not isinstance(lists, dict):
        return False
    return with_nulls(lists, ("content", "refusal"))


def content_list(message: Members) -> bool:
    """A list of thoughts and texts, Mistral's (docs/quirks.md#q73) or Databricks': two strings. Where it says more, it
    is kept as well.

    https://docs.databricks.com/aws/en/machine-learning/model-serving/query-reason-models
    """
    parts = message.get("content")
    if not isinstance(parts, list):
        return False
    thought = "".join(_thought(part) for part in parts)
    if thought and not message.get("reasoning_content"):
        message["reasoning_content"] = thought
    if not all(_is_plain(part) for part in parts):
        message.setdefault("content_blocks", parts)
    message["content"] = "".join(_text(part) for part in parts)
    return True


_PLAIN: Final = frozenset({"type", "text", "thinking", "closed"})


def _is_plain(part: Any) -> bool:
    if not isinstance(part, dict) or part.get("type") not in ("text", "thinking") or not part.keys() <= _PLAIN:
        return False
    inner = part.get("thinking")
    return not isinstance(inner, list) or all(
        isinstance(piece, dict) and piece.get("type") == "text" for piece in inner
    )


def _text(part: Any, kind: str = "text") -> str:
    text = part.get("text") if isinstance(part, dict) and part.get("type") == kind else None
    return text if isinstance(text, str) else ""


def _thought(part: Any) -> str:
    kind = part.get("type") if isinstance(part, dict) else None
    if kind == "reasoning":
        return _texts(part.get("summary"), "summary_text")
    return _texts(part.get("thinking"), "text") if kind == "thinking" else ""


def _texts(inner: Any, kind: str) -> str:
    if isinstance(inner, list):
        return "".join(_text(piece, kind) for piece in inner)
    return inner if isinstance(inner, str) else ""


_KINDS: Final = ("function", "custom")


def call_kind(call: Members) -> bool:
    """Mistral leaves the type out (docs/quirks.md#q75)."""
    if call.get("type") in _KINDS or not isinstance(call.get("function"), dict):
        return False
    call["type"] = "function"
    return True


def arguments_text(function: Members) -> bool:
    """Arguments are the text of a JSON object, not the object."""
    given = function.get("arguments")
    text = written(given) if isinstance(given, dict | list) else None
    if text is None:
        return False
    function["arguments"] = text.decode()
    return True


def invented_id(reply: Members, choice: int, n: int) -> str:
    """An id for a call that has none (docs/quirks.md#q100): always the same for the same call. Replies without id
    differ by time."""
    seed = f"{reply.get('id') or reply.get('created')}"
    return call_id(seed.encode("utf-8", "backslashreplace").decode(), choice, n)


def reason(native: Any, *, has_calls: bool) -> str | None:
    """OpenAI's word for a provider's (docs/quirks.md#q94, #q95, docs/portkey.md#finish-reasons); OpenAI's own words
    stay (docs/quirks.md#q5). None where no reason is given."""
    if not isinstance(native, str) or not native:
        return None
    return native if native in _OPENAIS else openai_reason(native, has_calls=has_calls)


_OPENAIS: Final = frozenset({"stop", "length", "tool_calls", "content_filter", "function_call"})


# Rules for plain replies.


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


def _required(message: Members) -> bool:
    """Groq, Cerebras and Gemini leave out the content beside tool calls, nearly everyone the refusal
    (docs/quirks.md#q80, #q84, #q100)."""
    return with_nulls(message, ("content", "refusal"))


def _logprobs_required(choice: Members) -> bool:
    return with_nulls(choice, ("logprobs",))


def _add_reasons(choices: list[Any]) -> bool:
    silent = [choice for choice in choices if isinstance(choice, dict) and not choice.get("finish_reason")]
    for choice in silent:
        message = choice.get("message")
        choice["finish_reason"] = openai_reason(STOP, has_calls=isinstance(message, dict) and bool(calls(message)))
    return bool(silent)


def _finish_reason(choice: Members) -> bool:
    """A provider's own (docs/quirks.md#q95) in OpenAI's word. None at all or an empty one is null: nothing says that
    the answer has ended well."""
    given = choice.get("finish_reason")
    message = choice["message"]
    word = reason(given, has_calls=bool(calls(message)))
    if given == word and "finish_reason" in choice:
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
_MESSAGE_RULES: Final[tuple[Rule, ...]] = (_role, _nulls, _zero_values, content_list, _required)
_CHOICE_RULES: Final[tuple[Rule, ...]] = (_finish_reason, logprobs, _logprobs_required)
