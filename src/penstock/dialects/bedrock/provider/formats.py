"""What Bedrock's Converse calls the kinds of files, which are neither mime types nor always extensions.

For requests and replies alike: each format stands for one mime type. Source: Amazon Bedrock API reference,
"ImageBlock", "VideoBlock", "AudioBlock", "DocumentBlock".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_OFFICE: Final = "application/vnd.openxmlformats-officedocument."

IMAGES: Final[Mapping[str, str]] = {
    "image/png": "png",
    "image/jpeg": "jpeg",
    "image/gif": "gif",
    "image/webp": "webp",
}
VIDEOS: Final[Mapping[str, str]] = {
    "video/mp4": "mp4",
    "video/quicktime": "mov",
    "video/webm": "webm",
    "video/x-matroska": "mkv",
    "video/x-flv": "flv",
    "video/mpeg": "mpeg",
    "video/x-ms-wmv": "wmv",
    "video/3gpp": "three_gp",
}
AUDIOS: Final[Mapping[str, str]] = {
    "audio/mpeg": "mp3",
    "audio/wav": "wav",
    "audio/opus": "opus",
    "audio/aac": "aac",
    "audio/flac": "flac",
    "audio/ogg": "ogg",
    "audio/mp4": "m4a",
    "audio/webm": "webm",
    "audio/pcm": "pcm",
}
DOCUMENTS: Final[Mapping[str, str]] = {
    "application/pdf": "pdf",
    "text/csv": "csv",
    "application/msword": "doc",
    _OFFICE + "wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    _OFFICE + "spreadsheetml.sheet": "xlsx",
    "text/html": "html",
    "text/plain": "txt",
    "text/markdown": "md",
}
MEDIA: Final[Mapping[str, Mapping[str, str]]] = {
    "image": IMAGES,
    "video": VIDEOS,
    "audio": AUDIOS,
    "document": DOCUMENTS,
}
"""The formats of each kind of content block, by mime type."""

_MIMES: Final = {(block, form): mime for block, forms in MEDIA.items() for mime, form in forms.items()}
_SPELLINGS: Final[Mapping[str, str]] = {
    "image/jpg": "image/jpeg",
    "audio/mp3": "audio/mpeg",
    "audio/x-wav": "audio/wav",
    "audio/wave": "audio/wav",
    "audio/x-m4a": "audio/mp4",
    "application/json": "text/plain",
}
_EXTENSIONS: Final[Mapping[str, tuple[str, str]]] = {
    **{form: (block, form) for block in ("audio", "video", "image", "document") for form in MEDIA[block].values()},
    "jpg": ("image", "jpeg"),
    "mpg": ("video", "mpg"),
    "3gp": ("video", "three_gp"),
    "htm": ("document", "html"),
    "json": ("document", "txt"),
}
"""What a file's extension says; where it may be sound or moving pictures, the pictures."""


def find(mime: str, name: str = "") -> tuple[str, str] | None:
    """The kind of block and the format for a file, by its mime type or else by its name; None when there is none.

    Text of whatever type is a text document, a file that says nothing of itself a PDF
    (docs/portkey.md#files-without-a-type).
    """
    mime = mime.partition(";")[0].strip().lower()
    mime = _SPELLINGS.get(mime, mime)
    for block, forms in MEDIA.items():
        if mime in forms:
            return block, forms[mime]
    named = _EXTENSIONS.get(name.rpartition(".")[2].lower()) if "." in name else None
    if named is not None and mime in {"", "application/octet-stream", "text/plain"}:
        return named
    if mime.startswith("text/"):
        return "document", "txt"
    return None if mime else ("document", "pdf")


def mime_of(block: str, form: str) -> str:
    """The mime type of a format; one that isn't in the table is taken at its word."""
    return _MIMES.get((block, form), f"{block}/{form}")
