"""A stream of server-sent events as a relay sees it pass: whether the answer has begun, failed or ended in order.

The bytes pass as they came, event by event; the wire's ``StreamGrammar`` (caller.py) says what an event means. An event
that clients can't read is counted. No part of the answer is lost in silence: NaN and the infinities become null, and a
chunk with choices or a delta that can't be read ends the stream with an error. Any other event that is no JSON is taken
out: it would end a client's reading of all good events after it. A last event gets the empty line that it lacks.

An error ends the answer, whatever follows it: of later events only those pass that tell of errors, too, and the
stream's terminator; comments and empty lines are no events. A client that reads on would otherwise take what failed
for finished.

With a normalizer, an event that is sound passes by one look of the normalizer's; what the normalizer makes of any other
event is then watched like any event.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from penstock.core.failure import Failure
from penstock.core.json_text import read_json_or_none, with_null_numbers
from penstock.core.outcome import ErrorClass
from penstock.core.usage import Usage
from penstock.dialects.caller import STREAM_HEAD, EventNormalizer
from penstock.dialects.framing import sse
from penstock.dialects.provider_errors import ClassifiedError
from penstock.dialects.stream_grammar import ErrorForm, StreamGrammar

_END: Final = b"\n\n"
_HOLD: Final = 1 << 20
"""Bytes of the longest event that is normalized: a longer one (an image) passes as it is."""
_DATA: Final = b"data: "
_EVENT: Final = b"event: "


class StreamWatch(sse.EventRelay):
    """A relay of one stream that also looks into its events.

    ``content`` counts the weighed events that say something. ``error`` is set by the first event that is an error,
    ``error_data`` is that event's data. ``is_over``: the event did not tell the error in the wire's own shape, so
    nothing at all passes after it, and the stream has to be ended with an error event. ``denial`` is the failure of an
    answer whose error is a guard's and not the provider's. ``skipped`` counts the events that clients can't read.
    ``leaves_usage_out``: the caller did not ask for the event that only tells usage, so the watch reads it and takes it
    out. ``provider`` is the slug of who sends the stream. ``normalizer`` changes its events where they deviate from the
    wire, None for a stream that is known not to. ``is_seen``: the events come from another watch over the same stream,
    and are only remembered; it is set to False before an event is added that no watch has seen. Whoever hands on whole
    events of such a stream as known ones remembers them here himself.
    """

    __slots__ = (
        "_begun", "_known", "_normalizer", "content", "denial", "error", "error_data", "grammar", "is_over", "is_seen",
        "leaves_usage_out", "provider", "skipped",
    )  # fmt: skip

    def __init__(
        self,
        grammar: StreamGrammar,
        *,
        leaves_usage_out: bool = False,
        provider: str = "",
        normalizer: EventNormalizer | None = None,
    ) -> None:
        super().__init__(sse.HOLD if normalizer is None else _HOLD)
        self.grammar = grammar
        self._normalizer = normalizer
        self._begun = self._known = b""
        """The first events; and what is behind the texts of events that the normalizer knows to be sound."""
        self.content = 0
        self.error: ClassifiedError | None = None
        self.error_data = b""
        self.denial: Failure | None = None
        self.is_over = False
        self.is_seen = False
        self.provider = provider
        self.skipped = 0
        self.leaves_usage_out = leaves_usage_out and grammar.is_usage_only is not None

    def feed(self, data: bytes, *, weigh: bool = False) -> bytes:
        """Take bytes as they came; give back those that may go on now. ``weigh``: count the events with content."""
        normalizer = self._normalizer
        if normalizer is not None and not (weigh or self._held or self.mid_event) and self.error is None:
            pattern = normalizer.pattern
            if pattern is not None and pattern.fits(data):
                return data  # a text alone, of which the tail need not tell
        self._known = b""
        if data[-2:] == _END and not (self._held or self.mid_event):  # as ``is_whole``, without a call
            ready = data
            self._remember(data)
        else:
            was_whole = not self.mid_event
            ready = super().feed(data)
            if not ready or self.mid_event or not was_whole:
                return ready if self.error is None else b""
        if self.error is not None:
            return self._watched(ready)
        if self.is_seen and not weigh:
            return ready
        if weigh or (self.leaves_usage_out and ready.find(self.grammar.usage_mark) >= 0):
            return self._weighed(ready) if weigh else self._passing(ready)
        if normalizer is not None:
            sound = normalizer.sound(ready)
            return ready if sound == len(ready) else self._normalized(normalizer, ready, sound)
        return ready if self._are_plain(ready) else self._passing(ready)

    def passes(self, data: bytes, before: bytes = b"", behind: bytes = b"") -> bool:
        """Take an event that is like one which has passed, but for a text: True where it goes on as it is. Nothing is
        done with other bytes. ``before`` and ``behind`` stand around that text, where the caller has seen to it that
        nothing else does: several events may be so."""
        if data[-2:] != _END or self._held or self.mid_event or self.error is not None:
            return False
        normalizer = self._normalizer
        if normalizer is not None and not (behind and behind is self._known):
            self._known = behind if normalizer.knows(before, behind) else b""
            if not self._known and normalizer.sound(data) != len(data):
                return False
        self._remember(data)
        return True

    def knows(self, before: bytes, behind: bytes) -> bool:
        """Whether all events that have these bytes around a string of JSON pass as they are, and tell nothing that has
        to be remembered: none of them need come by, until another event comes."""
        normalizer = self._normalizer
        if self._held or self.mid_event or self.error is not None or normalizer is None or behind[-2:] != _END:
            return False
        return normalizer.knows(before, behind)

    def finish(self, *, weigh: bool = False) -> bytes:
        """The bytes that are still held when the stream has ended normally."""
        was_whole = not self.mid_event
        remaining = super().finish()
        if self.is_over or not (was_whole or self.error is None):
            return b""
        if remaining and was_whole:
            remaining = sse.completed(remaining)
            self.replace_last(remaining)
        passing = self._weighed(remaining) if weigh else self._passing(remaining)
        if self._normalizer is None or self.error is not None:
            return passing
        added = self._watched(self._normalizer.finish())
        self.add(added)
        return passing + added

    def ending(self) -> tuple[bool, Usage | None]:
        """Whether the stream has the wire's normal end, and the stream's usage, if any."""
        return self.grammar.ending(self.tail())

    def fitted(self, error_event: bytes) -> bytes:
        """An error event as it follows the events that have passed."""
        fit_error = self.grammar.fit_error
        return error_event if fit_error is None else fit_error(self._begun + self.tail(), error_event)

    def fork(self) -> StreamWatch:
        """A watch in the same state, for another reader of the same stream."""
        other = StreamWatch(self.grammar, leaves_usage_out=self.leaves_usage_out, provider=self.provider)
        self._copy_to(other)
        other._normalizer = None if self._normalizer is None else self._normalizer.fork()
        other._begun, other.content, other.skipped = self._begun, self.content, self.skipped
        other.error, other.error_data, other.is_over = self.error, self.error_data, self.is_over
        other.is_seen, other.denial = self.is_seen, self.denial
        return other

    def normalized_rest(self) -> NormalizedEvents | None:
        """The normalizer and the bytes that it waits for, as a transform of the rest of the stream, which this watch is
        then fed with; None for a stream that isn't normalized."""
        normalizer, self._normalizer = self._normalizer, None
        return None if normalizer is None else NormalizedEvents(self.hand_over(), normalizer)

    def _weighed(self, events: bytes) -> bytes:
        events = self._passing(events)
        self._begun = self._begun or events[:STREAM_HEAD]
        has_content = self.grammar.has_content
        self.content += sum(has_content(name, data) for name, data in sse.events(events))
        return events

    def _passing(self, events: bytes) -> bytes:
        """The same bytes unless an event among them deviates, can't be read, or tells usage that nobody asked for."""
        if self._normalizer is None or self.error is not None:
            events = self._watched(events)
        elif (sound := self._normalizer.sound(events)) < len(events):
            events = self._normalized(self._normalizer, events, sound)
        if self.leaves_usage_out and self.grammar.usage_mark in events:
            events = b"".join([block for block in sse.blocks(events) if not self._is_usage_only(block)])
        return events

    def _normalized(self, normalizer: EventNormalizer, events: bytes, sound: int) -> bytes:
        """What passes of events of which those in the first ``sound`` bytes are sound."""
        parts: list[bytes] = []
        for part, is_sound in _parts(normalizer, events, sound):
            parts.append(part if is_sound and self.error is None else self._watched(part))
        passing = b"".join(parts)
        if passing != events and (self.error is None or self.is_over):
            self.replace_last(passing)
        return passing

    def _watched(self, events: bytes) -> bytes:
        """The same bytes unless an event among them can't be read."""
        if self.is_over or not events:
            return b""
        if self.error is None and self._are_plain(events):
            return events
        return b"".join([self._block(block) for block in sse.blocks(events)])

    def _are_plain(self, events: bytes) -> bool:
        """Whether all are one line of data each, perhaps with a name before it, which can be read and is no error, or a
        comment: what nearly every vendor sends, told apart fast."""
        if events[-2:] != _END:
            return False
        error_in = self.grammar.error_in
        blocks = events[:-2].split(_END)
        line_ends = 2 * len(blocks)
        for block in blocks:
            name = b""
            if block[:7] == _EVENT:
                name, _, block = block[7:].partition(b"\n")
                line_ends += 1
            elif sse.is_comment(block):
                continue
            if block[:6] != _DATA:
                return False
            try:
                if error_in(name, block[6:], "") is not None:
                    return False
            except ValueError:
                return False
        return events.count(b"\n") == line_ends

    def _block(self, block: bytes) -> bytes:
        """What goes on of one event: its bytes, bytes that clients can read, or nothing."""
        if self.is_over:
            return b""
        for name, data in sse.events(block):
            try:
                error = self.grammar.error_in(name, data, self.provider)
            except ValueError:
                return self._unreadable(block, data)
            if error is not None:
                return self._failed(block, name, data, error) if self.error is None else block
            if self.error is not None and (not data or data != self.grammar.terminator):
                return b""
        return block

    def _failed(self, block: bytes, name: bytes, data: bytes, error: ClassifiedError) -> bytes:
        self.error, self.error_data = error, data
        form = self.grammar.error_form(name, data)
        self.is_over = form is not ErrorForm.OWN
        return b"" if form is ErrorForm.FOREIGN else block

    def _unreadable(self, block: bytes, data: bytes) -> bytes:
        self.skipped += 1
        readable = with_null_numbers(data)
        if readable is not data and read_json_or_none(readable) is not None:
            lines = [_readable_line(line) for line in block.splitlines(keepends=True)]
            return self._block(b"".join(lines))
        if self.error is None and any(mark in data for mark in _PART_OF_ANSWER):
            self.error, self.error_data, self.is_over = _UNREADABLE, b"", True
        return b""

    def _is_usage_only(self, block: bytes) -> bool:
        is_usage_only = self.grammar.is_usage_only
        return is_usage_only is not None and any(is_usage_only(data) for data in _data_of(block))


class NormalizedEvents:
    """Normalizes a stream from some event on: a ``StreamTransform``."""

    __slots__ = ("_normalizer", "_relay")

    failure: Failure | None = None
    """Never set: what can't be normalized passes as it is."""
    is_over = False

    def __init__(self, relay: sse.EventRelay, normalizer: EventNormalizer) -> None:
        self._relay = relay
        self._normalizer = normalizer

    def feed(self, data: bytes) -> bytes:
        """Take bytes as they came; the events that are whole now."""
        was_whole = not self._relay.mid_event
        ready = self._relay.feed(data)
        if not ready or self._relay.mid_event or not was_whole:
            return ready
        return self._events(ready)

    def finish(self) -> bytes:
        """The provider's reply has ended in good order."""
        return self._events(sse.completed(self._relay.finish())) + self._normalizer.finish()

    def _events(self, ready: bytes) -> bytes:
        return normalized(self._normalizer, ready)


def normalized(normalizer: EventNormalizer, events: bytes) -> bytes:
    """Whole events, changed where they deviate."""
    return b"".join([part for part, _ in _parts(normalizer, events, normalizer.sound(events))])


def _parts(normalizer: EventNormalizer, events: bytes, sound: int) -> Iterator[tuple[bytes, bool]]:
    """Events, changed where they deviate, and whether they were sound; those in the first ``sound`` bytes are."""
    yield events[:sound], True
    for number, block in enumerate(sse.blocks(events[sound:])):
        # The first event after the sound ones is known not to be sound.
        is_sound = number > 0 and normalizer.sound(block) == len(block)
        yield (block if is_sound else normalizer.normalize(block)), is_sound


_PART_OF_ANSWER: Final = (b'"choices"', b'"delta"', b'"content_block"', b'"candidates"')
"""What a chunk holds that may tell a part of the answer, in any wire."""
_UNREADABLE: Final = ClassifiedError(502, ErrorClass.SERVER_ERROR)


def _readable_line(line: bytes) -> bytes:
    return with_null_numbers(line) if line.startswith(b"data") else line


def _data_of(block: bytes) -> Iterator[bytes]:
    return (data for _, data in sse.events(block))
