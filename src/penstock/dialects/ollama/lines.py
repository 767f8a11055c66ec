"""Ollama's streams of lines, as the server-sent events that every stream is inside the gateway, and back.

A line becomes the data of an event without a name, byte by byte. Source: the NDJSON specification, version 1.0.
"""

from __future__ import annotations

from typing import Final

from penstock.core.failure import Failure, Kind
from penstock.core.http import NDJSON
from penstock.dialects.framing import sse
from penstock.dialects.framing.frame import FrameError
from penstock.dialects.framing.ndjson import LineSplitter
from penstock.dialects.framing.sse import EventSplitter
from penstock.dialects.stream_form import StreamForm

_LONGEST_FIELD: Final = 6
"""The bytes of ``event:``."""


class LineEncoder:
    """Events as lines: a ``StreamEncoder``."""

    def __init__(self) -> None:
        self._splitter = EventSplitter()

    def feed(self, events: bytes) -> bytes:
        """Take events as they came; the lines that are whole now."""
        return b"".join([data + b"\n" for _, data in self._splitter.feed(events) if data])

    def finish(self, events: bytes) -> bytes:
        """Take the last events; the last lines."""
        return self.feed(events) + b"".join([data + b"\n" for _, data in self._splitter.finish() if data])


LINES: Final = StreamForm(NDJSON, LineEncoder)


def stream_form(_query: str) -> StreamForm:
    """Every stream of this wire is of lines."""
    return LINES


class LineEvents:
    """Lines as events: a ``StreamTransform``. A stream that comes as events already passes as it is."""

    def __init__(self) -> None:
        self.failure: Failure | None = None
        self.is_over = False
        self._splitter = LineSplitter()
        self._first = b""
        self._is_of_lines: bool | None = None

    def feed(self, data: bytes) -> bytes:
        """Take bytes as they came; the events that are whole now."""
        if self._is_of_lines is None:
            data = self._first + data
            if len(data.lstrip()) < _LONGEST_FIELD:
                self._first = data
                return b""
            self._is_of_lines, self._first = not sse.begins(data), b""
        return self._events(data) if self._is_of_lines else data

    def finish(self) -> bytes:
        """The provider's reply has ended in good order: whether the answer had is for its reader to see."""
        if self._is_of_lines is False or self.is_over:
            return b""
        return self._events(self._first) + b"".join([_event(line) for line in self._splitter.finish()])

    def _events(self, data: bytes) -> bytes:
        if self.is_over:
            return b""
        try:
            return b"".join([_event(line) for line in self._splitter.feed(data)])
        except FrameError as error:
            self.is_over = True
            self.failure = Failure(Kind.TRUNCATED, f"The provider's stream can't be read: {error}.", sent=True)
            return b""


def _event(line: bytes) -> bytes:
    # A CR between two values would end a line of the event.
    return b"data: " + (line.replace(b"\r", b" ") if b"\r" in line else line) + b"\n\n"
