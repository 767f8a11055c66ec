"""What callers write into headers for their own use: labels, a JSON object (docs/portkey.md#metadata), and texts."""

from __future__ import annotations

from typing import Final

from penstock.core.json_text import read_json_or_none

METADATA: Final = b"x-portkey-metadata"
LONGEST_LABEL: Final = 128
"""Characters of one such text that records keep."""


def read_metadata(raw: bytes | None) -> dict[str, object]:
    """The labels; a value that isn't a JSON object gives none."""
    value = read_json_or_none(raw) if raw else None
    return value if isinstance(value, dict) else {}


def text_labels(raw: bytes) -> dict[str, str]:
    """Those labels whose values are strings, cut to ``LONGEST_LABEL`` characters."""
    return {name: value[:LONGEST_LABEL] for name, value in read_metadata(raw).items() if isinstance(value, str)}


def label_text(value: bytes | None) -> str | None:
    """A header value as text of at most ``LONGEST_LABEL`` characters; None for an empty one."""
    return value[:LONGEST_LABEL].decode("utf-8", "replace") if value else None
