"""The texts of Ollama's chat and of its prompts. A stream is lines of the same shape, of which the last says that all
is done. Source: Ollama API documentation, "Generate a chat message", "Generate a response".
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, Final

import msgspec

from penstock.core.json_text import read_json_or_none
from penstock.core.operation import Operation
from penstock.core.segments import ALL_SLOTS, Delta, Pointer, Segment, SegmentKind
from penstock.dialects.remaining_texts import every_text, every_text_of_answer
from penstock.dialects.texts import TextView, inputs, leaves, listed, member

_CHAT: Final = "chatComplete"
_PROMPT: Final = "complete"
_KINDS: Final = {
    "system": SegmentKind.SYSTEM,
    "developer": SegmentKind.SYSTEM,
    "tool": SegmentKind.TOOL_RESULT,
}


def _request(kind: str, body: Any) -> Iterator[Segment]:
    for name, of in (("system", SegmentKind.SYSTEM), ("template", SegmentKind.SYSTEM)):
        text = member(body, name)
        if kind == _PROMPT and isinstance(text, str):
            yield Segment((name,), text, "system", of, -1)
    if kind == _PROMPT:
        for name in ("prompt", "suffix"):
            yield from inputs(member(body, name), (name,))
        return
    for index, message in enumerate(listed(member(body, "messages"))):
        role = member(message, "role")
        role = role if isinstance(role, str) else ""
        yield from _message(message, ("messages", index), role, _KINDS.get(role, SegmentKind.TEXT), index)


def _message(message: Any, at: Pointer, role: str, kind: SegmentKind, index: int) -> Iterator[Segment]:
    content, thought = member(message, "content"), member(message, "thinking")
    if isinstance(content, str):
        yield Segment((*at, "content"), content, role, kind, index)
    if isinstance(thought, str):
        yield Segment((*at, "thinking"), thought, role, SegmentKind.REASONING, index, is_plain=False)
    for number, call in enumerate(listed(member(message, "tool_calls"))):
        place = (*at, "tool_calls", number, "function", "arguments")
        for pointer, text in leaves(member(member(call, "function"), "arguments"), place):
            yield Segment(pointer, text, role, SegmentKind.TOOL_CALL, index, is_plain=False)


def _answer(_kind: str, body: Any) -> Iterator[Segment]:
    yield from _message(member(body, "message"), ("message",), "assistant", SegmentKind.TEXT, 0)
    response, thought = member(body, "response"), member(body, "thinking")
    if isinstance(response, str):
        yield Segment(("response",), response, "assistant")
    if isinstance(thought, str):
        yield Segment(("thinking",), thought, "assistant", SegmentKind.REASONING, is_plain=False)


def _deltas(kind: str, line: Any) -> Iterator[Delta]:
    for segment in _answer(kind, line):
        # Text goes on from line to line; a call comes whole.
        is_whole = segment.kind is SegmentKind.TOOL_CALL
        key = (segment.kind, 0, 0)
        yield Delta(key, segment.pointer, segment.text, 0, segment.is_plain, is_whole=is_whole)


def _closes(_name: bytes, line: Any) -> int | None:
    return ALL_SLOTS if member(line, "done") is True or member(member(line, "message"), "tool_calls") else None


def _is_end(_name: bytes, data: bytes) -> bool:
    """Some hosts tell the last text, or all of it, in the line that ends the stream."""
    line = read_json_or_none(data)
    if member(line, "done") is not True or member(member(line, "message"), "tool_calls"):
        return False
    return not any(each.text for each in _answer("", line))


def _results_event(empty: bytes, results: bytes) -> bytes:
    """A line of the usual shape, so that clients that check lines read it."""
    return b"data: {" + empty + b',"done":false,"hook_results":' + results + b"}\n\n"


CHAT_TEXTS: Final = TextView(
    {Operation.CHAT: _CHAT},
    frozenset({_CHAT}),
    every_text(_request, "messages"),
    every_text_of_answer(_answer),
    _deltas,
    _closes,
    _is_end,
    partial(_results_event, b'"model":"","message":{"role":"assistant","content":""}'),
    may_skip=False,
)
GENERATE_TEXTS: Final = msgspec.structs.replace(
    CHAT_TEXTS,
    request_types={Operation.CHAT: _PROMPT},
    answered=frozenset({_PROMPT}),
    results_event=partial(_results_event, b'"model":"","response":""'),
)
