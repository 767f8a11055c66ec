"""Texts of callers and providers as every database, and every encoder of UTF-8, holds them."""

from __future__ import annotations


def storable_text(text: str) -> str:
    """The text with ``?`` for each NUL, which PostgreSQL refuses, and for each half of a surrogate pair, which UTF-8
    can't hold; the same text where it has neither. A refused row would keep all rows behind it from their table."""
    if text.isascii() and "\x00" not in text:
        return text
    return text.encode("utf-8", "replace").decode().replace("\x00", "?")
