"""Recognises a chunk that differs from an earlier one in its text only: what a model's answer mostly consists of.

If the earlier chunk deviates in nothing (sound.py), the later one doesn't either. To compare the bytes around the text
costs less than half of decoding the chunk.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from penstock.core.json_text import UNREADABLE

_KEY: Final = re.compile(rb'"(?:content|reasoning_content|reasoning|arguments|obfuscation)": ?(?=")')
"""Members whose text is any other in each chunk; some hosts write a space before it. ``obfuscation``, OpenAI's filler,
hides the text's length."""
_STRING: Final = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_QUOTE: Final = ord('"')
_MOST_TEXTS: Final = 3
_TEXT: Final = msgspec.json.Decoder(str)


class TextPattern(msgspec.Struct, frozen=True, gc=False):
    """The bytes of an event before its first text, between its texts, and after the last."""

    head: bytes
    middles: tuple[bytes, ...]
    tail: bytes
    between: bytes
    """What is between the last text of an event and the first one of the next."""

    def fits(self, events: bytes) -> bool:
        """Whether each of one or several events is these bytes with any texts between them."""
        between = self.between
        # Not startswith and endswith, whose arguments may be many: they take three times as long.
        inside = events.removeprefix(self.head).removesuffix(self.tail)
        if len(inside) + len(between) != len(events):
            return False
        try:
            # The bytes between two texts hold a quotation mark, and so are never part of a text.
            for rest in (inside,) if len(inside) <= len(between) else inside.split(between):
                for middle in self.middles:
                    text, _, rest = rest.partition(middle)
                    _TEXT.decode(text)
                    if text[0] != _QUOTE or text[-1] != _QUOTE:
                        return False
                _TEXT.decode(rest)
                if rest[0] != _QUOTE or rest[-1] != _QUOTE:
                    return False  # white space is JSON, too, and a line's end breaks the event
        except UNREADABLE:
            return False
        return True


def pattern_of(event: bytes) -> TextPattern | None:
    """The pattern of an event, one line of valid JSON; None without a text that may vary, or with too many of them."""
    pieces: list[bytes] = []
    start = 0
    for key in _KEY.finditer(event):
        text = _STRING.match(event, key.end())
        if text is None:
            return None
        pieces.append(event[start : key.end()])
        start = text.end()
    if not 0 < len(pieces) <= _MOST_TEXTS:
        return None
    tail = event[start:]
    return TextPattern(pieces[0], tuple(pieces[1:]), tail, tail + pieces[0])
