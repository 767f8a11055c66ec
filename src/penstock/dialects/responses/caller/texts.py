"""The texts of OpenAI Responses. Source: https://platform.openai.com/docs/api-reference/responses and its page on
streaming."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from penstock.core.segments import ALL_SLOTS, Delta, Pointer, Segment, SegmentKind
from penstock.dialects.texts import TextView, leaves, listed, member

_ENDS: Final = frozenset({"response.completed", "response.incomplete", "response.failed", "error"})
_OUTPUTS: Final = ("function_call_output", "custom_tool_call_output")
_ARGUMENTS: Final = {"function_call": "arguments", "mcp_call": "arguments", "custom_tool_call": "input"}
_ABOUT: Final = frozenset({"type", "id", "call_id", "status", "role", "name", "encrypted_content"})
"""Members of items that say nothing in words."""
_DELTA: Final = ".delta"
_SOUND: Final = "response.audio.delta"
_DELTAS: Final = {
    "response.output_text.delta": SegmentKind.TEXT,
    "response.refusal.delta": SegmentKind.REFUSAL,
    "response.reasoning_text.delta": SegmentKind.REASONING,
    "response.reasoning_summary_text.delta": SegmentKind.REASONING,
}
"""Events that add to a text; every other ``.delta`` adds to the arguments of a call."""


def _request(_kind: str, body: Any) -> Iterator[Segment]:
    instructions, given = member(body, "instructions"), member(body, "input")
    if isinstance(instructions, str):
        yield Segment(("instructions",), instructions, "system", SegmentKind.SYSTEM, -1)
    if isinstance(given, str):
        yield Segment(("input",), given, "user")
    for index, item in enumerate(listed(given)):
        yield from _item(item, ("input", index), index)
    # A stored prompt's text is the operator's or the provider's; what fills it is the caller's.
    last = max(0, len(listed(given)) - 1)
    for pointer, text in leaves(member(member(body, "prompt"), "variables"), ("prompt", "variables")):
        yield Segment(pointer, text, "user", SegmentKind.INPUT, last)


def _answer(_kind: str, body: Any) -> Iterator[Segment]:
    for index, item in enumerate(listed(member(body, "output"))):
        yield from _item(item, ("output", index), 0)


def _item(item: Any, at: Pointer, index: int) -> Iterator[Segment]:
    """The texts of an item of a request or an answer. A message in a request may leave its type out."""
    kind, role = member(item, "type"), member(item, "role")
    if kind == "message" or (kind is None and isinstance(role, str)):
        yield from _message(item, at, role if isinstance(role, str) else "", index)
    elif kind == "reasoning":
        for name in ("summary", "content"):
            yield from _parts(member(item, name), (*at, name), "assistant", SegmentKind.REASONING, index)
    elif kind in _ARGUMENTS and isinstance(arguments := member(item, _ARGUMENTS[kind]), str):
        place = (*at, _ARGUMENTS[kind])
        yield Segment(place, arguments, "assistant", SegmentKind.TOOL_CALL, index, is_plain=False)
    elif kind in _OUTPUTS and isinstance(output := member(item, "output"), str | list):
        yield from _parts(output, (*at, "output"), "tool", SegmentKind.TOOL_RESULT, index)
    elif isinstance(item, dict):
        # Calls of the provider's own tools, and items of later releases: every text in them.
        for name in item.keys() - _ABOUT:
            for pointer, text in leaves(item[name], (*at, name)):
                yield Segment(pointer, text, "tool", SegmentKind.TOOL_RESULT, index, is_plain=False)


def _message(item: Any, at: Pointer, role: str, index: int) -> Iterator[Segment]:
    kind = SegmentKind.SYSTEM if role in {"system", "developer"} else SegmentKind.TEXT
    yield from _parts(member(item, "content"), (*at, "content"), role, kind, index)


def _parts(content: Any, at: Pointer, role: str, kind: SegmentKind, index: int) -> Iterator[Segment]:
    """The texts of a content: one text, or a list of parts."""
    is_plain = kind in {SegmentKind.TEXT, SegmentKind.SYSTEM}
    if isinstance(content, str):
        yield Segment(at, content, role, kind, index, is_plain=is_plain)
    for number, part in enumerate(listed(content)):
        text, refusal = member(part, "text"), member(part, "refusal")
        if isinstance(text, str):
            yield Segment((*at, number, "text"), text, role, kind, index, is_plain=is_plain)
        if isinstance(refusal, str):
            yield Segment((*at, number, "refusal"), refusal, role, SegmentKind.REFUSAL, index, is_plain=False)


def _deltas(_kind: str, event: Any) -> Iterator[Delta]:
    name, text = str(member(event, "type")), member(event, "delta")
    if not name.endswith(_DELTA) or name == _SOUND or not isinstance(text, str):
        return
    kind = _DELTAS.get(name, SegmentKind.TOOL_CALL)
    summary = _number(event, "summary_index", -1)
    number = _number(event, "content_index", 0) if summary < 0 else -1 - summary
    key = (kind, _number(event, "output_index", 0), number)
    yield Delta(key, ("delta",), text, is_plain=kind is SegmentKind.TEXT)


def _number(event: Any, name: str, otherwise: int) -> int:
    value = member(event, name)
    return value if isinstance(value, int) else otherwise


def _closes(name: bytes, event: Any) -> int | None:
    kind = member(event, "type") or name.decode("utf-8", "replace")
    if kind in _ENDS:
        return ALL_SLOTS
    # Each such event tells the whole of a text again.
    return _number(event, "output_index", ALL_SLOTS) if str(kind).endswith(".done") else None


def _is_end(name: bytes, data: bytes) -> bool:
    if name:
        return name.decode("utf-8", "replace") in _ENDS
    return any(b'"type":"%b"' % each.encode() in data[:200].replace(b" ", b"") for each in _ENDS)


def _results_event(results: bytes) -> bytes:
    return b'event: hook_results\ndata: {"type":"hook_results","hook_results":' + results + b"}\n\n"


TEXTS: Final = TextView(
    {
        "chat.completions": "createModelResponse",
        "responses.compact": "createModelResponse",
        "responses.retrieve": "getModelResponse",
    },
    frozenset({"createModelResponse", "getModelResponse"}),
    _request,
    _answer,
    _deltas,
    _closes,
    _is_end,
    _results_event,
    repeats_texts=True,
)
