"""Whole numbers that callers write as text: of a page, of an index."""

from __future__ import annotations

from typing import Final

_DIGITS: Final = 9


def whole_number(text: str) -> int | None:
    """The number that one to nine ASCII digits are; None for any other text. ``int`` reads signs, spaces, underscores
    and the digits of every script, too, and refuses thousands of digits with an error."""
    return int(text) if len(text) <= _DIGITS and text.isascii() and text.isdecimal() else None
