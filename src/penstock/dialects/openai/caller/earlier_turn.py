"""An assistant's earlier turn, put together again from what its client sends back: text, thoughts, calls of tools.

Reasoning comes back in one of three shapes: ``content_blocks`` (Portkey's), ``reasoning_details`` (OpenRouter's, and
ours, which say where each thought stood) or bare text. Its maker refuses thoughts that stand elsewhere than they did.
Source: Claude docs, "Preserving thinking blocks"; docs/portkey.md#earlier-reasoning.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Final

import msgspec

from penstock.core.chat import NativePart, Owner, Part, ReasoningPart, TextPart, ToolCall, UnknownPart
from penstock.dialects.malformed import Malformed, cache_in, text_in
from penstock.dialects.openai.caller.parts import READERS, image_part


class _Place(msgspec.Struct, frozen=True):
    """After how many characters of the content, calls of tools and other blocks a thought stood. ``is_known``: it was
    told in a way that can be so."""

    text: int = 0
    calls: int = 0
    blocks: int = 0
    is_known: bool = True


_FIRST: Final = _Place()
_ReasoningBlock = tuple[ReasoningPart, _Place]


def earlier_turn(
    message: Mapping[str, Any], content: tuple[Part, ...], calls: tuple[ToolCall, ...]
) -> tuple[Part, ...]:
    """All parts in the order in which the model made them, as far as it came back."""
    thoughts = _details(message.get("reasoning_details"))
    blocks = message.get("content_blocks")
    if isinstance(blocks, list):
        return _of_blocks(blocks, thoughts, content, calls)
    if any(isinstance(part, ReasoningPart) for part in content):
        return (*content, *calls)
    if thoughts:
        return _interleaved(thoughts, content, calls)
    return (*_bare_reasoning(message), *content, *calls)


def _of_blocks(
    blocks: list[Any], thoughts: tuple[_ReasoningBlock, ...], content: tuple[Part, ...], calls: tuple[ToolCall, ...]
) -> tuple[Part, ...]:
    """The blocks as the provider gave them, if they still say what the content says; what they add to it otherwise."""
    places = {part.signature or part.data: (part.owner, place) for part, place in thoughts}
    owners = {key: owner for key, (owner, _) in places.items()}
    parts = tuple(_block(block, owners) for block in blocks if isinstance(block, dict))
    has_thoughts = any(isinstance(part, ReasoningPart) for part in parts)
    if not any(isinstance(part, ReasoningPart | TextPart) for part in parts):
        interleaved = _interleaved(thoughts, content, ())
        return (*interleaved, *parts, *calls)
    if content and _joined(parts) != _joined(content):
        kept = tuple(part for part in parts if isinstance(part, ReasoningPart))
        return (*(kept or (part for part, _ in thoughts)), *content, *calls)
    if not has_thoughts:
        return (*(part for part, _ in thoughts), *parts, *calls)
    found: list[Part] = []
    done = 0
    for part in parts:
        if isinstance(part, ReasoningPart):
            _, place = places.get(part.signature or part.data, ("", _FIRST))
            found += calls[done : place.calls]
            done = max(done, place.calls)
        found.append(part)
    return (*found, *calls[done:])


def _interleaved(
    thoughts: tuple[_ReasoningBlock, ...], content: tuple[Part, ...], calls: tuple[ToolCall, ...]
) -> tuple[Part, ...]:
    """Thoughts among the text and the calls, each where it was. One that can't be put there marks all of them."""
    if all(place == _FIRST for _, place in thoughts):
        return (*(part for part, _ in thoughts), *content, *calls)
    text = _joined(content)
    places = [place for _, place in thoughts]
    fits = all(place.is_known and not place.blocks and place.text <= len(text) for place in places)
    fits = fits and all(place.calls <= len(calls) for place in places)
    fits = fits and all(one.text <= other.text and one.calls <= other.calls for one, other in pairwise(places))
    if not fits or not all(isinstance(part, TextPart) for part in content):
        marked = (msgspec.structs.replace(part, misplaced=True) for part, _ in thoughts)
        return (*marked, *content, *calls)
    found: list[Part] = []
    said = made = 0
    for part, place in thoughts:
        found += _cut(content, said, place.text)
        found += calls[made : place.calls]
        found.append(part)
        said, made = place.text, place.calls
    return (*found, *_cut(content, said, len(text)), *calls[made:])


def _cut(content: tuple[Part, ...], start: int, end: int) -> list[Part]:
    """The text from one character to another, part by part. A marker stays with the end of its part."""
    found: list[Part] = []
    at = 0
    for part in content:
        if isinstance(part, TextPart):
            text = part.text[max(start - at, 0) : max(end - at, 0)]
            at += len(part.text)
            if text:
                found.append(part if text == part.text else TextPart(text, part.cache if at <= end else None))
    return found


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
        return TextPart(text_in(block.get("text")), cache_in(block))
    if kind == "image_url":
        try:
            return image_part(block, "")
        except Malformed:
            return UnknownPart(kind, block)
    return NativePart(block, _owner_of(block))


def _put_together(block: Mapping[str, Any]) -> Mapping[str, Any]:
    """A block of a stream, whose client has added up its pieces: ``{index, delta: {text|thinking|signature|...}}``."""
    delta = block.get("delta")
    if "type" in block or not isinstance(delta, dict):
        return block
    if "type" in delta or not delta.keys() & {"thinking", "signature", "text", "citation"}:
        return delta
    if "thinking" in delta or "signature" in delta:
        return {"type": "thinking", "thinking": "", **delta}
    return {"type": "text", "text": text_in(delta.get("text"))}


def _owner_of(block: Mapping[str, Any]) -> str:
    """Whose shape a block has: Anthropic's blocks name their type, the others are named by their only member."""
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
"""How ``reasoning_details`` names the maker of what only it can read."""
_OWNERS: Final = {form: owner for owner, form in FORMATS.items()}


def _details(value: Any) -> tuple[_ReasoningBlock, ...]:
    if not isinstance(value, list):
        return ()
    return tuple((_detail(each), _place(each.get("after"))) for each in value if isinstance(each, dict))


def _place(after: Any) -> _Place:
    if not isinstance(after, dict):
        return _FIRST
    counts = [after.get(name, 0) for name in ("text", "tool_calls", "blocks")]
    if any(type(count) is not int or count < 0 for count in counts):
        return _Place(is_known=False)
    return _Place(*counts)


def _detail(detail: Mapping[str, Any]) -> ReasoningPart:
    owner = _OWNERS.get(text_in(detail.get("format")), Owner.UNKNOWN)
    text = text_in(detail.get("text") or detail.get("summary"))
    return ReasoningPart(text, text_in(detail.get("signature")), text_in(detail.get("data")), owner)


def _bare_reasoning(message: Mapping[str, Any]) -> tuple[ReasoningPart, ...]:
    text = text_in(message.get("reasoning_content")) or text_in(message.get("reasoning"))
    return (ReasoningPart(text),) if text else ()
