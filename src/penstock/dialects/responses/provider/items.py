"""A conversation as input items of Responses.

What the model made keeps its order: thoughts that OpenAI encrypted stand before what they led to, and are refused
elsewhere. Source: OpenAI API reference, "Create a model response" (``input``); OpenAI docs, "Reasoning models".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from penstock.core.chat import (
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
)
from penstock.core.parameters import Parameters
from penstock.dialects.call_ids import CallIds, allowed_id
from penstock.dialects.malformed import BREAKPOINT, marker_name
from penstock.dialects.openai.provider.request import url

_ID: Final = re.compile(r"[!-~]{1,64}")
"""Ids of calls; a longer one is refused."""
_STEM: Final = 40


def write_items(request: ChatRequest, parameters: Parameters) -> list[dict[str, Any]]:
    """All items. What can't be said is named at its place."""
    writer = _Writer(parameters)
    return [item for message in request.messages for item in writer.items(message)]


class _Writer:
    def __init__(self, parameters: Parameters) -> None:
        self._parameters = parameters
        self._ids = CallIds()
        self._custom: set[str] = set()
        """The ids of calls of tools that take free text."""

    def items(self, message: Message) -> Iterator[dict[str, Any]]:
        if message.name and message.role != "tool":
            self._parameters.unsupported(f"{message.path}.name")
        match message.role:
            case "tool":
                for part in message.parts:
                    if isinstance(part, ToolResult):
                        yield self._result(part, message.path)
            case "assistant":
                yield from self._turn(message)
            case role:
                content = [*self._contents(message.parts, message.path)]
                if content:
                    yield {"role": role, "content": _plain(content)}

    def _turn(self, message: Message) -> Iterator[dict[str, Any]]:
        """What the model made: texts in a row are one message."""
        texts: list[str] = []
        for position, part in enumerate(message.parts):
            path = f"{message.path}.content[{position}]"
            if isinstance(part, TextPart):
                self._no_cache(part, path)
                texts += [part.text] if part.text else []
                continue
            made = self._made(part, path)
            if made is not None:
                yield from _said(texts)
                texts = []
                yield made
        yield from _said(texts)

    def _made(self, part: Part, path: str) -> dict[str, Any] | None:
        match part:
            case ReasoningPart(misplaced=False, owner=Owner.OPENAI, data=data) if data:
                summary = [{"type": "summary_text", "text": part.text}] if part.text else []
                return {"type": "reasoning", "summary": summary, "encrypted_content": data}
            case ReasoningPart():
                return None
            case ToolCall():
                self._no_cache(part, path)
                return self._call(part)
            case NativePart(value, Owner.OPENAI):
                return dict(value)
            case _:
                self._parameters.unsupported(path)
                return None

    def _call(self, call: ToolCall) -> dict[str, Any]:
        call_id = allowed_id(self._ids.called(call.id), _ID, _STEM)
        if call.custom:
            self._custom.add(call_id)
            return {"type": "custom_tool_call", "call_id": call_id, "name": call.name, "input": call.arguments}
        return {"type": "function_call", "call_id": call_id, "name": call.name, "arguments": call.arguments or "{}"}

    def _result(self, result: ToolResult, path: str) -> dict[str, Any]:
        call_id = allowed_id(self._ids.answered(result.id), _ID, _STEM)
        if result.is_error:
            self._parameters.unsupported(f"{path}.is_error")
        self._no_cache(result, path)
        kind = "custom_tool_call_output" if call_id in self._custom else "function_call_output"
        return {"type": kind, "call_id": call_id, "output": _plain([*self._contents(result.parts, path)]) or ""}

    def _contents(self, parts: tuple[Part, ...], path: str) -> Iterator[dict[str, Any]]:
        for position, part in enumerate(parts):
            place = f"{path}.content[{position}]"
            written = _content(part)
            if written is None:
                self._parameters.unsupported(place)
                continue
            if isinstance(part, FilePart) and part.name and "filename" not in written:
                self._parameters.unsupported(f"{place}.file.filename")
            if getattr(part, "cache", None) is BREAKPOINT:
                yield {**written, "prompt_cache_breakpoint": {"mode": "explicit"}}
            else:
                self._no_cache(part, place)
                yield written

    def _no_cache(self, part: Part, path: str) -> None:
        cache = getattr(part, "cache", None)
        if cache is not None:
            self._parameters.unsupported(f"{path}.{marker_name(cache)}")


def _said(texts: list[str]) -> Iterator[dict[str, Any]]:
    if texts:
        content = [{"type": "output_text", "text": text} for text in texts]
        yield {"role": "assistant", "content": content[0]["text"] if len(content) == 1 else content}


def _plain(content: list[dict[str, Any]]) -> str | list[dict[str, Any]]:
    """Content that is one text as a string."""
    if len(content) == 1 and content[0].keys() == {"type", "text"}:
        return str(content[0]["text"])
    return content


def _content(part: Part) -> dict[str, Any] | None:
    """A part of a user's message or of a result; None for one that this wire can't express."""
    match part:
        case TextPart(text):
            return {"type": "input_text", "text": text}
        case ImagePart(source, detail):
            shown = {"detail": detail or "auto"}
            if isinstance(source, Stored):
                return {"type": "input_image", "file_id": source.id, **shown}
            return {"type": "input_image", "image_url": url(source), **shown}
        case FilePart(source, name) if not source.mime.startswith("video/"):
            return {"type": "input_file", **_file(source, name)}
        case _:
            return None


def _file(source: Source, name: str) -> dict[str, Any]:
    """A file. Data needs a name, by which OpenAI tells the kind."""
    named = {"filename": name} if name else {}
    match source:
        case Stored(file_id):
            return {"file_id": file_id}
        case Link(address):
            return {"file_url": address}
        case Inline(mime):
            return {**(named or {"filename": _NAMES.get(mime, "file.pdf")}), "file_data": url(source)}


_NAMES: Final = {"text/plain": "file.txt", "text/markdown": "file.md", "text/html": "file.html", "text/csv": "file.csv"}
