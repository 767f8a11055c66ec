"""Events of a stream that go on as they are, each as soon as all that it adds to texts may: their tokens with them.

Where guards deny and change nothing, an answer whose tokens a request asks for (``logprobs``) goes on so: the tokens of
a text would tell what waits, and without them the text would be told without its tokens. Sans-I/O; held_events.py says
which texts wait.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import msgspec

from penstock.core.segments import Pointer, SegmentKind, TextKey
from penstock.guards.patterns import utf16


class Piece(msgspec.Struct, frozen=True):
    """What an event adds to a text: its place in the event's data, and in the text, in UTF-16 units."""

    key: TextKey
    pointer: Pointer
    text: str
    start: int
    end: int


class WholeEvents:
    """The events that wait, in their order. Units are those of UTF-16: half of a surrogate pair is one."""

    def __init__(self) -> None:
        self._begun: dict[TextKey, int] = {}
        """How many units of a text have come."""
        self._passed: dict[TextKey, int] = {}
        """How many of these may go on."""
        self._waiting: deque[tuple[bytes, Sequence[Piece]]] = deque()
        self.size = 0
        """Bytes of the events that wait."""

    @staticmethod
    def takes(key: TextKey) -> bool:
        """Whether a text goes on with its events: the arguments of a tool call may be written otherwise, and have no
        tokens beside them."""
        return key[0] is not SegmentKind.TOOL_CALL

    def piece(self, key: TextKey, pointer: Pointer, text: str, ready: str) -> Piece:
        """What an event adds to a text. ``ready``: what may go on of the text with it."""
        start = self._begun.get(key, 0)
        self._begun[key] = end = start + utf16(text)
        self.let(key, ready)
        return Piece(key, pointer, text, start, end)

    def let(self, key: TextKey, ready: str) -> None:
        """More of a text may go on."""
        self._passed[key] = self._passed.get(key, 0) + utf16(ready)

    def add(self, events: bytes, pieces: Sequence[Piece]) -> bytes:
        """Take an event, with what goes on before it; give back all that can go on now."""
        self._waiting.append((events, pieces))
        self.size += len(events)
        return self.ready()

    def ready(self) -> bytes:
        """The events that can go on now."""
        ready: list[bytes] = []
        while self._waiting and all(map(self._may_pass, self._waiting[0][1])):
            ready.append(self._waiting.popleft()[0])
        events = b"".join(ready)
        self.size -= len(events)
        return events

    @property
    def unfinished(self) -> Sequence[TextKey]:
        """The texts of which something waits."""
        return [key for key, end in self._begun.items() if self._passed.get(key, 0) < end]

    def given_up(self) -> list[tuple[bytes, dict[Pointer, str]]]:
        """The events that wait for ever, since nothing follows, without those of which nothing goes on. Of the others
        each with the texts in it that go on in part, or not; none for one that goes on as it is."""
        found: list[tuple[bytes, dict[Pointer, str]]] = []
        for events, pieces in self._waiting:
            if all(map(self._may_pass, pieces)):
                found.append((events, {}))
            elif any((texts := {piece.pointer: self.begun_of(piece) for piece in pieces}).values()):
                found.append((events, texts))
        self._waiting.clear()
        self.size = 0
        return found

    def begun_of(self, piece: Piece) -> str:
        """What may go on of a piece."""
        units = self._passed.get(piece.key, 0) - piece.start
        if units >= piece.end - piece.start:
            return piece.text
        return piece.text.encode("utf-16-le", "surrogatepass")[: 2 * max(0, units)].decode("utf-16-le", "surrogatepass")

    def _may_pass(self, piece: Piece) -> bool:
        return self._passed.get(piece.key, 0) >= piece.end
