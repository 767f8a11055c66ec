"""Recognises a chunk that differs from an earlier one in its text only: what a model's answer mostly consists of.

If the earlier chunk deviates in nothing (sound.py), the later one doesn't either. To compare the bytes around the text
costs less than half of decoding the chunk.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from penstock.core.json_text import UNREADABLE

_KEY: Final = re.compile(rb'"(?:content|reasoning_content|reasoning|arguments|obfuscation)":(?=")')
"""Members whose text is any other in each chunk. ``obfuscation`` is OpenAI's filler, which hides the text's length."""
_STRING: Final = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_MOST_TEXTS: Final = 3
_TEXT: Final = msgspec.json.Decoder(str)


class TextPattern(msgspec.Struct, frozen=True, gc=False):
    """The bytes of a chunk before its first text, between its texts, and after the last. ``before`` and ``behind`` are
    those of an event with such a chunk around its one text, without its quotation marks; empty for several texts."""

    head: bytes
    middles: tuple[bytes, ...]
    tail: bytes
    before: bytes = b""
    behind: bytes = b""

    def fits(self, data: bytes) -> bool:
        """Whether data is these bytes with any texts between them."""
        head, tail = self.head, self.tail
        if not (data.startswith(head) and data.endswith(tail)):
            return False
        start = len(head)
        try:
            for middle in self.middles:
                # The bytes between two texts hold a quotation mark, and so are never part of a text.
                end = data.find(middle, start)
                if end < 0:
                    return False
                _TEXT.decode(data[start:end])
                start = end + len(middle)
            _TEXT.decode(data[start : len(data) - len(tail)])
        except UNREADABLE:
            return False
        return True


def pattern_of(chunk: bytes) -> TextPattern | None:
    """The pattern of a chunk, given as valid JSON; None without a text that may vary, or with too many of them."""
    pieces: list[bytes] = []
    start = 0
    for key in _KEY.finditer(chunk):
        text = _STRING.match(chunk, key.end())
        if text is None:
            return None
        pieces.append(chunk[start : key.end()])
        start = text.end()
    if not 0 < len(pieces) <= _MOST_TEXTS:
        return None
    head, *middles = pieces
    tail = chunk[start:]
    if middles:
        return TextPattern(head, tuple(middles), tail)
    return TextPattern(head, (), tail, b'data: %b"' % head, b'"%b\n\n' % tail)
