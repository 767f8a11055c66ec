"""Reads a reply that its host calls a stream of events, and that may be a whole one: its first bytes tell.

Some hosts and proxies say ``text/event-stream`` because the request asked for a stream, whatever comes then
(docs/fidelity.md#the-other-form).
"""

from __future__ import annotations

from typing import Final

from penstock.core.events import Event, Fail
from penstock.dialects.dialect import ProviderDialect, Reader, WriteContext
from penstock.dialects.framing.frame import MAX_FRAME
from penstock.dialects.framing.sse import BOM

_MOST_BLANKS: Final = 1024
"""Bytes of white space before a whole reply; what begins with more is read as a stream."""


class EitherForm:
    """A ``Reader`` of a dialect's replies, streamed ones and whole ones."""

    __slots__ = ("_context", "_dialect", "_has_line", "_held", "_is_whole", "_reader")

    def __init__(self, dialect: ProviderDialect, context: WriteContext) -> None:
        self._dialect = dialect
        self._context = context
        self._held = bytearray()
        self._is_whole = False
        self._has_line = False
        """Whether the first line has ended: if it is a value by itself, it begins a stream of lines."""
        self._reader: Reader | None = None

    def feed(self, data: bytes) -> list[Event]:
        if self._reader is not None:
            return self._reader.feed(data)
        self._held += data
        if self._is_whole and (self._has_line or data.find(b"\n") < 0):
            return [] if len(self._held) <= MAX_FRAME else self._too_large()
        begun = bytes(self._held).removeprefix(BOM).lstrip()
        if (not begun or BOM.startswith(self._held)) and len(self._held) <= _MOST_BLANKS:
            return []
        self._has_line = b"\n" in begun
        self._is_whole = begun[:1] in (b"{", b"[") and not self._dialect.begins_stream(bytes(self._held))
        return [] if self._is_whole else self._streamed()

    def finish(self) -> list[Event]:
        if self._reader is None and self._is_whole and not self._dialect.begins_stream(bytes(self._held)):
            return self._dialect.read_reply(bytes(self._held), self._context)
        events = [] if self._reader is not None else self._streamed()
        return events if self._reader is None else [*events, *self._reader.finish()]

    def _streamed(self) -> list[Event]:
        """The events of the bytes so far, which begin a stream."""
        self._reader = self._dialect.reader(self._context)
        data = bytes(self._held)
        self._held.clear()
        return self._reader.feed(data)

    def _too_large(self) -> list[Event]:
        self._held.clear()
        return [Fail(f"The provider's reply can't be read: it has more than {MAX_FRAME >> 20} MiB.", broken=True)]
