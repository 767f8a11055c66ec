"""An event of a stream that is like the one before it but for its text: told by its bytes, without reading its JSON.

Nearly all events of a stream are so. What differs is one string, whose bytes are a string of JSON by themselves. Guards
need the text, with all escapes read, and may write another; translation needs its bytes alone, which it puts into an
event of another wire (dialects/framing/text_template.py).
"""

from __future__ import annotations

import json
import re
from typing import Final

import msgspec

from penstock.core.json_text import UNREADABLE
from penstock.core.segments import Delta
from penstock.guards.arguments import Fed

_STRING: Final = re.compile(rb'"(?:[^"\\\n\r]|\\.)*"')
_marked: Final = re.compile(rb'["\\\x00-\x1f]').search
"""Finds what is no plain text of a string."""
_decode: Final = msgspec.json.Decoder(str).decode
_encode: Final = msgspec.json.Encoder().encode


class EventTemplate(msgspec.Struct, frozen=True):
    """The bytes before and behind the text of an event. ``fed`` takes the text; ``may_skip``: an event whose text all
    waits says nothing else, and may be left out."""

    prefix: bytes
    suffix: bytes
    fed: Fed
    may_skip: bool
    start: int
    """Where the text begins."""
    end: int
    """Where it ends, counted from the event's end: negative."""

    def text(self, event: bytes) -> str | None:
        """The text of an event; None for an event that is otherwise different."""
        start, end = self.start, self.end
        if not (event.startswith(self.prefix) and event.endswith(self.suffix)) or len(event) < start - end:
            return None
        inner = event[start:end]
        try:
            marked = _marked(inner)
            if marked is None:
                return inner.decode()
            # A quote ends the string, and no string of JSON holds a control character: there are several events, or one
            # that whoever reads the whole event refuses.
            return _decode(b'"' + inner + b'"') if marked[0] == b"\\" else None
        except UNREADABLE:
            return None

    def event(self, text: str) -> bytes:
        """The event with another text."""
        try:
            return self.prefix + _encode(text)[1:-1] + self.suffix
        except UNREADABLE:
            return self.prefix + json.dumps(text)[1:-1].encode() + self.suffix


def template_of(event: bytes, delta: Delta, fed: Fed, *, may_skip: bool) -> EventTemplate | None:
    """The template of an event whose one text is a delta's; None where its bytes don't tell where the text is."""
    key = b'"%b":' % str(delta.pointer[-1]).encode()
    at = event.find(key)
    if at < 0 or event.find(key, at + 1) >= 0:
        return None
    at += len(key)
    at += event[at : at + 1] == b" "
    string = _STRING.match(event, at)
    if string is None:
        return None
    try:
        is_it = _decode(string[0]) == delta.text
    except UNREADABLE:
        return None
    prefix, suffix = event[: at + 1], event[string.end() - 1 :]
    return EventTemplate(prefix, suffix, fed, may_skip, len(prefix), -len(suffix)) if is_it else None
