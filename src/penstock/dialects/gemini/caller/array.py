"""Gemini's stream as an array of JSON, which clients get that don't ask for server-sent events (``alt=sse``).

Each response is an element, which is sent at once. Source: Google AIP-127; Gemini API reference,
"models.streamGenerateContent".
"""

from __future__ import annotations

import re
from typing import Final

from penstock.dialects.caller import JSON
from penstock.dialects.framing import sse
from penstock.dialects.framing.sse import EventSplitter
from penstock.dialects.gemini.caller.stream import KEEP_ALIVE
from penstock.dialects.stream_form import StreamForm

_EVENTS: Final = re.compile(r"(?:^|&)(?:%24|\$)?alt=sse(?:&|$)")
_NOTHING: Final = frozenset({b"", sse.DONE, KEEP_ALIVE.removeprefix(b"data: ").strip()})
"""Data of events that are no elements: an end mark isn't Google's, but some hosts' of its wire."""
_BLANK: Final = b"\n"
"""White space between two elements, which means nothing: a sign of life."""


class ArrayEncoder:
    """A ``StreamEncoder``."""

    def __init__(self) -> None:
        self._splitter = EventSplitter()
        self._has_begun = False

    def feed(self, events: bytes) -> bytes:
        """Take events as they came; the elements that are whole now."""
        return b"".join([self._element(data) for _, data in self._splitter.feed(events)])

    def finish(self, events: bytes) -> bytes:
        """Take the last events; the end of the array. A stream without any is an empty array."""
        last = self.feed(events) + b"".join([self._element(data) for _, data in self._splitter.finish()])
        return last + (b"]" if self._has_begun else b"[]")

    def _element(self, data: bytes) -> bytes:
        if data in _NOTHING:
            return _BLANK
        before = b",\r\n" if self._has_begun else b"["
        self._has_begun = True
        return before + data


_ARRAY: Final = StreamForm(JSON, ArrayEncoder)


def stream_form(query: str) -> StreamForm | None:
    """The form of a stream that a request's query asks for."""
    return None if _EVENTS.search(query) is not None else _ARRAY
