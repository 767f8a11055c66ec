"""The texts of Anthropic Messages. Source: https://docs.anthropic.com/en/api/messages and its page on streaming."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from penstock.core.operation import Operation
from penstock.core.segments import ALL_SLOTS, Delta, Pointer, Segment, SegmentKind
from penstock.dialects.encoded_texts import encoded_segments
from penstock.dialects.remaining_texts import TEXTLESS, every_text, every_text_of_answer
from penstock.dialects.texts import TextView, is_of_type, leaves, listed, member, number_of_name

_STOP: Final = b"message_stop"
_DELTAS: Final = {
    "text_delta": ("text", SegmentKind.TEXT),
    "thinking_delta": ("thinking", SegmentKind.REASONING),
    "input_json_delta": ("partial_json", SegmentKind.TOOL_CALL),
}

_SAYING: Final = frozenset({"text", "content", "title", "context", "stdout", "stderr"})
"""Members of blocks that hold texts."""


def _request(_kind: str, body: Any) -> Iterator[Segment]:
    system = member(body, "system")
    if isinstance(system, str):
        yield Segment(("system",), system, "system", SegmentKind.SYSTEM, -1)
    for number, block in enumerate(listed(system)):
        text = member(block, "text")
        if isinstance(text, str):
            yield Segment(("system", number, "text"), text, "system", SegmentKind.SYSTEM, -1)
    for index, message in enumerate(listed(member(body, "messages"))):
        role = member(message, "role")
        content, at = member(message, "content"), ("messages", index, "content")
        name = role if isinstance(role, str) else ""
        if isinstance(content, str):
            yield Segment(at, content, name, SegmentKind.TEXT, index)
        for number, block in enumerate(listed(content)):
            yield from _block(block, (*at, number), name, index)


def _answer(_kind: str, body: Any) -> Iterator[Segment]:
    for number, block in enumerate(listed(member(body, "content"))):
        yield from _block(block, ("content", number), "assistant", 0)


def _block(block: Any, at: Pointer, role: str, index: int) -> Iterator[Segment]:
    match member(block, "type"):
        case "text":
            text = member(block, "text")
            if isinstance(text, str):
                yield Segment((*at, "text"), text, role, SegmentKind.TEXT, index)
        case "thinking":
            thought = member(block, "thinking")
            if isinstance(thought, str):
                yield Segment((*at, "thinking"), thought, role, SegmentKind.REASONING, index, is_plain=False)
        case "tool_use" | "server_tool_use" | "mcp_tool_use":
            for pointer, text in leaves(member(block, "input"), (*at, "input")):
                yield Segment(pointer, text, role, SegmentKind.TOOL_CALL, index, is_plain=False)
        case "tool_result":
            yield from _tool_result(member(block, "content"), (*at, "content"), role, index)
        case kind:
            is_result = str(kind).endswith("_tool_result")
            of = SegmentKind.TOOL_RESULT if is_result else SegmentKind.TEXT
            for pointer, text in _said(block, at):
                yield Segment(pointer, text, role, of, index, is_plain=not is_result)
            yield from encoded_segments(block, at, role, of, index)


def _tool_result(content: Any, at: Pointer, role: str, index: int) -> Iterator[Segment]:
    if isinstance(content, str):
        yield Segment(at, content, role, SegmentKind.TOOL_RESULT, index, is_plain=False)
    for number, part in enumerate(listed(content)):
        for pointer, text in _said(part, (*at, number)):
            yield Segment(pointer, text, role, SegmentKind.TOOL_RESULT, index, is_plain=False)
        yield from encoded_segments(part, (*at, number), role, SegmentKind.TOOL_RESULT, index)


def _said(block: Any, at: Pointer) -> Iterator[tuple[Pointer, str]]:
    """What a block says that is none of the usual ones: a document, a result of a search, what a tool of Anthropic's
    has found. Other strings are ids, addresses, and data that clients send back as they came."""
    source = member(block, "source")
    if member(source, "type") == "text" and isinstance(data := member(source, "data"), str):
        yield (*at, "source", "data"), data
    for pointer, text in leaves(block, at):
        if next((name for name in reversed(pointer[len(at) :]) if isinstance(name, str)), "") in _SAYING:
            yield pointer, text


def _deltas(_kind: str, event: Any) -> Iterator[Delta]:
    delta, index = member(event, "delta"), member(event, "index")
    if not isinstance(index, int):
        index = 0
    name, kind = _DELTAS.get(str(member(delta, "type")), ("", SegmentKind.TEXT))
    text = member(delta, name)
    if isinstance(text, str):
        yield Delta((kind, index, 0), ("delta", name), text, is_plain=kind is SegmentKind.TEXT)
    elif isinstance(event, dict):
        yield from _of_another_kind(delta, index)
        yield from _begun(event.get("content_block"), index)
        for each in _answer("", event.get("message")):
            yield Delta((each.kind, index, 1), ("message", *each.pointer), each.text, 0, each.is_plain, is_whole=True)


def _of_another_kind(delta: Any, index: int) -> Iterator[Delta]:
    """What a delta adds of a kind that is none of the usual ones: each of its strings goes on."""
    for name, text in delta.items() if isinstance(delta, dict) else ():
        if isinstance(text, str) and name not in TEXTLESS and name != "stop_sequence":
            kind = SegmentKind.TEXT if name in _SAYING else SegmentKind.OTHER
            key = (kind, index, 0 if kind is SegmentKind.TEXT else number_of_name(name))
            yield Delta(key, ("delta", name), text, is_plain=kind is SegmentKind.TEXT)


def _begun(block: Any, index: int) -> Iterator[Delta]:
    """What a block begins with: a text that goes on, or all of what a tool of Anthropic's has found."""
    for each in _block(block, ("content_block",), "assistant", 0) if isinstance(block, dict) else ():
        if each.text:
            goes_on = each.pointer[1:] in {("text",), ("thinking",)}
            key = (each.kind, index, 0 if goes_on else 1)
            yield Delta(key, each.pointer, each.text, is_plain=each.is_plain, is_whole=not goes_on)


def _closes(name: bytes, event: Any) -> int | None:
    kind = member(event, "type")
    kind = kind if kind and isinstance(kind, str) else name.decode("utf-8", "replace")
    if kind == "content_block_stop":
        index = member(event, "index")
        return index if isinstance(index, int) else ALL_SLOTS
    return ALL_SLOTS if kind in {"message_delta", "message_stop"} else None


def _is_end(name: bytes, data: bytes) -> bool:
    return is_of_type(_STOP, name, data)


def _results_event(results: bytes) -> bytes:
    return b'event: hook_results\ndata: {"hook_results":' + results + b"}\n\n"


TEXTS: Final = TextView(
    {Operation.CHAT: "messages", Operation.COUNT_TOKENS: "messages"},
    frozenset({"messages"}),
    every_text(_request, "messages"),
    every_text_of_answer(_answer),
    _deltas,
    _closes,
    _is_end,
    _results_event,
    end_mark=_STOP,
)
