"""Texts that the events of a stream tell whole, again and again: as they were, or longer. Each is judged once.

Perplexity has the message so far in each event, and all sources beside it (docs/quirks.md#q93): judged anew with each
event, an answer would cost the square of its length. Sans-I/O; held_events.py feeds it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

import msgspec

from penstock.core.segments import Delta, Pointer, TextKey

_MOST_KNOWN: Final = 1 << 20
"""Characters of texts that are remembered: those of more are judged again."""


class RuledPieces(Protocol):
    """A text under rules."""

    def feed(self, text: str, *, last: bool) -> tuple[str, bool]:
        """What can go on of the text so far, in addition to what went on, and whether a rule denies it."""
        ...


class _Growing(msgspec.Struct):
    """A text so far: how an event told it last, and what goes on of it."""

    ruled: RuledPieces
    told: str = ""
    ready: str = ""


class RepeatedTexts:
    """The whole texts of one stream."""

    def __init__(self) -> None:
        self._growing: dict[tuple[TextKey, Pointer], _Growing] = {}
        self._known: dict[tuple[TextKey, int, bool, str], str] = {}
        """What goes on of texts that were judged."""
        self._known_characters = 0

    def feed(self, delta: Delta, begin: Callable[[Delta], RuledPieces], *, last: bool) -> tuple[str, int, bool]:
        """What goes on of a whole text, how many of its characters did not go on before, and whether a rule denies the
        text. ``begin`` makes the state of a text that is judged from its start."""
        place = delta.key, delta.pointer
        growing = self._growing.pop(place, None)
        if growing is None and not delta.is_growing:
            return self._once(delta, begin)
        if growing is None or not delta.text.startswith(growing.told):
            growing = _Growing(begin(delta))
        new, is_denied = growing.ruled.feed(delta.text[len(growing.told) :], last=last)
        growing.told, growing.ready = delta.text, growing.ready + new
        if delta.is_growing:
            self._growing[place] = growing
        return growing.ready, len(new), is_denied

    def _once(self, delta: Delta, begin: Callable[[Delta], RuledPieces]) -> tuple[str, int, bool]:
        key = delta.key, delta.choice, delta.is_plain, delta.text
        known = self._known.get(key)
        if known is not None:
            return known, 0, False
        ready, is_denied = begin(delta).feed(delta.text, last=True)
        self._known_characters += len(delta.text)
        if self._known_characters > _MOST_KNOWN:
            self._known.clear()
            self._known_characters = len(delta.text)
        self._known[key] = ready
        return ready, len(ready), is_denied
