"""Rebuilds an assistant's earlier turn from the message that the client sends back: text, reasoning, tool calls.

Reasoning comes back in one of four shapes: ``content_blocks`` (Portkey's), ``reasoning_details`` (OpenRouter's; the
gateway adds the position of each reasoning block), ``thinking_blocks`` (LiteLLM's) or plain text. The maker refuses
reasoning at a changed position.
Source: Claude docs, "Preserving thinking blocks"; docs/portkey.md#earlier-reasoning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

import msgspec

from penstock.core.chat import NativePart, Owner, Part, ReasoningPart, TextPart, ToolCall, UnknownPart
from penstock.dialects.malformed import Malformed, cache_in, text_in
from penstock.dialects.openai.caller.carried import Cited, is_carried, read_carried
from penstock.dialects.openai.caller.parts import READERS, citations_in, image_part


class _Place(msgspec.Struct, frozen=True):
    """The position of a reasoning block: the characters of the content, the tool calls and the other blocks before it.
    ``is_known``: the client sent a valid position."""

    text: int = 0
    calls: int = 0
    blocks: int = 0
    is_known: bool = True
    covers: int = 0
    """The characters of the text after it that a signature signs."""


_FIRST: Final = _Place()
_ReasoningBlock = tuple[ReasoningPart, _Place]
_Carried = tuple[ReasoningPart | NativePart | Cited, _Place]


def earlier_turn(
    message: Mapping[str, Any], content: tuple[Part, ...], calls: tuple[ToolCall, ...]
) -> tuple[Part, ...]:
    """All parts in the order in which the model made them, as far as the client sent the order back."""
    details = _details(message.get("reasoning_details"))
    thoughts = tuple([(part, place) for part, place in details if isinstance(part, ReasoningPart)])
    blocks = message.get("content_blocks")
    if isinstance(blocks, list):
        return _of_blocks(blocks, thoughts, content, calls)
    if any(isinstance(part, ReasoningPart) for part in content):
        return (*content, *calls)
    if details:
        return _interleaved(details, content, calls)
    if isinstance(message.get("thinking_blocks"), list):
        return (*_thinking_blocks(message["thinking_blocks"]), *content, *calls)
    return (*_bare_reasoning(message), *content, *calls)


def _of_blocks(
    blocks: list[Any], thoughts: tuple[_ReasoningBlock, ...], content: tuple[Part, ...], calls: tuple[ToolCall, ...]
) -> tuple[Part, ...]:
    """The blocks as the provider sent them if their text equals the content; otherwise only their reasoning, before the
    content."""
    places = {part.signature or part.data: (part.owner, place) for part, place in thoughts}
    owners = {key: owner for key, (owner, _) in places.items()}
    parts = tuple(_block(block, owners) for block in blocks if isinstance(block, dict))
    has_thoughts = any(isinstance(part, ReasoningPart) for part in parts)
    if not any(isinstance(part, ReasoningPart | TextPart) for part in parts):
        interleaved = _interleaved(thoughts, content, ())
        return (*interleaved, *parts, *calls)
    if content and _joined(parts) != _joined(content):
        reasoning = tuple(part for part in parts if isinstance(part, ReasoningPart))
        return (*(reasoning or (part for part, _ in thoughts)), *content, *calls)
    if not has_thoughts:
        return (*(part for part, _ in thoughts), *parts, *calls)
    result: list[Part] = []
    done = 0
    for part in parts:
        if isinstance(part, ReasoningPart):
            _, place = places.get(part.signature or part.data, ("", _FIRST))
            result += calls[done : place.calls]
            done = max(done, place.calls)
        result.append(part)
    return (*result, *calls[done:])


def _interleaved(
    details: Sequence[_Carried], content: tuple[Part, ...], calls: tuple[ToolCall, ...]
) -> tuple[Part, ...]:
    """Reasoning and carried blocks among the text and the calls, each at its position. If one can't be placed, the
    reasoning is marked ``misplaced`` and the blocks are left out."""
    thoughts = [part for part, place in details if isinstance(part, ReasoningPart) and place == _FIRST]
    if len(thoughts) == len(details):
        return (*thoughts, *content, *calls)
    text = _joined(content)
    if not _fit(details, len(text), len(calls)) or not all(isinstance(part, TextPart) for part in content):
        marked = [
            msgspec.structs.replace(part, misplaced=True) for part, _ in details if isinstance(part, ReasoningPart)
        ]
        return (*marked, *content, *calls)
    result: list[Part] = []
    cutter, calls_done = _Cutter(content), 0
    for part, place in details:
        result += cutter.until(place.text)
        result += calls[calls_done : place.calls]
        calls_done = place.calls
        if isinstance(part, Cited):
            cited = cutter.until(place.text + part.length)
            if cited:
                result += [_with_citations(each, part) for each in cited]
            elif result:
                result[-1] = _with_citations(result[-1], part)
        else:
            result += [part, *cutter.until(place.text + place.covers)]
    return (*result, *cutter.until(len(text)), *calls[calls_done:])


def _fit(details: Sequence[_Carried], length: int, calls: int) -> bool:
    """Whether every detail has a position in a turn of ``length`` characters and ``calls`` tool calls, after the
    details before it."""
    native = 0
    for part, place in details:
        size = part.length if isinstance(part, Cited) else place.covers
        if not place.is_known or place.blocks != native or place.text + size > length or place.calls > calls:
            return False
        native += isinstance(part, NativePart)
    places = [place for _, place in details]
    return all(one.text <= other.text and one.calls <= other.calls for one, other in pairwise(places))


def _with_citations(part: Part, cited: Cited) -> Part:
    if not isinstance(part, TextPart):
        return part
    return msgspec.structs.replace(part, citations=(*part.citations, *cited.citations))


class _Cutter:
    """Hands out the text of a content from the beginning to the end, in one pass."""

    __slots__ = ("_at", "_done", "_index", "_parts")

    def __init__(self, content: tuple[Part, ...]) -> None:
        self._parts = [part for part in content if isinstance(part, TextPart)]
        self._index = self._at = self._done = 0
        """The part that is next, and the characters of text before it and before what was handed out."""

    def until(self, end: int) -> list[Part]:
        """The text up to character ``end``, part by part. A cache marker stays at the end of its part."""
        result: list[Part] = []
        if end <= self._done:
            return result
        while self._index < len(self._parts):
            part = self._parts[self._index]
            after = self._at + len(part.text)
            text = part.text[self._done - self._at : end - self._at]
            if text:
                whole = len(text) == len(part.text)
                result.append(part if whole else TextPart(text, part.cache if after <= end else None))
                self._done += len(text)
            if after > end:
                break
            self._index, self._at = self._index + 1, after
        return result


def _joined(parts: tuple[Part, ...]) -> str:
    return "".join(part.text for part in parts if isinstance(part, TextPart))


def _block(block: Mapping[str, Any], owners: Mapping[str, str]) -> Part:
    block = _put_together(block)
    kind = block.get("type")
    if kind in ("thinking", "redacted_thinking"):
        part = READERS[kind](block, "")
        if isinstance(part, ReasoningPart):
            owner = owners.get(part.signature or part.data, part.owner)
            return msgspec.structs.replace(part, owner=owner)
    if kind == "text":
        return TextPart(text_in(block.get("text")), cache_in(block), citations_in(block))
    if kind == "image_url":
        try:
            return image_part(block, "")
        except Malformed:
            return UnknownPart(kind, block)
    return NativePart(block, _owner_of(block))


def _put_together(block: Mapping[str, Any]) -> Mapping[str, Any]:
    """A content block in its usual shape, from a block that the client merged from a stream's pieces:
    ``{index, delta: {text|thinking|signature|...}}``."""
    delta = block.get("delta")
    if "type" in block or not isinstance(delta, dict):
        return block
    if "type" in delta or not delta.keys() & {"thinking", "signature", "text", "citations"}:
        return delta
    if "thinking" in delta or "signature" in delta:
        return {"type": "thinking", "thinking": "", **delta}
    cited = [_without_index(citation) for citation in _dicts(delta.get("citations"))]
    return {"type": "text", "text": text_in(delta.get("text")), **({"citations": cited} if cited else {})}


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _without_index(citation: Mapping[str, Any]) -> dict[str, Any]:
    """A citation as its maker wrote it: its index was for merging."""
    return {name: value for name, value in citation.items() if name != "index"}


def _owner_of(block: Mapping[str, Any]) -> str:
    """The owner of a block's shape: Anthropic's blocks have a ``type``, other makers' blocks a single member."""
    if isinstance(block.get("type"), str):
        return Owner.ANTHROPIC
    return Owner.GOOGLE if block.keys() & _GOOGLE_MEMBERS else Owner.AMAZON


_GOOGLE_MEMBERS: Final = frozenset(
    {"executableCode", "codeExecutionResult", "thoughtSignature", "thought", "functionCall", "inlineData"}
    | {"fileData", "videoMetadata", "toolCall", "toolResponse"}
)

FORMATS: Final[Mapping[str, str]] = {
    Owner.ANTHROPIC: "anthropic-claude-v1",
    Owner.GOOGLE: "google-gemini-v1",
    Owner.AMAZON: "amazon-bedrock-v1",
    Owner.OPENAI: "openai-responses-v1",
}
"""The owners of opaque reasoning, by the ``format`` in ``reasoning_details``."""
_OWNERS: Final = {form: owner for owner, form in FORMATS.items()}


def _details(value: Any) -> tuple[_Carried, ...]:
    if not isinstance(value, list):
        return ()
    read = [(_detail(each), _place(each.get("after"), each.get("covers"))) for each in value if isinstance(each, dict)]
    return tuple([(part, place) for part, place in read if part is not None])


def _place(after: Any, covers: Any = None) -> _Place:
    if type(covers) is int and covers > 0:
        return msgspec.structs.replace(_place(after), covers=covers)
    if not isinstance(after, dict):
        return _FIRST
    counts = [after.get(name, 0) for name in ("text", "tool_calls", "blocks")]
    if any(type(count) is not int or count < 0 for count in counts):
        return _Place(is_known=False)
    return _Place(*counts)


def _detail(detail: Mapping[str, Any]) -> ReasoningPart | NativePart | Cited | None:
    data = text_in(detail.get("data"))
    if is_carried(data):
        return read_carried(data)
    owner = _OWNERS.get(text_in(detail.get("format")), Owner.UNKNOWN)
    text = text_in(detail.get("text") or detail.get("summary"))
    return ReasoningPart(text, text_in(detail.get("signature")), data, owner)


def _thinking_blocks(blocks: list[Any]) -> tuple[Part, ...]:
    """The thoughts of LiteLLM's callers: Anthropic's blocks, which stand before the turn's text and calls."""
    read = [READERS[block["type"]](block, "") for block in blocks if _is_thought(block)]
    return tuple([part for part in read if isinstance(part, ReasoningPart)])


def _is_thought(block: Any) -> bool:
    return isinstance(block, dict) and block.get("type") in ("thinking", "redacted_thinking")


def _bare_reasoning(message: Mapping[str, Any]) -> tuple[ReasoningPart, ...]:
    text = text_in(message.get("reasoning_content")) or text_in(message.get("reasoning"))
    return (ReasoningPart(text),) if text else ()
