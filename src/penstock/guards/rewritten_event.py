"""Events of a stream written anew, with other texts: what goes on when a guard holds back, changes or adds one.

The counterpart of held_events.py, which says when.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from penstock.core.body import Body
from penstock.core.segments import Delta, Pointer, spliced
from penstock.dialects.framing import sse
from penstock.dialects.remaining_texts import is_setting

_KEPT: Final = frozenset({"index", "type", "thought", "finish_reason"})
"""Members that tell which text it is, at every depth."""
_COUNTS: Final = frozenset({"usage", "usageMetadata"})
_DELTA: Final = "delta"


def with_text_alone(value: dict[str, Any], pointer: Pointer, text: str) -> dict[str, Any]:
    """The data of an event with one of its texts alone: of what stands beside it at the top only settings stay, since
    another text would be told again as it was."""
    kept = {
        name: [] if isinstance(each, list) else each
        for name, each in value.items()
        if name not in _COUNTS and (is_setting(name) or not isinstance(each, str | dict))
    }
    kept.update(_alone(value, pointer, text))
    return kept


def _alone(value: Any, pointer: Pointer, text: str) -> Any:
    if not pointer:
        return text
    step, inner = pointer[0], _alone(value[pointer[0]], pointer[1:], text)
    if isinstance(step, int):
        return [inner]
    kept = {name: each for name, each in value.items() if name in _KEPT or (name == "role" and step == "parts")}
    if step != _DELTA and isinstance(value.get(_DELTA), dict):
        kept[_DELTA] = {}  # clients look into it first
    return {**kept, step: inner}


def number_of(value: Any) -> int | None:
    """The number of an event, in a wire that has them."""
    number = value.get("sequence_number") if isinstance(value, dict) else None
    return number if type(number) is int else None


def numbered(name: bytes, block: bytes, number: int) -> bytes:
    """An event with another number."""
    _, data = next(sse.events(block))
    return written(name, Body.parse(data).replaced({"sequence_number": b"%d" % number}).encode(), {})


_TOKENS: Final = ("logprobs", "logprobsResult")


def tokens_beside(value: Any, texts: Iterable[Pointer]) -> dict[Pointer, None]:
    """The places of the tokens of texts that change, around each of them: the text would stand there as it was. A
    request's ``logprobs`` (true, or a number) asks for them, and stays."""
    found: dict[Pointer, None] = {}
    for pointer in texts:
        holder = value
        for depth, step in enumerate(pointer):
            if isinstance(holder, dict):
                found.update(
                    {
                        (*pointer[:depth], name): None
                        for name in _TOKENS
                        if holder.get(name) and isinstance(holder[name], dict | list)
                    }
                )
            holder = holder[step]
    return found


def written(name: bytes, data: bytes, texts: Mapping[Pointer, str | None]) -> bytes:
    """An event with other texts. A line end stands only between the data's values: strings hold none."""
    head = b"event: " + name + b"\n" if name else b""
    return head + b"data: " + spliced(data, texts).replace(b"\n", b" ") + b"\n\n"


def says_nothing_else(value: Any, deltas: tuple[Delta, ...], texts: dict[Pointer, str]) -> bool:
    """Whether an event whose texts all wait has nothing else to say: neither a role, nor usage, nor a tool's name."""
    if any(texts.get(each.pointer, each.text) for each in deltas) or not isinstance(value, dict) or value.get("usage"):
        return False
    for delta in deltas:
        holder: Any = value
        for step in delta.pointer[:-1]:
            holder = holder[step]
        if any(each for name, each in holder.items() if name not in {delta.pointer[-1], "type"}):
            return False
        if "tool_calls" in delta.pointer:
            return False
    return True
