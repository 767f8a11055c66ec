"""The texts of Gemini's generateContent. Source: https://ai.google.dev/api/generate-content.

Members are spelled as in JSON or as in Python (dialects/gemini/spelling.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from penstock.core.segments import Delta, Pointer, Segment, SegmentKind
from penstock.dialects.gemini.spelling import snake
from penstock.dialects.texts import TextView, leaves, listed, member

_ROLES: Final = {"model": "assistant", "function": "tool"}
_CALLS: Final = {
    "functionCall": SegmentKind.TOOL_CALL,
    "executableCode": SegmentKind.TOOL_CALL,
    "functionResponse": SegmentKind.TOOL_RESULT,
    "codeExecutionResult": SegmentKind.TOOL_RESULT,
}
_ABOUT: Final = frozenset({"id", "name", "language", "outcome"})
"""Members of calls and their results that say nothing in words."""


def _spelled(value: Any, name: str) -> tuple[str, Any]:
    """A member in either spelling, and the one that it has."""
    other = snake(name)
    return (other, value[other]) if isinstance(value, dict) and other in value else (name, member(value, name))


def _request(_kind: str, body: Any) -> Iterator[Segment]:
    for name in {"systemInstruction", "system_instruction"}:
        yield from _content(member(body, name), (name,), -1, 0, SegmentKind.SYSTEM)
    contents = member(body, "contents")
    if not isinstance(contents, list):
        yield from _content(contents, ("contents",), 0, 0, SegmentKind.TEXT)
    for index, content in enumerate(listed(contents)):
        yield from _content(content, ("contents", index), index, 0, SegmentKind.TEXT)


def _answer(_kind: str, body: Any) -> Iterator[Segment]:
    for number, candidate in enumerate(listed(member(body, "candidates"))):
        at = ("candidates", number, "content")
        yield from _content(member(candidate, "content"), at, 0, number, SegmentKind.TEXT, "assistant")


def _content(
    content: Any, at: Pointer, index: int, choice: int, kind: SegmentKind, usual: str = "user"
) -> Iterator[Segment]:
    """The texts of a content: its parts, or one part, or a text, as lenient hosts take it."""
    role = member(content, "role")
    role = _ROLES.get(role, role) if isinstance(role, str) else "system" if kind is SegmentKind.SYSTEM else usual
    parts = member(content, "parts")
    if isinstance(content, str):
        yield Segment(at, content, role, kind, index, choice)
    elif isinstance(parts, list):
        for number, part in enumerate(parts):
            yield from _part(part, (*at, "parts", number), role, index, choice, kind)
    elif isinstance(parts, dict | str):
        yield from _part(parts, (*at, "parts"), role, index, choice, kind)
    elif isinstance(content, dict):
        yield from _part(content, at, role, index, choice, kind)


def _part(part: Any, at: Pointer, role: str, index: int, choice: int, kind: SegmentKind) -> Iterator[Segment]:
    if isinstance(part, str):
        yield Segment(at, part, role, kind, index, choice)
    text = member(part, "text")
    if isinstance(text, str):
        is_thought = member(part, "thought") is True
        what = SegmentKind.REASONING if is_thought else kind
        yield Segment((*at, "text"), text, role, what, index, choice, is_plain=not is_thought)
    for name, what in _CALLS.items():
        spelling, call = _spelled(part, name)
        for inner in (call.keys() - _ABOUT) if isinstance(call, dict) else ():
            for pointer, words in leaves(call[inner], (*at, spelling, inner)):
                yield Segment(pointer, words, role, what, index, choice, is_plain=False)


def _deltas(_kind: str, chunk: Any) -> Iterator[Delta]:
    for number, candidate in enumerate(listed(member(chunk, "candidates"))):
        slot = _index(candidate)
        parts = member(member(candidate, "content"), "parts")
        for place, part in enumerate(listed(parts)):
            at: Pointer = ("candidates", number, "content", "parts", place)
            for order, each in enumerate(_part(part, at, "assistant", 0, slot, SegmentKind.TEXT)):
                # The texts of one kind are one text, which grows; a call comes as a whole.
                key = (each.kind, slot, 0 if each.kind in _GROWING else 1 + place * _MOST_OF_CALL + order)
                yield Delta(key, each.pointer, each.text, slot, each.is_plain)


_GROWING: Final = frozenset({SegmentKind.TEXT, SegmentKind.REASONING})
_MOST_OF_CALL: Final = 1 << 20
"""More texts than a call has."""


def _index(candidate: Any) -> int:
    index = member(candidate, "index")
    return index if isinstance(index, int) else 0


def _closes(_name: bytes, chunk: Any) -> int | None:
    for candidate in listed(member(chunk, "candidates")):
        if _spelled(candidate, "finishReason")[1]:
            return _index(candidate)
    return None


def _is_end(_name: bytes, _data: bytes) -> bool:
    """No event ends a stream: the last one has text like any other."""
    return False


def _results_event(results: bytes) -> bytes:
    return b'data: {"hook_results":' + results + b"}\n\n"


TEXTS: Final = TextView(
    {"chat.completions": "generateContent"},
    frozenset({"generateContent"}),
    _request,
    _answer,
    _deltas,
    _closes,
    _is_end,
    _results_event,
)
