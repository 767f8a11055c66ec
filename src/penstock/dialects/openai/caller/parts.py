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
    UnknownPart,
)
from penstock.dialects.malformed import Malformed, cache_in, text_in


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
    if isinstance(kind, str) and kind in _ANTHROPIC_PARTS:
        return NativePart(part, Owner.ANTHROPIC)
    return UnknownPart(text_in(kind), part)


def _text_part(part: Mapping[str, Any], path: str) -> Part:
    text = part.get("text", part.get("refusal"))
    if not isinstance(text, str):
        raise Malformed(f"{path}.text", "a string")
    return TextPart(text, cache_in(part))


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
    video = part.get("video_url")
    url = video if isinstance(video, str) else video.get("url") if isinstance(video, dict) else None
    if not isinstance(url, str) or not url:
        raise Malformed(f"{path}.video_url.url", "the URL of a video, https: or data:")
    return FilePart(_source(url, "", f"{path}.video_url.url"), "", cache_in(part))


def _audio_part(part: Mapping[str, Any], path: str) -> Part:
    audio = part.get("input_audio")
    if not isinstance(audio, dict) or not isinstance(audio.get("data"), str):
        raise Malformed(f"{path}.input_audio.data", "base64 of a sound")
    data = audio["data"]
    source: Source = Inline("", data)
    if data.startswith(("data:", "https://", "http://", "gs://", "s3://")):
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
            if member == "file_id":
                return FilePart(Stored(value, mime), name, cache_in(part))
            is_url = member == "file_url" or value.startswith("data:")
            source = _source(value, mime, f"{path}.file.{member}") if is_url else Inline(mime, value)
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


READERS: Final[Mapping[str, Callable[[Mapping[str, Any], str], Part]]] = {
    "text": _text_part,
    "input_text": _text_part,
    "output_text": _text_part,
    "refusal": _text_part,
    "image_url": image_part,
    "video_url": _video_part,
    "input_audio": _audio_part,
    "file": _file_part,
    "thinking": _thinking_part,
    "redacted_thinking": _redacted_part,
}
_ANTHROPIC_PARTS: Final = frozenset({"document", "image", "search_result", "container_upload"})
"""Anthropic's own input blocks, which callers also send in OpenAI's messages."""


def _source(url: str, mime: str, path: str) -> Source:
    """The source of data: inline for a data URL (RFC 2397), else a link."""
    if not url.startswith("data:"):
        return Link(url, mime)
    head, comma, data = url[5:].partition(",")
    if not comma:
        raise Malformed(path, "a data URL with a comma before its data")
    media_type, *parameters = head.split(";")
    if "base64" not in parameters:
        data = base64.b64encode(unquote_to_bytes(data)).decode()
    return Inline(mime or media_type.strip().lower() or "text/plain", data)
