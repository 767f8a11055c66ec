"""An OpenAI conversation as Anthropic's system prompt and turns.

Anthropic knows two roles, refuses text without a visible character, and wants the results of tools at the beginning of
the turn after their calls. Source: Anthropic API reference, "Create a Message"; Claude docs, "Handle tool calls",
"Vision", "PDF support", "Files API".
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

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
from penstock.core.taking import Taking
from penstock.core.unreadable import read_json

_PDF: Final = frozenset({"", "application/pdf"})
"""A document that nobody named the type of is taken for a PDF (spec 10.5)."""
_SPELLINGS: Final[Mapping[str, str]] = {"image/jpg": "image/jpeg"}
_TOOL_ID: Final = re.compile(r"[a-zA-Z0-9_-]+")
_NOT_IN_TOOL_ID: Final = re.compile(r"[^a-zA-Z0-9_-]")
INVALID_JSON: Final = "INVALID_JSON"
"""Where Anthropic's documentation puts arguments that are no JSON object ("Fine-grained tool streaming")."""


def system_prompt(request: ChatRequest, taking: Taking) -> list[dict[str, Any]]:
    """The text blocks of all system messages, wherever they stood."""
    found = []
    for message in request.system:
        for part, path in _placed(message):
            if isinstance(part, TextPart):
                found += [*_text(part, path, taking)]
            else:
                taking.refuse(path)
    return found


def turns(request: ChatRequest, taking: Taking) -> list[dict[str, Any]]:
    """What user and assistant said in turn; messages of one role in a row are one turn, empty ones none."""
    found: list[dict[str, Any]] = []
    for message in request.turns:
        role = "assistant" if message.role == "assistant" else "user"
        blocks = [block for part, path in _placed(message) for block in _blocks(part, path, taking)]
        if not blocks:
            continue
        if found and found[-1]["role"] == role:
            found[-1]["content"] += blocks
        else:
            found.append({"role": role, "content": blocks})
    for turn in found:
        if turn["role"] == "user":
            turn["content"].sort(key=lambda block: block["type"] != "tool_result")
    if found and found[-1]["role"] == "assistant":
        _trim(found[-1]["content"])
    return found


def _trim(prefill: list[dict[str, Any]]) -> None:
    """The beginning of the answer to come may not end in white space."""
    last = prefill[-1]
    if last["type"] == "text" and isinstance(last.get("text"), str):
        prefill[-1] = {**last, "text": last["text"].rstrip()}


def _placed(message: Message) -> Iterator[tuple[Part, str]]:
    """The parts, each with where it stood in the caller's message."""
    content = calls = 0
    for part in message.parts:
        if isinstance(part, ReasoningPart):
            yield part, message.path
        elif isinstance(part, ToolCall):
            yield part, f"{message.path}.tool_calls[{calls}]"
            calls += 1
        else:
            yield part, f"{message.path}.content[{content}]"
            content += 1


def _blocks(part: Part, path: str, taking: Taking) -> Iterator[dict[str, Any]]:
    """The content block that a part becomes, if it becomes one."""
    match part:
        case TextPart():
            yield from _text(part, path, taking)
        case ImagePart(source, detail, cache):
            if detail == "low":
                taking.refuse(f"{path}.image_url.detail")
            yield from _sourced("image", _image_source(source), path, taking, cache)
        case FilePart(source) if source.mime.startswith("image/"):
            yield from _sourced("image", _image_source(source), path, taking, part.cache)
        case FilePart(source, name, cache):
            yield from _sourced("document", _document_source(source), path, taking, cache, name)
        case ReasoningPart():
            yield from _thought(part)
        case ToolCall():
            called = {"type": "tool_use", "id": tool_id(part.id), "name": part.name, "input": _input(part)}
            yield _marked(called, part.cache)
        case ToolResult():
            yield _tool_result(part, path.removesuffix(".content[0]"), taking)
        case NativePart(value, Owner.ANTHROPIC) if isinstance(value.get("type"), str):
            yield dict(value)
        case NativePart() | AudioPart() | UnknownPart():
            taking.refuse(path)


def _marked(block: dict[str, Any], cache: Mapping[str, Any] | None) -> dict[str, Any]:
    return block if cache is None else {**block, "cache_control": cache}


def _text(part: TextPart, path: str, taking: Taking) -> Iterator[dict[str, Any]]:
    """A text block, unless there is nothing to see in it."""
    if part.text.strip():
        yield _marked({"type": "text", "text": part.text}, part.cache)
    elif part.cache is not None:
        taking.refuse(f"{path}.cache_control")


def _thought(part: ReasoningPart) -> Iterator[dict[str, Any]]:
    """Thinking that Claude signed. That of others, and any without a signature, is none of its business."""
    if part.owner == Owner.ANTHROPIC and part.data:
        yield {"type": "redacted_thinking", "data": part.data}
    elif part.owner == Owner.ANTHROPIC and part.signature:
        yield {"type": "thinking", "thinking": part.text, "signature": part.signature}


# Images and documents.


def _sourced(
    kind: str, source: dict[str, Any] | None, path: str, taking: Taking, cache: Mapping[str, Any] | None, name: str = ""
) -> Iterator[dict[str, Any]]:
    if source is None:
        taking.refuse(path)
        return
    titled = {"title": name} if name else {}
    yield _marked({"type": kind, "source": source, **titled}, cache)


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


# Calls of tools and their results.


def tool_id(given: str) -> str:
    """The id of a call as Anthropic takes it: its own characters where they are allowed, a digest beside them
    otherwise, so that different ids stay different."""
    if _TOOL_ID.fullmatch(given):
        return given
    digest = hashlib.blake2s(given.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    return f"{_NOT_IN_TOOL_ID.sub('_', given)}-{digest}"


def _input(call: ToolCall) -> dict[str, Any] | msgspec.Raw:
    """The arguments as the caller wrote them where they are a JSON object."""
    text = call.arguments
    if call.custom:
        return {"input": text}
    if not text.strip():
        return {}
    data = text.encode("utf-8", "surrogatepass")
    try:
        is_object = isinstance(read_json(data), dict)
    except ValueError:
        is_object = False
    return msgspec.Raw(data) if is_object else {INVALID_JSON: text}


def _tool_result(result: ToolResult, path: str, taking: Taking) -> dict[str, Any]:
    block: dict[str, Any] = {"type": "tool_result", "tool_use_id": tool_id(result.id)}
    content = []
    for position, part in enumerate(result.parts):
        content += [*_blocks(part, f"{path}.content[{position}]", taking)]
    if len(content) == 1 and content[0].keys() == {"type", "text"}:
        block["content"] = content[0]["text"]
    elif content:
        block["content"] = content
    if result.is_error:
        block["is_error"] = True
    return _marked(block, result.cache)
