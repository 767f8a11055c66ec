"""Texts in base64: the data of documents and of ``data:`` URLs, where their media type is one of texts.

A model reads them as it reads any other text. Source: RFC 2397, RFC 4648.
"""

from __future__ import annotations

import binascii
import mimetypes
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from typing import Final
from urllib.parse import unquote_to_bytes

_SCHEME: Final = "data:"
_BASE64: Final = ";base64"
_FROM_URL: Final = str.maketrans("-_", "+/")
_TEXTS: Final = frozenset(
    f"application/{name}"
    for name in (
        "csv", "javascript", "json", "jsonl", "rtf", "sql", "toml", "typescript", "x-javascript", "x-jsonlines",
        "x-ndjson", "x-sh", "x-yaml", "xml", "yaml",
    )
)  # fmt: skip
"""Media types of texts beside ``text/…`` and those that end in ``+json`` or ``+xml``."""


def is_text(media_type: str) -> bool:
    """Whether what has this media type is text; without one it is (RFC 2397)."""
    essence = media_type.partition(";")[0].strip().lower()
    return not essence or essence.startswith("text/") or essence.endswith(("+json", "+xml")) or essence in _TEXTS


def type_of_file(name: str) -> str:
    """The media type of a file with this name; ``application/octet-stream`` where the name doesn't tell."""
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


def from_base64(data: str) -> str | None:
    """The text, as lenient as hosts read it: either alphabet, white space, no padding. None for what is no base64."""
    raw = data.translate(_FROM_URL).encode("ascii", "ignore").rstrip(b"= \t\r\n")
    try:
        return _decoded(binascii.a2b_base64(raw + b"=="))
    except binascii.Error:
        return None


def from_data_url(url: str) -> tuple[str, str] | None:
    """The text of a ``data:`` URL, and what stands before the data where it is written anew, in base64. None for any
    other URL, and for data of another type."""
    if url[:5].lower() != _SCHEME:
        return None
    head, comma, data = url[5:].partition(",")
    is_encoded = head.lower().endswith(_BASE64)
    media_type = head[: -len(_BASE64)] if is_encoded else head
    if not comma or not is_text(media_type):
        return None
    text = from_base64(data) if is_encoded else _decoded(unquote_to_bytes(data))
    return None if text is None else (text, f"{_SCHEME}{media_type}{_BASE64},")


def to_base64(text: str) -> str:
    return binascii.b2a_base64(text.encode("utf-8", "replace"), newline=False).decode()


def _decoded(data: bytes) -> str:
    """What is no UTF-8 becomes U+FFFD, as readers have it; a mark at the beginning tells of UTF-16."""
    if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        return data.decode("utf-16", "replace")
    return data.decode("utf-8-sig", "replace")
