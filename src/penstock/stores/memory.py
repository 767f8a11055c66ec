"""Stores in this process's memory: replies, bounded by their bytes, and a catalogue that is set by a call."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from time import monotonic
from typing import Final

import msgspec

from penstock.stores.base import Entry, StoredEntry
from penstock.stores.catalogue import EMPTY, Catalogue, CatalogueChange, compare

_OVERHEAD: Final = 640
"""Bytes that an entry takes beside its texts: objects' headers, numbers and its place in the map."""


class _Slot(msgspec.Struct, frozen=True, gc=False):
    """An entry in its place; both times are the clock's seconds."""

    entry: Entry
    stored: float
    expires: float


class MemoryReplyStore:
    """An ``ImmediateReplyStore`` of at most ``max_bytes``, keys and upkeep included: the least recently used entry goes
    first.

    An entry that takes more than ``max_entry_bytes`` is not kept, nor is the entry that it would have replaced.
    ``clock`` gives seconds that never go back. ``used`` is the bytes taken.
    """

    __slots__ = ("_clock", "_max_bytes", "_max_entry_bytes", "_slots", "used")

    def __init__(self, max_bytes: int, max_entry_bytes: int, clock: Callable[[], float] = monotonic) -> None:
        self.used = 0
        self._clock = clock
        self._max_bytes = max_bytes
        self._max_entry_bytes = min(max_entry_bytes, max_bytes)
        self._slots: OrderedDict[bytes, _Slot] = OrderedDict()

    async def get(self, key: bytes) -> StoredEntry | None:
        return self.find(key)

    def find(self, key: bytes) -> StoredEntry | None:
        slot = self._slots.get(key)
        if slot is None:
            return None
        now = self._clock()
        if slot.expires <= now:
            self._drop(key)
            return None
        self._slots.move_to_end(key)
        return StoredEntry(slot.entry, now - slot.stored)

    async def put(self, key: bytes, entry: Entry, ttl: float) -> None:
        self._drop(key)
        size = _size(key, entry)
        if size > self._max_entry_bytes or ttl <= 0:
            return
        now = self._clock()
        self._slots[key] = _Slot(entry, now, now + ttl)
        self.used += size
        while self.used > self._max_bytes:
            oldest, slot = self._slots.popitem(last=False)
            self.used -= _size(oldest, slot.entry)

    def __len__(self) -> int:
        return len(self._slots)

    def _drop(self, key: bytes) -> None:
        slot = self._slots.pop(key, None)
        if slot is not None:
            self.used -= _size(key, slot.entry)


def _size(key: bytes, entry: Entry) -> int:
    # A character of a model's name, which the caller chooses, takes up to four bytes.
    model = 0 if entry.model is None else 4 * len(entry.model)
    return _OVERHEAD + len(key) + len(entry.content_type) + len(entry.body) + model


class MemoryCatalogue:
    """A ``CatalogueSource`` whose catalogue changes when ``replace`` is called, and never by itself."""

    def __init__(self, catalogue: Catalogue = EMPTY) -> None:
        self.current = catalogue
        self._callbacks: list[Callable[[CatalogueChange], None]] = []

    def watch(self, callback: Callable[[CatalogueChange], None]) -> None:
        self._callbacks.append(callback)

    def replace(self, catalogue: Catalogue) -> None:
        """Put a catalogue in force. Callbacks are called only if it differs from the catalogue before.

        Their change names nothing if something else than a name's meaning differs, for example ``is_guarded``.
        """
        if catalogue is self.current or catalogue == self.current:
            return
        change = compare(self.current, catalogue)
        self.current = catalogue
        for callback in self._callbacks:
            callback(change)
