"""The messages of an OpenAI chat request, and what clients of gateways put into them besides.

An assistant's earlier reasoning comes back in one of three shapes: ``content_blocks`` (Portkey's),
``reasoning_details`` (OpenRouter's, and ours) or bare text (``reasoning_content``, ``reasoning``). A tool call's
signature comes back in ``extra_content`` (Google's own OpenAI endpoint) or ``function.thought_signature`` (Portkey's).
All of it is read into parts that name their owner. Sources: OpenAI API reference, "Create chat completion"; spec 7.3,
10.5, 10.6.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final
from urllib.parse import unquote_to_bytes

import msgspec

from penstock.core.chat import (
    AudioPart,
    FilePart,
    ImagePart,
    Inline,
    Link,
    Message,
    NativePart,
    Owner,
    Part,
    ReasoningPart,
    Role,
    Source,
    Stored,
    TextPart,
    ToolCall,
    ToolResult,
    UnknownPart,
)


class Wrong(Exception):
    """A member is not what it must be. ``path`` is where, ``expected`` completes "must be"."""

    def __init__(self, path: str, expected: str) -> None:
        super().__init__(path)
        self.path = path
        self.expected = expected


_ROLES: Final[Mapping[str, Role]] = {
    "system": "system",
    "developer": "developer",
    "user": "user",
    "assistant": "assistant",
    "model": "assistant",
    "tool": "tool",
    "function": "tool",
}


def read_messages(value: Any) -> tuple[Message, ...]:
    """All messages. Raises Wrong."""
    if not isinstance(value, list) or not value:
        raise Wrong("messages", "a non-empty array of message objects")
    names: dict[str, str] = {}
    return tuple([_message(message, f"messages[{position}]", names) for position, message in enumerate(value)])


def _message(message: Any, path: str, names: dict[str, str]) -> Message:
    """One message. ``names`` are those of the calls so far, by id."""
    if not isinstance(message, dict):
        raise Wrong(path, "an object")
    given = message.get("role")
    role = _ROLES.get(given) if isinstance(given, str) else None
    if role is None:
        raise Wrong(f"{path}.role", "system, developer, user, assistant or tool")
    content = message.get("content")
    if len(message) == _BARE and type(content) is str and role != "tool":
        return Message(role, (TextPart(content),), "", path)
    if role == "tool":
        parts = _tool_result(message, path, names)
    elif role == "assistant":
        parts = _assistant(message, path)
        for part in parts:
            if type(part) is ToolCall:
                names[part.id] = part.name
    else:
        parts = _content(content, path)
    name = message.get("name")
    marked = _with_marker(parts, _cache(message))
    return Message(role, marked, name if isinstance(name, str) else "", path)


_BARE: Final = 2
"""Members of a message that has a role and a text and nothing else, as most do."""


def _with_marker(parts: tuple[Part, ...], cache: Mapping[str, Any] | None) -> tuple[Part, ...]:
    """A cache marker on the message itself counts for its last part."""
    if cache is None or not parts:
        return parts
    last = parts[-1]
    if isinstance(last, ReasoningPart | NativePart | UnknownPart) or last.cache is not None:
        return parts
    return (*parts[:-1], msgspec.structs.replace(last, cache=cache))


def _cache(value: Mapping[str, Any]) -> Mapping[str, Any] | None:
    cache = value.get("cache_control")
    return cache if isinstance(cache, dict) else None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


# Content.


def _content(value: Any, path: str) -> tuple[Part, ...]:
    """The parts of a message's content. ``path`` is that of the message."""
    if isinstance(value, str):
        return (TextPart(value),)
    if value is None:
        return ()
    if not isinstance(value, list):
        raise Wrong(f"{path}.content", "a string or an array of parts")
    return tuple(_part(part, f"{path}.content[{position}]") for position, part in enumerate(value))


def _part(part: Any, path: str) -> Part:
    if isinstance(part, str):
        return TextPart(part)
    if not isinstance(part, dict):
        raise Wrong(path, "an object")
    kind = part.get("type")
    read = _PARTS.get(kind) if isinstance(kind, str) else None
    if read is not None:
        return read(part, path)
    if isinstance(kind, str) and kind in _ANTHROPIC_PARTS:
        return NativePart(part, Owner.ANTHROPIC)
    return UnknownPart(_text(kind), part)


def _text_part(part: Mapping[str, Any], path: str) -> Part:
    text = part.get("text", part.get("refusal"))
    if not isinstance(text, str):
        raise Wrong(f"{path}.text", "a string")
    return TextPart(text, _cache(part))


def _image_part(part: Mapping[str, Any], path: str) -> Part:
    """An image; a data URL or a link that says it is something else is a file."""
    image = part.get("image_url")
    image = {"url": image} if isinstance(image, str) else image
    if not isinstance(image, dict) or not isinstance(image.get("url"), str) or not image["url"]:
        raise Wrong(f"{path}.image_url.url", "the URL of an image, https: or data:")
    source = _source(image["url"], _text(image.get("mime_type")), f"{path}.image_url.url")
    mime = "" if isinstance(source, Stored) else source.mime
    if mime and not mime.startswith("image/"):
        return FilePart(source, "", _cache(part))
    return ImagePart(source, _text(image.get("detail")), _cache(part))


def _video_part(part: Mapping[str, Any], path: str) -> Part:
    video = part.get("video_url")
    url = video if isinstance(video, str) else video.get("url") if isinstance(video, dict) else None
    if not isinstance(url, str) or not url:
        raise Wrong(f"{path}.video_url.url", "the URL of a video, https: or data:")
    return FilePart(_source(url, "", f"{path}.video_url.url"), "", _cache(part))


def _audio_part(part: Mapping[str, Any], path: str) -> Part:
    audio = part.get("input_audio")
    if not isinstance(audio, dict) or not isinstance(audio.get("data"), str):
        raise Wrong(f"{path}.input_audio.data", "base64 of a sound")
    data = audio["data"]
    source: Source = Inline("", data)
    if data.startswith(("data:", "https://", "http://", "gs://", "s3://")):
        source = _source(data, "", f"{path}.input_audio.data")
    return AudioPart(source, _text(audio.get("format")), _cache(part))


def _file_part(part: Mapping[str, Any], path: str) -> Part:
    file = part.get("file")
    if not isinstance(file, dict):
        raise Wrong(f"{path}.file", "an object")
    mime = _text(file.get("mime_type"))
    name = _text(file.get("filename") or file.get("file_name"))
    for member in ("file_data", "file_url", "file_id"):
        value = file.get(member)
        if isinstance(value, str) and value:
            if member == "file_id":
                return FilePart(Stored(value, mime), name, _cache(part))
            is_url = member == "file_url" or value.startswith("data:")
            source = _source(value, mime, f"{path}.file.{member}") if is_url else Inline(mime, value)
            return FilePart(source, name, _cache(part))
    raise Wrong(f"{path}.file", "an object with file_data, file_url or file_id")


def _thinking_part(part: Mapping[str, Any], _path: str) -> Part:
    """Anthropic's thinking block, or Mistral's, whose ``thinking`` is a list of text parts."""
    thinking = part.get("thinking")
    if isinstance(thinking, list):
        thinking = "".join(_text(piece.get("text")) for piece in thinking if isinstance(piece, dict))
    signature = _text(part.get("signature"))
    return ReasoningPart(_text(thinking), signature, "", Owner.ANTHROPIC if signature else Owner.UNKNOWN)


def _redacted_part(part: Mapping[str, Any], _path: str) -> Part:
    return ReasoningPart("", "", _text(part.get("data")), Owner.ANTHROPIC)


_PARTS: Final[Mapping[str, Callable[[Mapping[str, Any], str], Part]]] = {
    "text": _text_part,
    "input_text": _text_part,
    "output_text": _text_part,
    "refusal": _text_part,
    "image_url": _image_part,
    "video_url": _video_part,
    "input_audio": _audio_part,
    "file": _file_part,
    "thinking": _thinking_part,
    "redacted_thinking": _redacted_part,
}
_ANTHROPIC_PARTS: Final = frozenset({"document", "image", "search_result", "container_upload"})
"""Anthropic's own input blocks, as its users write them into OpenAI's messages."""


def _source(url: str, mime: str, path: str) -> Source:
    """Where data is: in a data URL (RFC 2397), or at an address."""
    if not url.startswith("data:"):
        return Link(url, mime)
    head, comma, data = url[5:].partition(",")
    if not comma:
        raise Wrong(path, "a data URL with a comma before its data")
    said, *rest = head.split(";")
    if "base64" not in rest:
        data = base64.b64encode(unquote_to_bytes(data)).decode()
    return Inline(mime or said.strip().lower() or "text/plain", data)


# Tools.


def _tool_result(message: Mapping[str, Any], path: str, names: Mapping[str, str]) -> tuple[Part, ...]:
    call_id = message.get("tool_call_id")
    given = _text(message.get("name"))
    if message.get("role") == "function":
        call_id = given
    if not isinstance(call_id, str) or not call_id:
        raise Wrong(f"{path}.tool_call_id", "the id of the tool call that this answers")
    content = message.get("content")
    parts = _content(content, path)
    return (ToolResult(call_id, parts, names.get(call_id, given), message.get("is_error") is True),)


def _tool_calls(message: Mapping[str, Any], path: str) -> Iterable[ToolCall]:
    calls = message.get("tool_calls")
    if calls is not None:
        if not isinstance(calls, list):
            raise Wrong(f"{path}.tool_calls", "an array of tool calls")
        for position, call in enumerate(calls):
            yield _tool_call(call, f"{path}.tool_calls[{position}]")
    legacy = message.get("function_call")
    if isinstance(legacy, dict) and not calls:
        name = _text(legacy.get("name"))
        yield ToolCall(name, name, _text(legacy.get("arguments")))


def _tool_call(call: Any, path: str) -> ToolCall:
    if not isinstance(call, dict):
        raise Wrong(path, "an object")
    custom = call.get("type") == "custom"
    function = call.get("custom" if custom else "function")
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise Wrong(f"{path}.function.name", "the name of a function")
    arguments = function.get("input" if custom else "arguments")
    if isinstance(arguments, dict):
        arguments = msgspec.json.encode(arguments).decode()
    signature = _text(function.get("thought_signature")) or _google_signature(call)
    return ToolCall(
        _text(call.get("id")),
        function["name"],
        _text(arguments),
        signature,
        Owner.GOOGLE if signature else Owner.UNKNOWN,
        _cache(call),
        custom,
    )


def _google_signature(call: Mapping[str, Any]) -> str:
    extra = call.get("extra_content")
    google = extra.get("google") if isinstance(extra, dict) else None
    return _text(google.get("thought_signature")) if isinstance(google, dict) else ""


# What an assistant said before.


def _assistant(message: Mapping[str, Any], path: str) -> tuple[Part, ...]:
    given = message.get("content")
    content = _content(given, path)
    if not content and isinstance(message.get("refusal"), str):
        content = (TextPart(message["refusal"]),)
    if isinstance(given, list) or not _THOUGHT.isdisjoint(message):
        content = _earlier_blocks(message, content)
    return (*content, *_tool_calls(message, path))


_THOUGHT: Final = frozenset({"content_blocks", "reasoning_details", "reasoning_content", "reasoning"})
"""Members that may hold an earlier thought; a list of parts may, too."""


def _earlier_blocks(message: Mapping[str, Any], content: tuple[Part, ...]) -> tuple[Part, ...]:
    """The assistant's blocks as its provider gave them, if they came back and still say what the content says."""
    details = _details(message.get("reasoning_details"))
    blocks = message.get("content_blocks")
    if isinstance(blocks, list):
        owners = {part.signature or part.data: part.owner for part in details}
        parts = tuple(_block(block, owners) for block in blocks if isinstance(block, dict))
        if not content or _joined(parts) == _joined(content):
            thought = () if any(isinstance(part, ReasoningPart) for part in parts) else details
            return (*thought, *parts)
        return (*(part for part in parts if isinstance(part, ReasoningPart)), *content)
    if any(isinstance(part, ReasoningPart) for part in content):
        return content
    return (*(details or _bare_reasoning(message)), *content)


def _joined(parts: tuple[Part, ...]) -> str:
    return "".join(part.text for part in parts if isinstance(part, TextPart))


def _block(block: Mapping[str, Any], owners: Mapping[str, str]) -> Part:
    block = _put_together(block)
    kind = block.get("type")
    if kind in ("thinking", "redacted_thinking"):
        part = _PARTS[kind](block, "")
        if isinstance(part, ReasoningPart):
            owner = owners.get(part.signature or part.data, part.owner)
            return msgspec.structs.replace(part, owner=owner)
    if kind == "text":
        return TextPart(_text(block.get("text")), _cache(block))
    if kind == "image_url":
        try:
            return _image_part(block, "")
        except Wrong:
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
    return {"type": "text", "text": _text(delta.get("text"))}


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


def _details(value: Any) -> tuple[ReasoningPart, ...]:
    if not isinstance(value, list):
        return ()
    return tuple(_detail(each) for each in value if isinstance(each, dict))


def _detail(detail: Mapping[str, Any]) -> ReasoningPart:
    owner = _OWNERS.get(_text(detail.get("format")), Owner.UNKNOWN)
    text = _text(detail.get("text") or detail.get("summary"))
    return ReasoningPart(text, _text(detail.get("signature")), _text(detail.get("data")), owner)


def _bare_reasoning(message: Mapping[str, Any]) -> tuple[ReasoningPart, ...]:
    text = _text(message.get("reasoning_content")) or _text(message.get("reasoning"))
    return (ReasoningPart(text),) if text else ()
