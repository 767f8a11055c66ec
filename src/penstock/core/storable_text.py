"""Texts of callers and providers as every database, and every encoder of UTF-8, holds them."""

from __future__ import annotations


def storable_text(text: str) -> str:
    """The text itself where it can be held. PostgreSQL takes no NUL, and no UTF-8 holds half of a surrogate pair: both
    become ``?``. One row that is refused would keep all others from their table."""
    if text.isascii() and "\x00" not in text:
        return text
    return text.encode("utf-8", "replace").decode().replace("\x00", "?")
