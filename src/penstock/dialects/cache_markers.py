"""Cache markers on text without a visible character, for wires that refuse such text (Anthropic's, Converse).

The text goes and its marker moves to the part before it, so that as much is cached as the caller said. A marker with no
part before it stays where it is, and the dialect names it. Source: Claude docs, "Prompt caching" ("What cannot be
cached").
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from penstock.core.chat import ChatRequest, Message, NativePart, Part, ReasoningPart, TextPart, UnknownPart


def with_visible_markers(request: ChatRequest) -> ChatRequest:
    """The request with each marker of a blank text on the part before it; the same request if there is none."""
    if request.is_prose or not any(_is_blank_marker(part) for message in request.messages for part in message.parts):
        return request
    messages: list[Message] = []
    for message in request.messages:
        parts: list[Part] = []
        for part in message.parts:
            if not (isinstance(part, TextPart) and _is_blank_marker(part) and _mark(parts, messages, part.cache)):
                parts.append(part)
        messages.append(msgspec.structs.replace(message, parts=tuple(parts)))
    return msgspec.structs.replace(request, messages=tuple(messages))


def _is_blank_marker(part: Part) -> bool:
    return type(part) is TextPart and part.cache is not None and not part.text.strip()


def _mark(parts: list[Part], messages: list[Message], cache: Mapping[str, Any] | None) -> bool:
    """Put the marker on the last part of this message or of the message before; whether it has found a place."""
    if parts:
        marked = _marked(parts[-1], cache)
        if marked is not None:
            parts[-1] = marked
        return marked is not None
    if not messages or not messages[-1].parts:
        return False
    before = messages[-1]
    marked = _marked(before.parts[-1], cache)
    if marked is not None:
        messages[-1] = msgspec.structs.replace(before, parts=(*before.parts[:-1], marked))
    return marked is not None


def _marked(part: Part, cache: Mapping[str, Any] | None) -> Part | None:
    """The part with the marker, or with its own; None for a part that can't have one."""
    if isinstance(part, ReasoningPart | NativePart | UnknownPart):
        return None
    return part if part.cache is not None else msgspec.structs.replace(part, cache=cache)
