"""Images, sounds and files as parts of a Gemini request: within it, or by their address.

Google wants to be told the type of what it gets. Where the caller doesn't say, a name's extension does. Sources: Gemini
API reference, "Blob", "FileData"; Gemini API docs, "File input methods", "Media resolution";
docs/portkey.md#gemini.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote

from penstock.core.chat import AudioPart, FilePart, ImagePart, Inline, Link, Source, Stored

AUDIO_TYPES: Final[Mapping[str, str]] = {
    "mp3": "audio/mp3",
    "wav": "audio/wav",
    "opus": "audio/ogg",
    "flac": "audio/flac",
    "pcm16": "audio/pcm",
    "x-aac": "audio/aac",
    "x-m4a": "audio/m4a",
    "mpeg": "audio/mpeg",
    "mpga": "audio/mpga",
    "mp4": "audio/mp4",
    "webm": "audio/webm",
    "aac": "audio/aac",
    "m4a": "audio/m4a",
    "ogg": "audio/ogg",
    "aiff": "audio/aiff",
}
"""OpenAI's names of sound formats, and others that callers use, as types."""

_EXTENSIONS: Final[Mapping[str, str]] = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
    "heic": "image/heic",
    "heif": "image/heif",
    "bmp": "image/bmp",
    "pdf": "application/pdf",
    "txt": "text/plain",
    "md": "text/markdown",
    "html": "text/html",
    "css": "text/css",
    "csv": "text/csv",
    "xml": "text/xml",
    "json": "application/json",
    "mp3": "audio/mp3",
    "wav": "audio/wav",
    "flac": "audio/flac",
    "ogg": "audio/ogg",
    "aac": "audio/aac",
    "aiff": "audio/aiff",
    "m4a": "audio/m4a",
    "mp4": "video/mp4",
    "mpeg": "video/mpeg",
    "mpg": "video/mpg",
    "mov": "video/mov",
    "avi": "video/avi",
    "flv": "video/x-flv",
    "webm": "video/webm",
    "wmv": "video/wmv",
    "3gp": "video/3gpp",
}
_SPELLINGS: Final[Mapping[str, str]] = {"image/jpg": "image/jpeg"}
_IMAGE: Final = "image/jpeg"
_DOCUMENT: Final = "application/pdf"
_VIDEO: Final = "video/mp4"
_VIDEO_HOST: Final = re.compile(r"https?://(?:(?:www\.|m\.)?youtube\.com|youtu\.be)/")
_FILES: Final = "https://generativelanguage.googleapis.com/v1beta/"
"""Where the Gemini API keeps files, which it calls ``files/NAME``."""

RESOLUTIONS: Final[Mapping[str, str]] = {"low": "MEDIA_RESOLUTION_LOW", "high": "MEDIA_RESOLUTION_HIGH"}
"""OpenAI's detail of an image as Google's resolution of a part, which Gemini 3 and later know."""


def media(part: ImagePart | AudioPart | FilePart, *, needs_type: bool) -> dict[str, Any]:
    """The part's data or address. ``needs_type``: an address is refused without a type (Vertex AI)."""
    source, kind = part.source, _type(part)
    if isinstance(source, Inline):
        return {"inlineData": {"mimeType": kind or _guess(part), "data": source.data}}
    kind = kind or (_guess(part) if needs_type else "")
    address = _address(source.id) if isinstance(source, Stored) else source.url
    return {"fileData": {**({"mimeType": kind} if kind else {}), "fileUri": address}}


def _type(part: ImagePart | AudioPart | FilePart) -> str:
    """What is known of the type; empty when nothing is."""
    mime = part.source.mime
    if not mime and isinstance(part, AudioPart):
        mime = AUDIO_TYPES.get(part.format, f"audio/{part.format}" if part.format else "")
    if not mime and isinstance(part, FilePart):
        mime = _by_extension(part.name)
    return _SPELLINGS.get(mime, mime) or _by_extension(_path(part.source))


def _guess(part: ImagePart | AudioPart | FilePart) -> str:
    """The likeliest type where nothing is known of it."""
    if isinstance(part, ImagePart):
        return _IMAGE
    if isinstance(part, AudioPart):
        return AUDIO_TYPES["wav"]
    return _VIDEO if isinstance(part.source, Link) and _VIDEO_HOST.match(part.source.url) else _DOCUMENT


def _path(source: Source) -> str:
    """The path of an address, without what follows it."""
    return source.url.partition("?")[0].partition("#")[0] if isinstance(source, Link) else ""


def _by_extension(name: str) -> str:
    return _EXTENSIONS.get(name.rpartition(".")[2].lower(), "")


def _address(file_id: str) -> str:
    """The address of a stored file. Ids of files on Vertex AI are addresses within one path step
    (docs/portkey.md#vertex-ai)."""
    if file_id.startswith("files/"):
        return _FILES + file_id
    return unquote(file_id) if file_id.lower().startswith("gs%3a") else file_id
