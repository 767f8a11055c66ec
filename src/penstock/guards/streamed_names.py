"""Names of tool calls in a stream: some hosts write one over several events, and clients put its pieces together.

A name is whole when its choice goes on with anything else, such as the call's arguments, or ends. Hosts that repeat a
name, or give several calls one index, are read as clients of both kinds read them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from penstock.core.segments import ALL_SLOTS, Delta, TextKey
from penstock.dialects.texts import NamePiece

MOST_WAITING: Final = 256 << 10
"""Bytes of events that wait for the end of a name: then it is taken for whole."""
_KEPT: Final = 1024
"""Characters of a name that was told which are told again with what comes behind them: some hosts repeat the name of a
call with each piece of its arguments."""


class _Name(msgspec.Struct):
    """All pieces of names under one index, those of the latest call, and those that may be a name by themselves and
    were not told yet."""

    joined: str = ""
    own: str = ""
    call: str = ""
    others: dict[str, None] = msgspec.field(default_factory=dict)


class StreamedNames:
    """The names of one stream. ``add`` takes what an event adds, and tells the names that are whole with it."""

    def __init__(self) -> None:
        self._names: dict[TextKey, _Name] = {}
        self._open: dict[TextKey, None] = {}

    @property
    def is_open(self) -> bool:
        """Whether a name may go on."""
        return bool(self._open)

    @property
    def unfinished(self) -> Sequence[str]:
        """The names that may go on, as they are."""
        return [each for key in self._open for each in self._read(key)]

    def add(self, pieces: Iterable[NamePiece], deltas: Iterable[Delta], closed: int | None) -> Sequence[str]:
        """``deltas`` are what the event adds to texts; ``closed`` is the slot that ends with it, ``ALL_SLOTS`` for all,
        None for none."""
        added = dict.fromkeys([each.key for each in pieces])
        whole: list[str] = []
        for piece in pieces:
            name = self._names.setdefault(piece.key, _Name())
            is_other = bool(piece.call and name.call and piece.call != name.call)
            if is_other and piece.key in self._open:
                whole += self._told(piece.key)
            name.own = "" if is_other else name.own
            if piece.text == name.own:
                name.others[piece.text] = None
            name.joined, name.own = name.joined + piece.text, name.own + piece.text
            name.call = piece.call or name.call
            self._open[piece.key] = None
        going_on = {each.key[1] for each in deltas if each.text}
        named = {key[1] for key in added}
        for key in [*self._open]:
            slot = key[1]
            if slot in going_on or (slot in named and key not in added) or closed in (slot, ALL_SLOTS):
                whole += self._told(key)
                del self._open[key]
        return whole

    def _told(self, key: TextKey) -> Sequence[str]:
        """The names, which are whole: later ones are told with their end alone."""
        names, name = self._read(key), self._names[key]
        name.joined, name.own = name.joined[-_KEPT:], name.own[-_KEPT:]
        name.others.clear()
        return names

    def _read(self, key: TextKey) -> Sequence[str]:
        name = self._names[key]
        return [*dict.fromkeys([name.joined, name.own, *name.others])]
