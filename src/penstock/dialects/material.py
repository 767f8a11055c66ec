"""The material of a conversation (images, sounds, files) that a provider's wire can't carry.

A parameter may be left out and named; a question about a picture without the picture gets a confident answer about
something the model never saw. So lost material is a 400 unless the config says ``unsupported_params: drop``
(docs/dialects.md).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from penstock.core.chat import (
    AudioPart,
    ChatRequest,
    FilePart,
    ImagePart,
    Inline,
    Link,
    NativePart,
    Part,
    ReasoningPart,
    ToolCall,
    ToolResult,
    UnknownPart,
)

_FROM_OUTSIDE = ("user", "tool", "system", "developer")
"""The roles whose material is the caller's. An assistant's earlier media are another model's answer."""


def lost_material(request: ChatRequest, dropped: Collection[str]) -> dict[str, str]:
    """What each dropped part is that holds material, by the part's path as the caller has it:
    ``{"messages[0].content[1]": "an image"}``, ``{"contents[0].parts[1]": "an image"}``."""
    if not any("[" in path for path in dropped):
        return {}
    return {path: thing for path, thing in material(request).items() if path in dropped}


def material(request: ChatRequest) -> dict[str, str]:
    """What each part is that holds material, by the part's path as the caller has it."""
    words_for = request.wording.told if request.wording is not None else str
    return {words_for(path): thing for path, thing in _material(request)}


def _material(request: ChatRequest) -> Iterator[tuple[str, str]]:
    for message in request.messages:
        if message.role in _FROM_OUTSIDE:
            for position, part in enumerate(_content(message.parts)):
                thing = _thing(part)
                if thing:
                    yield f"{message.path}.content[{position}]", thing


def _content(parts: tuple[Part, ...]) -> list[Part]:
    if len(parts) == 1 and isinstance(parts[0], ToolResult):
        parts = parts[0].parts
    return [part for part in parts if not isinstance(part, ReasoningPart | ToolCall)]


def _thing(part: Part) -> str:
    """The kind of material in words; empty for a part that is none."""
    match part:
        case ImagePart(source):
            kind = "an image"
        case AudioPart(source):
            kind = "a sound"
        case FilePart(source):
            kind = "a file"
        case UnknownPart(name):
            return f"a part of type {name!r}"
        case NativePart(value, text=""):
            return f"a part of type {str(value.get('type', ''))!r}"
        case _:
            return ""
    match source:
        case Inline(mime):
            return f"{kind} of type {mime}" if mime else f"{kind} without a media type"
        case Link():
            return f"{kind} at an address"
        case _:
            return f"{kind} under a stored file's id"
