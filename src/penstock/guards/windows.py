"""Guards that judge in windows: the events of a stream wait until their text is judged, a window at a time.

Sans-I/O: this module says when a window is full, and what its text is; pipeline/guarding/stream.py has it judged.
"""

from __future__ import annotations

from collections.abc import Sequence

from penstock.core.json_text import read_any_numbers
from penstock.core.segments import Delta, Pointer, Segment, SegmentKind, TextKey, with_whole_pairs
from penstock.dialects.framing import sse
from penstock.dialects.remaining_texts import rest_of_event
from penstock.dialects.texts import TextView
from penstock.guards.streamed_names import MOST_WAITING, StreamedNames


class Windows:
    """The events that wait, and the texts among them. ``size`` and ``overlap`` are characters of one text: each window
    begins with the last ``overlap`` characters of the one before it."""

    def __init__(self, view: TextView, kind: str, size: int, overlap: int) -> None:
        self._view = view
        self._kind = kind
        self._size = size
        self._overlap = overlap
        self._waiting: list[bytes] = []
        self._texts: dict[TextKey, str] = {}
        self._wholes: dict[tuple[TextKey, Pointer, int], Delta] = {}
        """The texts that came whole, by their places and numbers: one that is told again, longer, keeps its number."""
        self._whole_characters = 0
        self._known: set[tuple[SegmentKind, int, bool, int]] = set()
        """The texts that came whole, by their hashes: hosts that tell the same ones with each event (the sources of an
        answer, say) don't fill a window with each."""
        self._growing: dict[tuple[TextKey, Pointer], tuple[int, str]] = {}
        """The numbers and the texts so far of those that events tell again, longer."""
        self._earlier: dict[TextKey, str] = {}
        self._choices: dict[TextKey, tuple[int, bool]] = {}
        self._names: dict[str, None] = {}
        """What the events tell of names (``rest_of_event``)."""
        self._streamed = StreamedNames()
        self._is_over = False
        self.is_unreadable = False
        """Whether an event is no JSON, though it begins as JSON does: nobody knows what clients read of it."""

    def add(self, events: bytes) -> None:
        """Take whole events, which wait now."""
        for block in sse.blocks(events):
            self._waiting.append(block)
            name, data = next(sse.events(block), (b"", b""))
            if not data:
                continue
            if self._view.is_end(name, data):
                self._is_over = True
                continue
            value = read_any_numbers(data)
            if value is None and is_unreadable(data):
                self.is_unreadable = True
            deltas, closed = tuple(self._view.deltas(self._kind, value)), self._view.closes(name, value)
            pieces = tuple(self._view.name_pieces(value))
            seen = {*[each.pointer for each in deltas], *[each.pointer for each in pieces]}
            names, others = rest_of_event(value, self._view.said_in_events, seen)
            if names:
                self._names[names] = None
            self._names.update(dict.fromkeys(self._streamed.add(pieces, deltas, closed)))
            for delta in (*deltas, *others):
                if delta.is_whole:
                    self._add_whole(delta)
                    continue
                self._texts[delta.key] = self._texts.get(delta.key, "") + delta.text
                self._choices[delta.key] = delta.choice, delta.is_plain
            self._is_over = self._is_over or closed is not None

    def _add_whole(self, delta: Delta) -> None:
        known = (delta.key[0], delta.choice, delta.is_plain, hash(delta.text))
        if known in self._known:
            return
        self._known.add(known)
        place = delta.key, delta.pointer
        number, before = self._growing.pop(place, (0, ""))
        if not (before and delta.text.startswith(before)):
            number, before = len(self._known), ""
        if delta.is_growing:
            self._growing[place] = number, delta.text
        # What it was before is the beginning of what it is now, and need not be judged, too.
        self._wholes[*place, number] = delta
        self._whole_characters += len(delta.text) - len(before)

    @property
    def is_due(self) -> bool:
        """Whether what waits is to be judged now: a window is full, or a text has ended. What a name may go on with is
        waited for."""
        if self._streamed.is_open and not self._is_over:
            return sum(map(len, self._waiting)) > MOST_WAITING
        lengths = [self._whole_characters, *map(len, self._texts.values())]
        return self._is_over or max(lengths) >= self._size

    @property
    def waits(self) -> bool:
        return bool(self._waiting)

    def texts(self) -> tuple[Segment, ...]:
        """The texts of the window, each behind the end of the window before."""
        pieces = [
            Segment(
                ("stream", number),
                with_whole_pairs(self._earlier.get(key, "") + text),
                "assistant",
                key[0],
                0,
                choice,
                is_plain,
            )
            for number, (key, text) in enumerate(self._texts.items())
            for choice, is_plain in [self._choices[key]]
            if text
        ]
        wholes = [
            Segment(("whole", number), each.text, "assistant", each.key[0], 0, each.choice, each.is_plain)
            for number, each in enumerate(self._wholes.values())
            if each.text
        ]
        names = "\n".join(dict.fromkeys([*self._names, *self._streamed.unfinished]))
        named = (
            [Segment(("names",), names, "assistant", SegmentKind.OTHER, is_plain=False, is_fixed=True)] if names else []
        )
        return (*pieces, *wholes, *named)

    def released(self) -> tuple[bytes, int]:
        """The events that were judged, and the characters of their texts."""
        characters = sum(map(len, self._texts.values())) + self._whole_characters
        if self._overlap:
            for key, text in self._texts.items():
                self._earlier[key] = (self._earlier.get(key, "") + text)[-self._overlap :]
        events, self._waiting = b"".join(self._waiting), []
        self._texts, self._wholes, self._names, self._is_over = {}, {}, {}, False
        self._whole_characters = 0
        return events, characters


def is_unreadable(data: bytes) -> bool:
    """Whether an event's data, which are no JSON, begin as an object or a list does. The mark of an end is neither:
    hosts send it behind the end of wires that have an event for it, too."""
    return data.lstrip()[:1] in {b"{", b"["} and data.strip() != sse.DONE


def gathered_texts(events: bytes, view: TextView, kind: str) -> Sequence[Segment]:
    """The texts of a whole stream."""
    windows = Windows(view, kind, 1, 0)
    windows.add(events)
    return windows.texts()
