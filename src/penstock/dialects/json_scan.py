"""Whether JSON that comes in pieces is a whole object yet: brackets and strings are counted, nothing is kept.

Source: RFC 8259.
"""

from __future__ import annotations

import re
from typing import Final

_TELLING: Final = re.compile(r'["{}\[\]]')
_IN_STRING: Final = re.compile(r'["\\]')


class ObjectScan:
    """Reads one object. ``is_whole``: its last bracket was closed. ``is_other``: it is none, or text follows it."""

    __slots__ = ("_depth", "_in_string", "_skips", "is_other", "is_whole")

    def __init__(self) -> None:
        self._depth = 0
        self._in_string = False
        self._skips = False
        """Whether the next character is escaped."""
        self.is_whole = False
        self.is_other = False

    @property
    def has_begun(self) -> bool:
        """Whether anything but white space was read."""
        return self._depth > 0 or self.is_whole or self.is_other

    def feed(self, piece: str) -> None:
        """Take the next piece."""
        at = 0
        if self._depth == 0:
            at = len(piece) - len(piece.lstrip())
            if at == len(piece):
                return
            self.is_other = self.is_whole or self.is_other or piece[at] != "{"
        if self._skips and at < len(piece):
            self._skips, at = False, at + 1
        while not self.is_other:
            found = (_IN_STRING if self._in_string else _TELLING).search(piece, at)
            if found is None:
                return
            at = self._step(found[0], found.end(), piece)
            if self.is_whole:
                self.is_other = bool(piece[at:].strip())
                return

    def _step(self, character: str, at: int, piece: str) -> int:
        """Take one telling character; the position from which to go on."""
        if character == "\\":
            self._skips = at >= len(piece)
            return at if self._skips else at + 1
        if character == '"':
            self._in_string = not self._in_string
        elif character in "{[":
            self._depth += 1
        else:
            self._depth -= 1
            self.is_whole = self._depth == 0
        return at
