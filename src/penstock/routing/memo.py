"""What one reading of a config has read already: a value that many targets inherit is read and encoded once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec

from penstock.routing.fields import Fields

T = TypeVar("T")

_LONG: Final = 64
"""Characters of a text beyond which its digest stands for it."""


class Memo:
    """What one builder has read already. A value that many targets inherit is read and encoded once.

    Values are known by their identity; each is kept, so that no other value can take its place in memory.
    """

    __slots__ = ("_digests", "_encoded", "_values")

    def __init__(self) -> None:
        self._encoded: dict[int, tuple[object, bytes]] = {}
        self._values: dict[tuple[object, int], tuple[object, Any]] = {}
        self._digests: dict[str | bytes, str] = {}

    def of(self, kind: object, raw: object, make: Callable[[], T]) -> T:
        """``make()`` for a value of one kind, called once."""
        key = (kind, id(raw))
        entry = self._values.get(key)
        if entry is None:
            entry = self._values[key] = (raw, make())
        made: T = entry[1]
        return made

    def read(self, read: Callable[[Fields], T], fields: Fields, name: str) -> T:
        """``read(fields)``, which depends on the member ``name`` only."""
        raw = fields.values.get(name)
        # Small values are shared by the interpreter, which does no harm: equal values are read alike.
        return read(fields) if raw is None else self.of(read, raw, lambda: read(fields))

    def encoded(self, value: object) -> bytes:
        """A value as JSON."""
        entry = self._encoded.get(id(value))
        if entry is None:
            entry = self._encoded[id(value)] = (value, msgspec.json.encode(value))
        return entry[1]

    def digest(self, text: str | bytes) -> str:
        """A short text that stands for a text; a text that is short itself."""
        if len(text) <= _LONG:
            return text if isinstance(text, str) else text.decode()
        if text not in self._digests:
            self._digests[text] = digest_of(text.encode() if isinstance(text, str) else text)
        return self._digests[text]


def digest_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:24]
