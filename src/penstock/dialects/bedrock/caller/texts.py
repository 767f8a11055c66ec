"""The texts of Converse. Source: Amazon Bedrock API reference, "ContentBlock", "ConverseStream"."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from penstock.core.operation import Operation
from penstock.core.segments import ALL_SLOTS, Delta, Pointer, Segment, SegmentKind
from penstock.dialects.encoded_texts import encoded_segments
from penstock.dialects.remaining_texts import every_text, every_text_of_answer
from penstock.dialects.texts import TextView, leaves, listed, member

_KIND: Final = "converse"
_STOP: Final = b"messageStop"
_OWN_OF_REPLY: Final = b'"additionalModelResponseFields"'
_PLACES: Final[tuple[tuple[tuple[str, ...], SegmentKind], ...]] = (
    (("text",), SegmentKind.TEXT),
    (("guardContent", "text", "text"), SegmentKind.TEXT),
    (("document", "source", "text"), SegmentKind.TEXT),
    (("document", "context"), SegmentKind.TEXT),
    (("searchResult", "title"), SegmentKind.TEXT),
    (("reasoningContent", "reasoningText", "text"), SegmentKind.REASONING),
)
"""Where a block has one text."""
_LISTS: Final = (("citationsContent", "content"), ("searchResult", "content"), ("document", "source", "content"))
"""Where a block has a list of texts."""
_VARIABLES: Final = "promptVariables"
"""What is put into a prompt that Bedrock keeps."""
_MODELS_OWN: Final = "additionalModelRequestFields"
_ASKING: Final = ("system", "preamble", "prompt", "message", "messages", "chat_history", "documents")
"""What of a model's own fields it is asked with."""


def _request(_kind: str, body: Any) -> Iterator[Segment]:
    yield from _content(member(body, "system"), ("system",), "system", -1, SegmentKind.SYSTEM)
    for index, message in enumerate(listed(member(body, "messages"))):
        role = member(message, "role")
        name = role if isinstance(role, str) else ""
        yield from _content(member(message, "content"), ("messages", index, "content"), name, index)
    own = member(body, _MODELS_OWN)
    beside = [
        ((_VARIABLES,), member(body, _VARIABLES)),
        *(((_MODELS_OWN, each), member(own, each)) for each in _ASKING),
    ]
    for place, value in beside:
        for pointer, text in leaves(value, place):
            yield Segment(pointer, text, "system", SegmentKind.SYSTEM, -1)


def _answer(_kind: str, body: Any) -> Iterator[Segment]:
    content = member(member(member(body, "output"), "message"), "content")
    yield from _content(content, ("output", "message", "content"), "assistant", 0)


def _content(
    content: Any, at: Pointer, role: str, index: int, kind: SegmentKind = SegmentKind.TEXT
) -> Iterator[Segment]:
    """The texts of blocks; a text alone counts as one."""
    if isinstance(content, str):
        yield Segment(at, content, role, kind, index)
    for number, block in enumerate(listed(content)):
        place = (*at, number)
        yield from _spoken(block, place, role, index, kind)
        for pointer, text in leaves(member(member(block, "toolUse"), "input"), (*place, "toolUse", "input")):
            yield Segment(pointer, text, role, SegmentKind.TOOL_CALL, index, is_plain=False)
        result = member(member(block, "toolResult"), "content")
        yield from _result(result, (*place, "toolResult", "content"), role, index)


def _spoken(block: Any, place: Pointer, role: str, index: int, kind: SegmentKind) -> Iterator[Segment]:
    for path, of in _PLACES:
        text = _at(block, path)
        if isinstance(text, str):
            is_thought = of is SegmentKind.REASONING
            yield Segment((*place, *path), text, role, of if is_thought else kind, index, is_plain=not is_thought)
    for path in _LISTS:
        for number, each in enumerate(listed(_at(block, path))):
            text = member(each, "text")
            if isinstance(text, str):
                yield Segment((*place, *path, number, "text"), text, role, kind, index)
    yield from encoded_segments(block, place, role, kind, index)


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        value = member(value, name)
    return value


def _result(content: Any, at: Pointer, role: str, index: int) -> Iterator[Segment]:
    if isinstance(content, str):
        yield Segment(at, content, role, SegmentKind.TOOL_RESULT, index, is_plain=False)
    for number, block in enumerate(listed(content)):
        place = (*at, number)
        for pointer, text in leaves(member(block, "json"), (*place, "json")):
            yield Segment(pointer, text, role, SegmentKind.TOOL_RESULT, index, is_plain=False)
        for segment in _spoken(block, place, role, index, SegmentKind.TOOL_RESULT):
            yield msgspec.structs.replace(segment, kind=SegmentKind.TOOL_RESULT, is_plain=False)


_DELTAS: Final[tuple[tuple[tuple[str, ...], SegmentKind], ...]] = (
    (("delta", "text"), SegmentKind.TEXT),
    (("delta", "reasoningContent", "text"), SegmentKind.REASONING),
    (("delta", "toolUse", "input"), SegmentKind.TOOL_CALL),
)


def _deltas(_kind: str, event: Any) -> Iterator[Delta]:
    index = member(event, "contentBlockIndex")
    slot = index if isinstance(index, int) else 0
    for path, kind in _DELTAS:
        text = _at(event, path)
        if isinstance(text, str):
            yield Delta((kind, slot, 0), path, text, is_plain=kind is SegmentKind.TEXT)


def _closes(name: bytes, event: Any) -> int | None:
    if name == b"contentBlockStop":
        index = member(event, "contentBlockIndex")
        return index if isinstance(index, int) else ALL_SLOTS
    return ALL_SLOTS if name in {_STOP, b"metadata"} else None


def _is_end(name: bytes, data: bytes) -> bool:
    """Members of a model's own reply that the caller asked for may hold texts."""
    return name == _STOP and _OWN_OF_REPLY not in data


def _results_event(results: bytes) -> bytes:
    return b'event: hookResults\ndata: {"hook_results":' + results + b"}\n\n"


TEXTS: Final = TextView(
    {Operation.CHAT: _KIND},
    frozenset({_KIND}),
    every_text(_request, "messages"),
    every_text_of_answer(_answer),
    _deltas,
    _closes,
    _is_end,
    _results_event,
)
