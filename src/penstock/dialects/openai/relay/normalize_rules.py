"""The rules that normalizing replies and streams share, and the steps of which rules are made (normalize.py).

Each rule takes the members of one object, changes them in place and returns whether it changed them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from penstock.core.finish_reasons import openai_reason
from penstock.core.json_text import UNREADABLE, read_json_or_none, with_null_numbers, write_json
from penstock.dialects.openai.caller.members import call_id

Members = dict[str, Any]

_DECODER: Final = msgspec.json.Decoder(float_hook=msgspec.Raw)


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


def stand_in(choice: Members, name: str, other: str) -> bool:
    """Make a member an object: if there is none, what stands under the other name, or in ``text``, takes its place."""
    if isinstance(choice.get(name), dict):
        return False
    if isinstance(choice.get(other), dict):
        choice[name] = choice.pop(other)
    elif isinstance(choice.get("text"), str):
        choice[name] = {"content": choice.pop("text")}
    else:
        choice[name] = {}
    return True


def calls(message: Members) -> list[Members]:
    """The tool calls of a message or delta."""
    found = message.get("tool_calls")
    return [call for call in found if isinstance(call, dict)] if isinstance(found, list) else []


# Rules that replies and chunks share.


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
    arguments = function.get("arguments")
    text = written(arguments) if isinstance(arguments, dict | list) else None
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
