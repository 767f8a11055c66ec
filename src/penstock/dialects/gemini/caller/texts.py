"""The texts of Gemini's generateContent, in either spelling. A stream is responses of the same shape, without an end
event. Source: Gemini API reference, "Content", "Part", "GenerateContentResponse".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from msgspec.structs import replace

from penstock.core.operation import Operation
from penstock.core.segments import ALL_SLOTS, Delta, Pointer, Segment, SegmentKind
from penstock.dialects.encoded_texts import encoded_segments
from penstock.dialects.gemini.spelling import camel
from penstock.dialects.remaining_texts import every_text, every_text_of_answer
from penstock.dialects.texts import TextView, leaves, listed, member, number_of_name

_KIND: Final = "generateContent"
_TREES: Final = {
    ("functionCall", "args"): SegmentKind.TOOL_CALL,
    ("toolCall", "args"): SegmentKind.TOOL_CALL,
    ("executableCode", "code"): SegmentKind.TOOL_CALL,
    ("functionResponse", "response"): SegmentKind.TOOL_RESULT,
    ("toolResponse", "response"): SegmentKind.TOOL_RESULT,
    ("codeExecutionResult", "output"): SegmentKind.TOOL_RESULT,
}
"""The members of parts that hold texts, at any depth."""
_TEXT_PARTS: Final = frozenset({"text", "thought", "thoughtSignature"})
"""The members of a part that goes on with the part before it."""
_PIECE: Final = "stringValue"
"""A piece of an argument of a call that is told while it is written (``partialArgs``)."""


def _request(kind: str, body: Any) -> Iterator[Segment]:
    for name, value in _members(body, "generateContentRequest"):  # of which tokens are counted
        for segment in _request(kind, value):
            yield replace(segment, pointer=(name, *segment.pointer))
    for name, value in _members(body, "systemInstruction"):
        yield from content_segments(value, (name,), "system", SegmentKind.SYSTEM, -1)
    contents = member(body, "contents")
    if not isinstance(contents, list):
        yield from content_segments(contents, ("contents",), _role(contents), SegmentKind.TEXT, 0)
    for index, content in enumerate(listed(contents)):
        yield from content_segments(content, ("contents", index), _role(content), SegmentKind.TEXT, index)


def _role(content: Any) -> str:
    return "assistant" if member(content, "role") == "model" else "user"


def _members(value: Any, name: str) -> list[tuple[str, Any]]:
    """The members of an object that have this name in JSON, each with its own spelling."""
    return [(key, each) for key, each in value.items() if camel(key) == name] if isinstance(value, dict) else []


def content_segments(
    content: Any, at: Pointer, role: str, kind: SegmentKind, index: int, choice: int = 0
) -> Iterator[Segment]:
    """The texts of a content: text alone, or parts, of which clients may send one alone."""
    if isinstance(content, str):
        yield Segment(at, content, role, kind, index, choice)
    parts = member(content, "parts")
    if isinstance(parts, list):
        for number, part in enumerate(parts):
            yield from _part(part, (*at, "parts", number), role, kind, index, choice)
    else:
        yield from _part(parts, (*at, "parts"), role, kind, index, choice)


def _part(part: Any, at: Pointer, role: str, kind: SegmentKind, index: int, choice: int) -> Iterator[Segment]:
    if isinstance(part, str):
        yield Segment(at, part, role, kind, index, choice)
    text = member(part, "text")
    if isinstance(text, str):
        is_thought = member(part, "thought") is True
        of = SegmentKind.REASONING if is_thought else kind
        yield Segment((*at, "text"), text, role, of, index, choice, is_plain=not is_thought)
    for (outer, inner), of in _TREES.items():
        for name, value in _members(part, outer):
            for pointer, leaf in leaves(member(value, inner), (*at, name, inner)):
                yield Segment(pointer, leaf, role, of, index, choice, is_plain=False)
    for pointer, text in _pieces(part, at):
        yield Segment(pointer, text, role, SegmentKind.TOOL_CALL, index, choice, is_plain=False)
    yield from encoded_segments(part, at, role, kind, index)


def _pieces(part: Any, at: Pointer) -> Iterator[tuple[Pointer, str]]:
    """The pieces of a call's arguments."""
    for name, value in _members(part, "functionCall"):
        for inner, pieces in _members(value, "partialArgs"):
            for number, piece in enumerate(listed(pieces)):
                for key, text in _members(piece, _PIECE):
                    if isinstance(text, str):
                        yield (*at, name, inner, number, key), text


def _candidates(response: Any) -> Iterator[tuple[int, int, Any]]:
    """The candidates of a response, each with its place and its index."""
    for place, candidate in enumerate(listed(member(response, "candidates"))):
        index = member(candidate, "index")
        yield place, index if isinstance(index, int) and index >= 0 else place, candidate


def _answer(_kind: str, body: Any) -> Iterator[Segment]:
    for place, index, candidate in _candidates(body):
        at = ("candidates", place, "content")
        yield from content_segments(member(candidate, "content"), at, "assistant", SegmentKind.TEXT, 0, index)


def _deltas(kind: str, response: Any) -> Iterator[Delta]:
    for segment in _answer(kind, response):
        # Text goes on from response to response, and so do pieces of arguments; all else comes whole.
        is_piece = len(segment.pointer) == _DEPTH_OF_PIECE and camel(str(segment.pointer[-1])) == _PIECE
        is_whole = not is_piece and (segment.pointer[-1] != "text" or len(segment.pointer) != _DEPTH)
        key = (segment.kind, segment.choice, 1 + _argument(response, segment.pointer) if is_piece else 0)
        yield Delta(key, segment.pointer, segment.text, segment.choice, segment.is_plain, is_whole=is_whole)


def _argument(response: Any, pointer: Pointer) -> int:
    """Which argument of a call a piece belongs to."""
    piece = response
    for step in pointer[:-1]:
        piece = piece[step]
    return number_of_name(str([each for _, each in _members(piece, "jsonPath")]))


_DEPTH: Final = len(("candidates", 0, "content", "parts", 0, "text"))
_DEPTH_OF_PIECE: Final = len(("candidates", 0, "content", "parts", 0, "functionCall", "partialArgs", 0, _PIECE))


def _closes(_name: bytes, response: Any) -> int | None:
    """A candidate's text ends with the reason for its end, or with a part of another kind: not with a call that is
    still written, whose arguments would end with it."""
    slots = [
        index
        for _, index, candidate in _candidates(response)
        if member(candidate, "finishReason")
        or any(
            isinstance(part, dict) and not part.keys() <= _TEXT_PARTS and not _goes_on(part)
            for part in listed(member(member(candidate, "content"), "parts"))
        )
    ]
    return None if not slots else slots[0] if len(slots) == 1 else ALL_SLOTS


def _goes_on(part: dict[str, Any]) -> bool:
    """Whether a part is a call of which more will be told."""
    calls = [value for _, value in _members(part, "functionCall")]
    return any(value is True for call in calls for _, value in _members(call, "willContinue"))


def _is_end(_name: bytes, _data: bytes) -> bool:
    """No event marks the end."""
    return False


def _results_event(results: bytes) -> bytes:
    return b'data: {"hook_results":' + results + b"}\n\n"


TEXTS: Final = TextView(
    {Operation.CHAT: _KIND, Operation.COUNT_TOKENS: _KIND},
    frozenset({_KIND}),
    every_text(_request, "contents"),
    every_text_of_answer(_answer),
    _deltas,
    _closes,
    _is_end,
    _results_event,
    end_mark=None,
    may_skip=False,
    kept={"v1beta/cachedContents": _request},
)
