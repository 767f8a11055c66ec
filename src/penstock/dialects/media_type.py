"""The media type of data that a client sends without one or with a generic one: its first bytes say it.

Browsers and office programs upload images as ``application/octet-stream``, which providers refuse. Source: https://mimesniff.spec.whatwg.org/#image-type-pattern-matching-algorithm.
"""

from __future__ import annotations

import base64
from typing import Final

_GENERIC: Final = frozenset(
    {"", "application/octet-stream", "binary/octet-stream", "application/binary", "application/x-binary"}
    | {"application/unknown", "image/*", "*/*"}
)
_BEGINNINGS: Final = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
    (b"ID3", "audio/mpeg"),
    (b"fLaC", "audio/flac"),
    (b"OggS", "audio/ogg"),
)
_IN_RIFF: Final = {b"WEBP": "image/webp", b"WAVE": "audio/wav"}
_HEAD: Final = 24
"""Characters of base64 for the 18 bytes that tell every type above."""


def media_type(mime: str, data: str) -> str:
    """The media type of base64 data: ``mime`` unless it is generic and the bytes say more; ``""`` if neither says any
    type."""
    if mime not in _GENERIC:
        return mime
    return _sniffed(data) or ("" if mime.endswith("*") else mime)


def _sniffed(data: str) -> str:
    try:
        head = base64.b64decode(data[:_HEAD] + "=" * (-len(data[:_HEAD]) % 4))
    except ValueError:
        return ""
    if head.startswith(b"RIFF"):
        return _IN_RIFF.get(head[8:12], "")
    return next((mime for beginning, mime in _BEGINNINGS if head.startswith(beginning)), "")
