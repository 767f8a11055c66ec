"""Reads the parts of a message's content: OpenAI's parts, and the parts of other makers that callers use.

Sources: OpenAI API reference, "Create chat completion"; Anthropic API reference, "Create a Message";
docs/portkey.md#anthropic-messages, #gemini.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from penstock.core.chat import (
    AudioPart,
    FilePart,
    ImagePart,
    Inline,
    Link,
    NativePart,
    Owner,
    Part,
    ReasoningPart,
    Source,
    Stored,
    TextPart,
    ToolCall,
    UnknownPart,
)
from penstock.core.json_text import write_json
from penstock.dialects.malformed import Malformed, cache_in, text_in
from penstock.dialects.media_type import media_type


def read_content(value: Any, path: str) -> tuple[Part, ...]:
    """The parts of a message's content. ``path`` is the message's path: ``messages[2]``."""
    if isinstance(value, str):
        return (TextPart(value),)
    if value is None:
        return ()
    if not isinstance(value, list):
        raise Malformed(f"{path}.content", "a string or an array of parts")
    return tuple(_part(part, f"{path}.content[{position}]") for position, part in enumerate(value))


def _part(part: Any, path: str) -> Part:
    if isinstance(part, str):
        return TextPart(part)
    if not isinstance(part, dict):
        raise Malformed(path, "an object")
    kind = part.get("type")
    read = READERS.get(kind) if isinstance(kind, str) else None
    if read is not None:
        return read(part, path)
    if isinstance(kind, str) and (kind in _ANTHROPIC_PARTS or kind.endswith("_tool_result")):
        return NativePart(part, Owner.ANTHROPIC)
    return UnknownPart(text_in(kind), part)


def _text_part(part: Mapping[str, Any], path: str) -> Part:
    text = part.get("text", part.get("refusal"))
    if not isinstance(text, str):
        raise Malformed(f"{path}.text", "a string")
    return TextPart(text, cache_in(part), citations_in(part))


def citations_in(part: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """The citations of an assistant's earlier text, in their provider's shape."""
    citations = part.get("citations")
    return tuple([each for each in citations if isinstance(each, dict)]) if isinstance(citations, list) else ()


def image_part(part: Mapping[str, Any], path: str) -> Part:
    """An image part; a file part if the media type of the data URL or link is no image."""
    image = part.get("image_url")
    image = {"url": image} if isinstance(image, str) else image
    if not isinstance(image, dict) or not isinstance(image.get("url"), str) or not image["url"]:
        raise Malformed(f"{path}.image_url.url", "the URL of an image, https: or data:")
    source = _source(image["url"], text_in(image.get("mime_type")), f"{path}.image_url.url")
    mime = "" if isinstance(source, Stored) else source.mime
    if mime and not mime.startswith("image/"):
        return FilePart(source, "", cache_in(part))
    return ImagePart(source, text_in(image.get("detail")), cache_in(part))


def _video_part(part: Mapping[str, Any], path: str) -> Part:
    return FilePart(_at_url(part, "video_url", "a video", path), "", cache_in(part))


def _audio_url_part(part: Mapping[str, Any], path: str) -> Part:
    """vLLM's part for a sound at an address."""
    return AudioPart(_at_url(part, "audio_url", "a sound", path), "", cache_in(part))


def _at_url(part: Mapping[str, Any], member: str, thing: str, path: str) -> Source:
    value = part.get(member)
    url = value if isinstance(value, str) else value.get("url") if isinstance(value, dict) else None
    if not isinstance(url, str) or not url:
        raise Malformed(f"{path}.{member}.url", f"the URL of {thing}, https: or data:")
    return _source(url, "", f"{path}.{member}.url")


def _input_image_part(part: Mapping[str, Any], path: str) -> Part:
    """The image part of OpenAI's Responses API."""
    file_id = part.get("file_id")
    if isinstance(file_id, str) and file_id and not part.get("image_url"):
        return ImagePart(Stored(file_id), text_in(part.get("detail")), cache_in(part))
    url = part.get("image_url")
    image = {**url, "detail": url.get("detail", part.get("detail"))} if isinstance(url, dict) else None
    return image_part({**part, "image_url": image or {"url": url, "detail": part.get("detail")}}, path)


def _input_file_part(part: Mapping[str, Any], path: str) -> Part:
    """The file part of OpenAI's Responses API: the members of ``file`` stand in the part."""
    return _file_part(part if isinstance(part.get("file"), dict) else {**part, "file": part}, path)


def _audio_part(part: Mapping[str, Any], path: str) -> Part:
    audio = part.get("input_audio")
    if not isinstance(audio, dict) or not isinstance(audio.get("data"), str):
        raise Malformed(f"{path}.input_audio.data", "base64 of a sound")
    data = audio["data"]
    source: Source = Inline("", data)
    if data.startswith(_ADDRESSES):
        source = _source(data, "", f"{path}.input_audio.data")
    return AudioPart(source, text_in(audio.get("format")), cache_in(part))


def _file_part(part: Mapping[str, Any], path: str) -> Part:
    file = part.get("file")
    if not isinstance(file, dict):
        raise Malformed(f"{path}.file", "an object")
    mime = text_in(file.get("mime_type"))
    name = text_in(file.get("filename") or file.get("file_name"))
    for member in ("file_data", "file_url", "file_id"):
        value = file.get(member)
        if isinstance(value, str) and value:
            # Clients of OpenRouter and LiteLLM write addresses here: docs/quirks.md#addresses-of-files.
            if member == "file_url" or value.startswith(_ADDRESSES):
                source = _source(value, mime, f"{path}.file.{member}")
            else:
                source = Stored(value, mime) if member == "file_id" else Inline(media_type(mime, value), value)
            return FilePart(source, name, cache_in(part))
    raise Malformed(f"{path}.file", "an object with file_data, file_url or file_id")


def _thinking_part(part: Mapping[str, Any], _path: str) -> Part:
    """Anthropic's thinking block, or Mistral's thinking block, whose ``thinking`` is a list of text parts."""
    thinking = part.get("thinking")
    if isinstance(thinking, list):
        thinking = "".join(text_in(piece.get("text")) for piece in thinking if isinstance(piece, dict))
    signature = text_in(part.get("signature"))
    return ReasoningPart(text_in(thinking), signature, "", Owner.ANTHROPIC if signature else Owner.UNKNOWN)


def _redacted_part(part: Mapping[str, Any], _path: str) -> Part:
    return ReasoningPart("", "", text_in(part.get("data")), Owner.ANTHROPIC)


def _tool_use_part(part: Mapping[str, Any], path: str) -> Part:
    """Anthropic's call of a tool, which Cursor sends in chat completions."""
    name = part.get("name")
    if not isinstance(name, str) or not name:
        raise Malformed(f"{path}.name", "the name of a tool")
    input_value = part.get("input")
    arguments = write_json({} if input_value is None else input_value).decode("utf-8", "surrogatepass")
    return ToolCall(text_in(part.get("id")), name, arguments, cache=cache_in(part))


def _anthropic_media(part: Mapping[str, Any], path: str) -> Part:
    """Anthropic's image or document, as a part that every dialect can write if its data is here or at an address."""
    source = part.get("source")
    found = _anthropic_source(source, path) if isinstance(source, dict) else None
    if found is None:
        return NativePart(part, Owner.ANTHROPIC)
    if part.get("type") == "image":
        return ImagePart(found, "", cache_in(part))
    extras = {name: part[name] for name in ("citations", "context") if part.get(name)}
    return FilePart(found, text_in(part.get("title")), cache_in(part), extras)


def _anthropic_source(source: Mapping[str, Any], path: str) -> Source | None:
    kind, mime = source.get("type"), text_in(source.get("media_type"))
    data, url = source.get("data"), source.get("url")
    if kind == "base64" and isinstance(data, str):
        return Inline(media_type(mime, data), data)
    return _source(url, mime, f"{path}.source.url") if kind == "url" and isinstance(url, str) else None


READERS: Final[Mapping[str, Callable[[Mapping[str, Any], str], Part]]] = {
    "text": _text_part,
    "input_text": _text_part,
    "output_text": _text_part,
    "refusal": _text_part,
    "image_url": image_part,
    "input_image": _input_image_part,
    "video_url": _video_part,
    "input_audio": _audio_part,
    "audio_url": _audio_url_part,
    "file": _file_part,
    "input_file": _input_file_part,
    "image": _anthropic_media,
    "document": _anthropic_media,
    "tool_use": _tool_use_part,
    "thinking": _thinking_part,
    "redacted_thinking": _redacted_part,
}
_ANTHROPIC_PARTS: Final = frozenset({"search_result", "container_upload", "server_tool_use", "mcp_tool_use"})
"""Blocks that Anthropic alone has, which callers also send in OpenAI's messages; the results of its own tools end in
``_tool_result``."""
_ADDRESSES: Final = ("data:", "https://", "http://", "gs://", "s3://")
"""How data begins that is an address."""


def _source(url: str, mime: str, path: str) -> Source:
    """The source of data: inline for a data URL (RFC 2397), else a link."""
    if not url.startswith("data:"):
        return Link(url, mime)
    head, comma, data = url[5:].partition(",")
    if not comma:
        raise Malformed(path, "a data URL with a comma before its data")
    declared, *parameters = head.split(";")
    if "base64" not in parameters:
        data = base64.b64encode(unquote_to_bytes(data)).decode()
    return Inline(media_type(mime or declared.strip().lower(), data) or "text/plain", data)
