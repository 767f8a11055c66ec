"""Streamed events that differ from the one before them in a text alone: their bytes tell, and nothing is decoded.

A reader that tells one text of an event, and is then as it was before, tells the text of the next event in the same
way, if that has the same bytes around its text. The text itself is JSON that every wire writes alike: UTF-8, and no
escape but the short ones. So it stands in an event of another wire as it is. Where guards read the text and change it,
guards/event_template.py is its like.
"""

from __future__ import annotations

import re
from typing import Final

from penstock.core.json_text import read_json, write_json

_END: Final = b"\n\n"
_TEXT: Final = re.compile(rb'(?:[^"\\\x00-\x1f]++|\\["\\bfnrt])++')


class TextTemplate:
    """The bytes before and after the text of an event."""

    __slots__ = ("_after", "_before", "_between", "_end", "_start")

    def __init__(self, before: bytes, after: bytes) -> None:
        self._before = before
        self._after = after
        self._between = after + before
        self._start = len(before)
        self._end = -len(after)

    @classmethod
    def of(cls, event: bytes, text: str) -> TextTemplate | None:
        """The template of a whole event that told this text and nothing else. None where it isn't sure which of its
        bytes are the text: it stands there only once, and no string is written in another way."""
        if event.find(_END) != len(event) - len(_END) or event.find(b"\\") >= 0 or event.find(b"\r") >= 0:
            return None
        quoted = write_json(text)
        at = event.find(quoted)
        if at < 0 or event.find(quoted, at + 1) >= 0:
            return None
        return cls(event[: at + 1], event[at + len(quoted) - 1 :])

    def texts(self, events: bytes) -> list[bytes] | None:
        """The texts of one or several whole events, each as JSON without its quotation marks and not empty. None unless
        all events are like the template."""
        if not (events.startswith(self._before) and events.endswith(self._after)):
            return None
        if not events.isascii():
            try:
                events.decode()
            except UnicodeDecodeError:
                return None
        inside = events[self._start : self._end]
        if _TEXT.fullmatch(inside) is not None:
            return [inside]  # one event: a text holds no quotation mark, and the bytes between two texts do
        texts = inside.split(self._between)
        for text in texts:
            if _TEXT.fullmatch(text) is None:
                return None
        return texts


def characters(text: bytes) -> int:
    """The characters of a text that ``TextTemplate.texts`` found."""
    if text.find(b"\\") >= 0:
        return len(read_json(b'"%b"' % text))
    return len(text) if text.isascii() else len(text.decode())
