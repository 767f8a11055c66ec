"""The parts of a content: text, data, addresses of files, and what only Google has.

Source: Gemini API reference, "Part".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from penstock.core.chat import AudioPart, FilePart, ImagePart, Inline, Link, NativePart, Owner, Part, Stored, TextPart
from penstock.dialects.gemini.caller.words import in_words
from penstock.dialects.gemini.spelling import own_members
from penstock.dialects.malformed import Malformed, text_in

_SOUNDS: Final[Mapping[str, str]] = {"mpeg": "mp3", "x-wav": "wav", "wave": "wav", "pcm": "pcm16", "l16": "pcm16"}
_KEPT_AT_GOOGLE: Final = re.compile(r"files/|https?://generativelanguage\.googleapis\.com/")

Parts = list[dict[str, Any]]


def parts_of(content: Any, path: str) -> Parts:
    """The parts of a content, each by its names in JSON; text alone counts as one. Raises Malformed."""
    if isinstance(content, str):
        return [{"text": content}]
    parts = content.get("parts") if isinstance(content, dict) else None
    if parts is None and isinstance(content, dict):
        return []
    several = parts if isinstance(parts, list) else [parts]
    read = [{"text": part} if isinstance(part, str) else part for part in several]
    if not isinstance(content, dict) or not all(isinstance(part, dict) for part in read):
        raise Malformed(f"{path}.parts", "an array of parts, which are objects")
    return [own_members(part) for part in read]


def chat_parts(part: Mapping[str, Any], path: str) -> tuple[Part, ...]:
    """What a part holds: text, data, an address, or something that only Google has."""
    text = part.get("text")
    if isinstance(text, str):
        return (TextPart(text),) if text else ()
    inline, file = own_members(part.get("inlineData")), own_members(part.get("fileData"))
    if inline:
        data = inline.get("data")
        if not isinstance(data, str):
            raise Malformed(f"{path}.inlineData.data", "base64")
        return (_media(Inline(text_in(inline.get("mimeType")), _standard(data)), text_in(inline.get("displayName"))),)
    if file:
        return (_file(file, path),)
    if not part.keys() - {"thoughtSignature", "thought", "partMetadata"}:
        return ()
    return (NativePart(dict(part), Owner.GOOGLE, in_words(part)),)


def _standard(data: str) -> str:
    """Base64 in the standard alphabet: Google's Python client writes the one for addresses."""
    if "-" not in data and "_" not in data:
        return data
    plain = data.replace("-", "+").replace("_", "/")
    return plain + "=" * (-len(plain) % 4)


def _file(file: Mapping[str, Any], path: str) -> Part:
    address, kind = file.get("fileUri"), text_in(file.get("mimeType"))
    if not isinstance(address, str) or not address:
        raise Malformed(f"{path}.fileData.fileUri", "the address of a file")
    if _KEPT_AT_GOOGLE.match(address):
        return FilePart(Stored(address, kind, Owner.GOOGLE))
    return _media(Link(address, kind), text_in(file.get("displayName")))


def _media(source: Inline | Link, name: str) -> Part:
    kind, _, form = source.mime.partition("/")
    if kind == "image":
        return ImagePart(source)
    if kind == "audio":
        form = form.partition(";")[0].lower()
        return AudioPart(source, _SOUNDS.get(form, form))
    return FilePart(source, name)
