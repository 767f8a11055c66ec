"""The texts of OpenAI Responses: instructions and items, in requests, responses and streams.

A stream tells each text twice and more: in pieces, then whole at the end of the text, of its part, of its item and of
the response. Source: OpenAI API reference, "Create a model response", "Streaming events".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from penstock.core.operation import Operation
from penstock.core.segments import ALL_SLOTS, Delta, Pointer, Segment, SegmentKind
from penstock.dialects.encoded_texts import encoded_segments
from penstock.dialects.framing import sse
from penstock.dialects.remaining_texts import every_text, every_text_of_answer
from penstock.dialects.texts import TextView, document_texts, leaves, listed, member, number_of_name

_KIND: Final = "createModelResponse"
_CALLS: Final = ("arguments", "input", "code", "action", "operation", "queries")
"""The members of an item that tell what the model asks of a tool."""
_RESULTS: Final = ("output", "outputs", "results")
"""The members of an item that tell what a tool answers."""
_SAYING: Final = ("content", "text")
"""The members with what an item says that is neither a message nor of a tool."""
_RESULT_TEXTS: Final = frozenset({"output", "text", "stdout", "stderr", "logs"})
_NO_TEXTS: Final = frozenset({"type", "id", "call_id", "status"})
_ENDS: Final = frozenset({"response.completed", "response.incomplete", "response.failed"})
_PIECES: Final = {
    "output_text": ("text", SegmentKind.TEXT),
    "refusal": ("refusal", SegmentKind.REFUSAL),
    "reasoning_text": ("text", SegmentKind.REASONING),
    "reasoning_summary_text": ("text", SegmentKind.REASONING),
    "function_call_arguments": ("arguments", SegmentKind.TOOL_CALL),
    "mcp_call_arguments": ("arguments", SegmentKind.TOOL_CALL),
    "custom_tool_call_input": ("input", SegmentKind.TOOL_CALL),
    "code_interpreter_call_code": ("code", SegmentKind.TOOL_CALL),
}
"""By the name of a text's events: the member of the last one that holds all of it, and what it is."""
_KINDS_OF_PIECES: Final = (
    ("transcript", SegmentKind.TEXT), ("text", SegmentKind.TEXT), ("reasoning", SegmentKind.REASONING),
)  # fmt: skip
"""Words in the names of other texts' events -> what their pieces are. All others are what a tool is called with."""
_SOUND: Final = "audio"
"""The end of the name of events whose pieces are base64."""


def _request(_kind: str, body: Any) -> Iterator[Segment]:
    instructions = member(body, "instructions")
    if isinstance(instructions, str):
        yield Segment(("instructions",), instructions, "system", SegmentKind.SYSTEM, -1)
    variables = member(member(body, "prompt"), "variables")
    for pointer, text in leaves(variables, ("prompt", "variables")):
        if pointer[-1] == "text" or len(pointer) == len(("prompt", "variables", "name")):
            yield Segment(pointer, text, "user", SegmentKind.INPUT, -1)
    items = member(body, "input")
    if isinstance(items, str):
        yield Segment(("input",), items, "user")
    for index, item in enumerate(listed(items)):
        if isinstance(item, str):  # OpenAI takes none; other hosts of this wire may
            yield Segment(("input", index), item, "user", SegmentKind.TEXT, index)
        yield from _item(item, ("input", index), index)


def _answer(_kind: str, body: Any) -> Iterator[Segment]:
    for number, item in enumerate(listed(member(body, "output"))):
        yield from _item(item, ("output", number), 0)


def _item(item: Any, at: Pointer, index: int) -> Iterator[Segment]:
    kind = member(item, "type")
    if kind is None or kind == "message":
        role = member(item, "role")
        yield from _message(item, at, role if isinstance(role, str) else "", index)
    elif kind == "reasoning":
        for name in ("summary", "content"):
            for number, part in enumerate(listed(member(item, name))):
                yield from _part(part, (*at, name, number), "assistant", SegmentKind.REASONING, index)
    else:
        yield from _other_item(item, at, index)


def _other_item(item: Any, at: Pointer, index: int) -> Iterator[Segment]:
    """The texts of an item that is neither a message nor a thought: calls of tools and their results, mostly."""
    for pointer, text in _leaves(item, at, _SAYING):
        if isinstance(pointer[-1], int) or pointer[-1] in _SAYING:
            yield Segment(pointer, text, "user", SegmentKind.TEXT, index)
    for pointer, text in _leaves(item, at, _CALLS):
        if pointer[-1] not in _NO_TEXTS:
            yield Segment(pointer, text, "assistant", SegmentKind.TOOL_CALL, index, is_plain=False)
    for pointer, text in _leaves(item, at, _RESULTS):
        if isinstance(pointer[-1], int) or pointer[-1] in _RESULT_TEXTS:
            yield Segment(pointer, text, "tool", SegmentKind.TOOL_RESULT, index)
    for number, part in enumerate(listed(member(item, "output"))):
        yield from encoded_segments(part, (*at, "output", number), "tool", SegmentKind.TOOL_RESULT, index)


def _leaves(item: Any, at: Pointer, names: tuple[str, ...]) -> Iterator[tuple[Pointer, str]]:
    for name in names:
        yield from leaves(member(item, name), (*at, name))


def _message(item: Any, at: Pointer, role: str, index: int) -> Iterator[Segment]:
    kind = SegmentKind.SYSTEM if role in {"system", "developer"} else SegmentKind.TEXT
    content = member(item, "content")
    if isinstance(content, str):
        yield Segment((*at, "content"), content, role, kind, index)
    yield from _part(content, (*at, "content"), role, kind, index)
    for number, part in enumerate(listed(content)):
        yield from _part(part, (*at, "content", number), role, kind, index)


def _part(part: Any, at: Pointer, role: str, kind: SegmentKind, index: int) -> Iterator[Segment]:
    """The text of a part of a content."""
    kind = SegmentKind.REASONING if member(part, "type") == "reasoning_text" else kind
    for name, of in (("text", kind), ("refusal", SegmentKind.REFUSAL)):
        text = member(part, name)
        if isinstance(text, str):
            is_plain = of in {SegmentKind.TEXT, SegmentKind.SYSTEM}
            yield Segment((*at, name), text, role, of, index, is_plain=is_plain)
    for place, document in document_texts(part, at):
        yield Segment(place, document, role, kind, index, is_plain=kind in {SegmentKind.TEXT, SegmentKind.SYSTEM})
    yield from encoded_segments(part, at, role, kind, index)


def _deltas(_kind: str, event: Any) -> Iterator[Delta]:
    event_type = member(event, "type")
    name, _, step = (event_type if isinstance(event_type, str) else "").removeprefix("response.").rpartition(".")
    slot, number = (_number(event, each) for each in ("output_index", "content_index"))
    if name in _PIECES:
        whole, kind = _PIECES[name]
        at = "delta" if step == "delta" else whole
        text, is_plain = member(event, at), kind is SegmentKind.TEXT
        if isinstance(text, str):
            index = number + _number(event, "summary_index")
            yield Delta((kind, slot, index), (at,), text, is_plain=is_plain, is_whole=step != "delta")
        return
    if step == "delta" and isinstance(text := member(event, "delta"), str) and not name.endswith(_SOUND):
        kind = next((of for word, of in _KINDS_OF_PIECES if word in name), SegmentKind.TOOL_CALL)
        key = (kind, slot, number_of_name(name))
        yield Delta(key, ("delta",), text, is_plain=kind is SegmentKind.TEXT)
        return
    for segment in _whole(event):
        yield Delta((segment.kind, slot, 0), segment.pointer, segment.text, 0, segment.is_plain, is_whole=True)


def _whole(event: Any) -> Iterator[Segment]:
    """The texts that an event tells as a whole: of a part, of an item, of the response."""
    if isinstance(event, dict):
        yield from _part(event.get("part"), ("part",), "assistant", _part_kind(event), 0)
        if isinstance(event.get("item"), dict):
            yield from _item(event["item"], ("item",), 0)
        for number, item in enumerate(listed(member(event.get("response"), "output"))):
            yield from _item(item, ("response", "output", number), 0)


def _part_kind(event: Any) -> SegmentKind:
    return SegmentKind.REASONING if "summary_index" in event else SegmentKind.TEXT


def _number(event: Any, name: str) -> int:
    value = member(event, name)
    return value if isinstance(value, int) and value >= 0 else 0


def _closes(name: bytes, event: Any) -> int | None:
    kind = member(event, "type")
    kind = kind if isinstance(kind, str) else name.decode("utf-8", "replace")
    if kind in _ENDS:
        return ALL_SLOTS
    return _number(event, "output_index") if kind.endswith(".done") else None


def _is_end(_name: bytes, data: bytes) -> bool:
    """The last event of the wire holds the whole response, so it is no end without texts."""
    return data == sse.DONE


def _results_event(results: bytes) -> bytes:
    return b'event: hook_results\ndata: {"type":"hook_results","hook_results":' + results + b"}\n\n"


TEXTS: Final = TextView(
    dict.fromkeys((Operation.CHAT, Operation.RESPONSE_COMPACT, Operation.RESPONSE, Operation.RESPONSE_TOKENS), _KIND),
    frozenset({_KIND}),
    every_text(_request, "input"),
    every_text_of_answer(_answer, "output"),
    _deltas,
    _closes,
    _is_end,
    _results_event,
    end_mark=sse.DONE,
    may_skip=False,
    calls_are_texts=True,
    said_in_events={"response": frozenset({"output"})},
    results_first=False,
)
