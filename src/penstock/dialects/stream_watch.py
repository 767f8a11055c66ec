"""A stream of server-sent events as a relay sees it pass: whether the answer has begun, failed or ended in order.

The bytes pass as they came, event by event; the wire's ``StreamGrammar`` (caller.py) says what an event means. An event
that no client can read is taken out and counted: it would end a client's reading of all good events after it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from penstock.core.usage import Usage
from penstock.dialects.caller import StreamGrammar
from penstock.dialects.framing import sse
from penstock.dialects.provider_errors import ClassifiedError

_END: Final = b"\n\n"
_DATA: Final = b"data: "
_EVENT: Final = b"event: "


class StreamWatch:
    """Watches one stream.

    ``content`` counts the weighed events that say something. ``error`` is set by the first event that is an error.
    ``skipped`` counts the events that were taken out because no client can read them. ``leaves_usage_out``: the caller
    did not ask for the event that only tells usage, so the watch reads it and takes it out.
    """

    __slots__ = ("_grammar", "_relay", "content", "error", "leaves_usage_out", "skipped")

    def __init__(self, grammar: StreamGrammar, *, leaves_usage_out: bool = False) -> None:
        self._grammar = grammar
        self._relay = sse.EventRelay()
        self.content = 0
        self.error: ClassifiedError | None = None
        self.skipped = 0
        self.leaves_usage_out = leaves_usage_out and grammar.is_usage_only is not None

    @property
    def mid_event(self) -> bool:
        """Whether part of an event has passed, and its end has not."""
        return self._relay.mid_event

    def feed(self, data: bytes, *, weigh: bool = False) -> bytes:
        """Take bytes as they came; give back those that may go on now. ``weigh``: count the events with content."""
        relay = self._relay
        was_whole = not relay.mid_event
        ready = relay.feed(data)
        if not ready or relay.mid_event or not was_whole:
            return ready
        if weigh:
            return self._weighed(ready)
        if self._are_plain(ready) and not (self.leaves_usage_out and self._grammar.usage_mark in ready):
            return ready
        return self._passing(ready)

    def finish(self, *, weigh: bool = False) -> bytes:
        """The bytes that are still held when the stream has ended normally."""
        remaining = self._relay.finish()
        return self._weighed(remaining) if weigh else self._passing(remaining)

    def ending(self) -> tuple[bool, Usage | None]:
        """Whether the stream has the wire's normal end, and the stream's usage, if any."""
        return self._grammar.ending(self._relay.tail())

    def fork(self) -> StreamWatch:
        """A watch in the same state, for another reader of the same stream."""
        other = StreamWatch(self._grammar, leaves_usage_out=self.leaves_usage_out)
        other._relay = self._relay.fork()
        other.content, other.error, other.skipped = self.content, self.error, self.skipped
        return other

    def held(self) -> bytes:
        """The bytes that were fed and have not been given back yet."""
        return self._relay.fork().finish()

    def _weighed(self, events: bytes) -> bytes:
        events = self._passing(events)
        has_content = self._grammar.has_content
        self.content += sum(has_content(name, data) for name, data in sse.events(events))
        return events

    def _passing(self, events: bytes) -> bytes:
        """The same bytes unless an event among them can't be read, or tells usage that nobody asked for."""
        if not self._are_plain(events) and not all(self._can_be_read(*event) for event in sse.events(events)):
            events = self._without_garbage(events)
        if self.leaves_usage_out and self._grammar.usage_mark in events:
            events = b"".join([block for block in sse.blocks(events) if not self._is_usage_only(block)])
        return events

    def _are_plain(self, events: bytes) -> bool:
        """Whether all are one line of data each, perhaps with a name before it, which can be read and is no error: what
        nearly every vendor sends, told apart fast."""
        if events[-2:] != _END:
            return False
        error_in = self._grammar.error_in
        for block in events[:-2].split(_END):
            name = b""
            if block[:7] == _EVENT:
                name, _, block = block[7:].partition(b"\n")
            if block[:6] != _DATA or b"\n" in block:
                return False
            try:
                if error_in(name, block[6:]) is not None:
                    return False
            except ValueError:
                return False
        return True

    def _can_be_read(self, name: bytes, data: bytes) -> bool:
        try:
            error = self._grammar.error_in(name, data)
        except ValueError:
            return False
        if error is not None and self.error is None:
            self.error = error
        return True

    def _without_garbage(self, events: bytes) -> bytes:
        readable = []
        for block in sse.blocks(events):
            if all(self._can_be_read(*event) for event in sse.events(block)):
                readable.append(block)
            else:
                self.skipped += 1
        return b"".join(readable)

    def _is_usage_only(self, block: bytes) -> bool:
        is_usage_only = self._grammar.is_usage_only
        return is_usage_only is not None and any(is_usage_only(data) for data in _data_of(block))


def _data_of(block: bytes) -> Iterator[bytes]:
    return (data for _, data in sse.events(block))
