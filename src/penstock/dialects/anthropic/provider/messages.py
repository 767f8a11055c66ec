"""An OpenAI conversation as Anthropic's system prompt and turns.

Anthropic knows two roles, refuses text without a visible character, and wants the results of tools at the beginning of
the turn after their calls. Source: Anthropic API reference, "Create a Message"; Claude docs, "Handle tool calls",
"Vision", "PDF support", "Files API".
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from penstock.core.chat import (
    AudioPart,
    ChatRequest,
    FilePart,
    ImagePart,
    Inline,
    Link,
    Message,
    NativePart,
    Owner,
    Part,
    ReasoningPart,
    Source,
    Stored,
    TextPart,
    ToolCall,
    ToolResult,
    UnknownPart,
)
from penstock.core.parameters import Parameters
from penstock.core.traits import Traits
from penstock.dialects.call_arguments import arguments_object
from penstock.dialects.call_ids import CallIds, allowed_id
from penstock.dialects.malformed import marker_name

_PDF: Final = frozenset({"", "application/pdf"})
"""A document that nobody named the type of is taken for a PDF (docs/portkey.md#files-without-a-type)."""
_SPELLINGS: Final[Mapping[str, str]] = {"image/jpg": "image/jpeg"}
GO_ON: Final = "Continue."
"""What the user says after an assistant's turn that stands last, where a model refuses to have its answer begun."""
_TOOL_ID: Final = re.compile(r"[a-zA-Z0-9_-]+")


def _only_text(message: Message) -> list[dict[str, Any]]:
    """The blocks of a message that is one piece of text, as most are; none for any other."""
    parts = message.parts
    if len(parts) == 1 and type(part := parts[0]) is TextPart and not message.name:
        text = part.text
        if text and not text.isspace() and part.cache is None and not part.citations:
            return [{"type": "text", "text": text}]
    return []


class Conversation:
    """Writes the messages of one request. What can't be said is refused at its place."""

    def __init__(self, request: ChatRequest, parameters: Parameters, traits: Traits) -> None:
        self._standing, self._spoken = request.parted()
        self._parameters = parameters
        self._traits = traits
        self._ids = CallIds()

    def system(self) -> list[dict[str, Any]]:
        """The text blocks of all system messages that stand before any answer."""
        found = []
        for message in self._standing:
            plain = _only_text(message)
            found += plain
            for part, path in () if plain else self._placed(message):
                if isinstance(part, TextPart):
                    found += [*self._text(part, path)]
                else:
                    self._parameters.unsupported(path)
        return found

    def turns(self) -> list[dict[str, Any]]:
        """What user and assistant said in turn; messages of one role in a row are one turn, empty ones none."""
        found: list[dict[str, Any]] = []
        for message in self._spoken:
            role = "assistant" if message.role == "assistant" else "user"
            blocks = _only_text(message) or [
                block for part, path in self._placed(message) for block in self._blocks(part, path)
            ]
            if found and found[-1]["role"] == role:
                found[-1]["content"] += blocks
            elif blocks:
                found.append({"role": role, "content": blocks})
        for turn in found:
            if turn["role"] == "user" and len(turn["content"]) > 1:
                turn["content"].sort(key=_is_no_result)
        if found and found[-1]["role"] == "assistant":
            if not self._traits.prefill and found[-1]["content"][-1]["type"] == "text":
                # Claude goes on with a turn of its own tools (pause_turn), and refuses to go on with text.
                self._parameters.unsupported(self._spoken[-1].path)
                found.append({"role": "user", "content": [{"type": "text", "text": GO_ON}]})
            else:
                _trim(found[-1]["content"])
        return found

    def _placed(self, message: Message) -> Iterator[tuple[Part, str]]:
        """The parts, each with where it stood in the caller's message."""
        if message.name and message.role != "tool":
            self._parameters.unsupported(f"{message.path}.name")
        content = calls = 0
        for part in message.parts:
            if isinstance(part, ReasoningPart | ToolResult):
                yield part, message.path
            elif isinstance(part, ToolCall):
                yield part, f"{message.path}.tool_calls[{calls}]"
                calls += 1
            else:
                yield part, f"{message.path}.content[{content}]"
                content += 1

    def _blocks(self, part: Part, path: str) -> Iterator[dict[str, Any]]:
        """The content block that a part becomes, if it becomes one."""
        match part:
            case TextPart():
                yield from self._text(part, path)
            case ImagePart() | FilePart():
                yield from self._media(part, path)
            case ReasoningPart(owner=Owner.ANTHROPIC, misplaced=True):
                self._parameters.unsupported(f"{path}.reasoning_details")
            case ReasoningPart():
                yield from _thought(part)
            case ToolCall():
                call_id = tool_id(self._ids.called(part.id))
                called = {"type": "tool_use", "id": call_id, "name": part.name, "input": arguments_object(part)}
                yield _marked(called, part.cache)
            case ToolResult():
                yield self._result(part, path)
            case NativePart(value, Owner.ANTHROPIC) if isinstance(value.get("type"), str):
                yield dict(value)
            case NativePart() | AudioPart() | UnknownPart():
                self._parameters.unsupported(path)

    def _text(self, part: TextPart, path: str) -> Iterator[dict[str, Any]]:
        """A text block, unless there is nothing to see in it."""
        if part.text.strip():
            own = [citation for citation in part.citations if isinstance(citation.get("type"), str)]
            cited: dict[str, Any] = {"citations": own} if own else {}
            yield _marked({"type": "text", "text": part.text, **cited}, part.cache)
        elif part.cache is not None:
            self._parameters.unsupported(f"{path}.{marker_name(part.cache)}")

    def _media(self, part: ImagePart | FilePart, path: str) -> Iterator[dict[str, Any]]:
        """An image or a document."""
        titled: dict[str, Any] = {}
        if isinstance(part, ImagePart) or part.source.mime.startswith("image/"):
            kind = "image"
            source = _image_source(part.source) if self._traits.vision else None
        else:
            kind, titled = "document", {"title": part.name, **part.extras} if part.name else dict(part.extras)
            source = _document_source(part.source) if self._traits.documents else None
        if source is None:
            self._parameters.unsupported(path)
            return
        if isinstance(part, ImagePart) and part.detail == "low":  # Claude sees all there is, whatever the detail
            self._parameters.unsupported(f"{path}.image_url.detail")
        yield _marked({"type": kind, "source": source, **titled}, part.cache)

    def _result(self, result: ToolResult, path: str) -> dict[str, Any]:
        """What a tool answered: text alone as a string, anything else as blocks, nothing as nothing."""
        block: dict[str, Any] = {"type": "tool_result", "tool_use_id": tool_id(self._ids.answered(result.id))}
        content = []
        for position, part in enumerate(result.parts):
            content += [*self._blocks(part, f"{path}.content[{position}]")]
        if len(content) == 1 and content[0].keys() == {"type", "text"}:
            block["content"] = content[0]["text"]
        elif content:
            block["content"] = content
        if result.is_error:
            block["is_error"] = True
        return _marked(block, result.cache)


def _is_no_result(block: Mapping[str, Any]) -> bool:
    return bool(block["type"] != "tool_result")


def _trim(prefill: list[dict[str, Any]]) -> None:
    """The beginning of the answer to come may not end in white space."""
    last = prefill[-1]
    if last["type"] == "text" and isinstance(last.get("text"), str):
        prefill[-1] = {**last, "text": last["text"].rstrip()}


def _marked(block: dict[str, Any], cache: Mapping[str, Any] | None) -> dict[str, Any]:
    return block if cache is None else {**block, "cache_control": cache}


def _thought(part: ReasoningPart) -> Iterator[dict[str, Any]]:
    """Thinking that Claude signed. That of others, and any without a signature, is none of its business."""
    if part.owner == Owner.ANTHROPIC and part.data:
        yield {"type": "redacted_thinking", "data": part.data}
    elif part.owner == Owner.ANTHROPIC and part.signature:
        yield {"type": "thinking", "thinking": part.text, "signature": part.signature}


# Images and documents.


def _image_source(source: Source) -> dict[str, Any] | None:
    match source:
        case Inline(mime, data):
            return {"type": "base64", "media_type": _SPELLINGS.get(mime, mime), "data": data}
        case Stored(file_id):
            return {"type": "file", "file_id": file_id}
        case Link(url):
            return {"type": "url", "url": url} if _is_web(url) else None


def _document_source(source: Source) -> dict[str, Any] | None:
    match source:
        case Stored(file_id):
            return {"type": "file", "file_id": file_id}
        case Link(url, mime):
            return {"type": "url", "url": url} if _is_web(url) and mime in _PDF else None
        case Inline(mime, data) if mime in _PDF:
            return {"type": "base64", "media_type": "application/pdf", "data": data}
        case Inline(mime, data):
            return _plain_text(data) if mime.startswith("text/") else None


def _is_web(url: str) -> bool:
    return url.startswith(("https://", "http://"))


def _plain_text(data: str) -> dict[str, Any] | None:
    try:
        return {"type": "text", "media_type": "text/plain", "data": base64.b64decode(data).decode()}
    except ValueError:
        return None


# Calls of tools.


def tool_id(call_id: str) -> str:
    """The id of a call as Anthropic takes it."""
    return allowed_id(call_id, _TOOL_ID)
