"""Texts in base64 among the parts of messages, in all wires: documents, files and ``data:`` URLs of text types.

Wires have these parts under names of their own, and hosts take parts of other wires: each is looked for in all.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from penstock.core.encoded_text import from_base64, from_data_url, is_data_url, type_of_file
from penstock.core.segments import Pointer, Segment, SegmentKind
from penstock.dialects.texts import member

_URLS: Final[tuple[Pointer, ...]] = (
    ("image_url", "url"), ("image_url",), ("file", "file_data"), ("file_data",), ("input_image", "image_url"),
    ("file", "file_url"), ("file_url",), ("source", "url"), ("fileData", "fileUri"), ("file_data", "file_uri"),
)  # fmt: skip
"""Members that may hold a ``data:`` URL."""
_TYPED: Final[tuple[tuple[str, str, str], ...]] = (
    ("source", "media_type", "data"),
    ("inlineData", "mimeType", "data"),
    ("inline_data", "mime_type", "data"),
    ("inlineData", "mime_type", "data"),
    ("inline_data", "mimeType", "data"),
)
"""Members that hold a media type and base64: Anthropic's documents, Gemini's data."""
_FILES: Final[tuple[tuple[Pointer, str, str], ...]] = (
    (("file",), "filename", "file_data"),
    ((), "filename", "file_data"),
)
"""Objects that hold a file's name and base64: OpenAI's files."""
_FORMATS: Final = frozenset({"txt", "md", "csv", "html"})
"""Formats of Converse's documents that are text. Source: Bedrock API reference, "DocumentBlock"."""
_HOLDERS: Final = frozenset([path[0] for path in _URLS] + [holder for holder, _, _ in _TYPED] + ["document"])


def encoded_segments(part: Any, at: Pointer, role: str, kind: SegmentKind, index: int) -> Iterator[Segment]:
    """The texts in base64 of one part of a message."""
    if isinstance(part, dict) and not _HOLDERS.isdisjoint(part):
        is_plain = kind is not SegmentKind.TOOL_RESULT
        for path, text, before in _texts(part):
            yield Segment((*at, *path), text, role, kind, index, is_plain=is_plain, base64_behind=before)


def _texts(part: dict[str, Any]) -> Iterator[tuple[Pointer, str, str]]:
    """The place of each text, the text, and what stands before it."""
    for path in _URLS:
        url = _at(part, path)
        found = from_data_url(url) if isinstance(url, str) else None
        if found is not None:
            yield path, *found
    for holder, type_name, name in _TYPED:
        value = part.get(holder)
        if member(value, "type") == "text":
            continue  # a document of Anthropic's whose data stands as it is
        yield from _of_type((holder, name), member(value, type_name), member(value, name))
    for path, type_name, name in _FILES:
        value = _at(part, path)
        filename, data = member(value, type_name), member(value, name)
        if isinstance(data, str) and not is_data_url(data):
            media_type = type_of_file(filename if isinstance(filename, str) else "")
            yield from _of_type((*path, name), media_type, data)
    document = part.get("document")
    form, data = member(document, "format"), _at(document, ("source", "bytes"))
    if isinstance(form, str) and form in _FORMATS:
        yield from _of_type(("document", "source", "bytes"), "text/plain", data)


def _of_type(path: Pointer, media_type: Any, data: Any) -> Iterator[tuple[Pointer, str, str]]:
    if isinstance(media_type, str) and media_type and isinstance(data, str):
        text = from_base64(data, media_type)
        if text is not None:
            yield path, text, ""


def _at(value: Any, path: Pointer) -> Any:
    for name in path:
        value = member(value, str(name))
    return value
