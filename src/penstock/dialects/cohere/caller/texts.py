"""The texts of Cohere's chat: messages, plans, documents, and sources, which repeat the text that they stand for.

Source: Cohere API reference, "Chat", "Chat with Streaming".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from penstock.core.operation import Operation
from penstock.core.segments import ALL_SLOTS, Delta, Pointer, Segment, SegmentKind
from penstock.dialects.remaining_texts import every_text, every_text_of_answer
from penstock.dialects.texts import TextView, is_of_type, leaves, listed, member

_KIND: Final = "chatComplete"
_KINDS: Final = {
    "system": SegmentKind.SYSTEM,
    "developer": SegmentKind.SYSTEM,
    "tool": SegmentKind.TOOL_RESULT,
}
_PLAN: Final = 1 << 20
_CALLS: Final = 1 << 21
"""Slots: content blocks have their index, the plan one of its own, calls those from here on."""
_END: Final = b"message-end"


def _request(_kind: str, body: Any) -> Iterator[Segment]:
    for index, message in enumerate(listed(member(body, "messages"))):
        role = member(message, "role")
        role = role.lower() if isinstance(role, str) else ""
        yield from _message(message, ("messages", index), role, _KINDS.get(role, SegmentKind.TEXT), index)
    for pointer, text in leaves(member(body, "documents"), ("documents",)):
        yield Segment(pointer, text, "user", SegmentKind.INPUT, -1, is_plain=False)


def _message(message: Any, at: Pointer, role: str, kind: SegmentKind, index: int) -> Iterator[Segment]:
    content = member(message, "content")
    if isinstance(content, str):
        yield Segment((*at, "content"), content, role, kind, index)
    for number, block in enumerate(listed(content)):
        yield from _block(block, (*at, "content", number), role, kind, index)
    plan = member(message, "tool_plan")
    if isinstance(plan, str):
        yield Segment((*at, "tool_plan"), plan, role, kind, index)
    for number, call in enumerate(listed(member(message, "tool_calls"))):
        place = (*at, "tool_calls", number, "function", "arguments")
        for pointer, text in leaves(member(member(call, "function"), "arguments"), place):
            yield Segment(pointer, text, role, SegmentKind.TOOL_CALL, index, is_plain=False)
    for number, citation in enumerate(listed(member(message, "citations"))):
        yield from _citation(citation, (*at, "citations", number), role, index)


def _block(block: Any, at: Pointer, role: str, kind: SegmentKind, index: int) -> Iterator[Segment]:
    if isinstance(block, str):
        yield Segment(at, block, role, kind, index)
    text, thought = member(block, "text"), member(block, "thinking")
    if isinstance(text, str):
        yield Segment((*at, "text"), text, role, kind, index)
    if isinstance(thought, str):
        yield Segment((*at, "thinking"), thought, role, SegmentKind.REASONING, index, is_plain=False)
    for pointer, leaf in leaves(member(block, "document"), (*at, "document")):
        yield Segment(pointer, leaf, role, SegmentKind.TOOL_RESULT, index, is_plain=False)


def _citation(citation: Any, at: Pointer, role: str, index: int) -> Iterator[Segment]:
    """The text that a source stands for, and what the source says."""
    text = member(citation, "text")
    if isinstance(text, str):
        yield Segment((*at, "text"), text, role, SegmentKind.TEXT, index, is_plain=False)
    for pointer, leaf in leaves(member(citation, "sources"), (*at, "sources")):
        yield Segment(pointer, leaf, role, SegmentKind.TOOL_RESULT, index, is_plain=False)


def _answer(_kind: str, body: Any) -> Iterator[Segment]:
    yield from _message(member(body, "message"), ("message",), "assistant", SegmentKind.TEXT, 0)


def _deltas(_kind: str, event: Any) -> Iterator[Delta]:
    message, index = member(member(event, "delta"), "message"), member(event, "index")
    slot = index if isinstance(index, int) and not isinstance(index, bool) else 0
    at: Pointer = ("delta", "message")
    content = member(message, "content")
    for name, kind in (("text", SegmentKind.TEXT), ("thinking", SegmentKind.REASONING)):
        text = member(content, name)
        if isinstance(text, str):
            place = (*at, "content", name)
            yield Delta((kind, slot, 0), place, text, is_plain=kind is SegmentKind.TEXT)
    plan = member(message, "tool_plan")
    if isinstance(plan, str):
        yield Delta((SegmentKind.TEXT, _PLAN, 0), (*at, "tool_plan"), plan)
    arguments = member(member(member(message, "tool_calls"), "function"), "arguments")
    if isinstance(arguments, str):
        place = (*at, "tool_calls", "function", "arguments")
        yield Delta((SegmentKind.TOOL_CALL, _CALLS + slot, 0), place, arguments, is_plain=False)
    citations = member(message, "citations")
    places = [((*at, "citations", number), each) for number, each in enumerate(listed(citations))]
    for place, citation in places or [((*at, "citations"), citations)]:
        for segment in _citation(citation, place, "assistant", 0):
            yield Delta((segment.kind, _PLAN, 1), segment.pointer, segment.text, is_plain=False, is_whole=True)


def _closes(name: bytes, event: Any) -> int | None:
    kind, index = member(event, "type") or name.decode("utf-8", "replace"), member(event, "index")
    slot = index if isinstance(index, int) else None
    match kind:
        case "content-end":
            return ALL_SLOTS if slot is None else slot
        case "tool-call-end":
            return ALL_SLOTS if slot is None else _CALLS + slot
        case "tool-call-start":
            return _PLAN
        case "message-end":
            return ALL_SLOTS
        case _:
            return None


def _is_end(name: bytes, data: bytes) -> bool:
    """The end of an answer that failed says why."""
    return b'"error"' not in data and is_of_type(_END, name, data)


def _results_event(results: bytes) -> bytes:
    return b'event: hook-results\ndata: {"type":"hook-results","hook_results":' + results + b"}\n\n"


TEXTS: Final = TextView(
    {Operation.CHAT: _KIND},
    frozenset({_KIND}),
    every_text(_request, "messages"),
    every_text_of_answer(_answer),
    _deltas,
    _closes,
    _is_end,
    _results_event,
    calls_are_texts=True,
    may_skip=False,
)
