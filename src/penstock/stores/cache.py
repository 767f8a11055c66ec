"""Answers kept to be given again: the ``Cache`` that the pipeline asks, and the one in this process's memory.

What may be kept, under which key and for how long is decided in pipeline/cache.py; a store keeps and finds.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final, Protocol

import msgspec

from penstock.core.usage import Usage

_OVERHEAD: Final = 640
"""Bytes that an entry takes beside its texts: objects' headers, numbers and its place in the map."""


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One answer. ``stream`` says that the body is a whole event stream; times are monotonic seconds."""

    status: int
    content_type: bytes
    body: bytes
    stream: bool
    model: str | None
    usage: Usage | None
    stored: float
    expires: float


class Cache(Protocol):
    """Somewhere to keep answers. An entry may be gone at any time, but never outlives its expiry."""

    def get(self, key: bytes, now: float) -> Entry | None: ...

    def put(self, key: bytes, entry: Entry, now: float) -> None: ...


class MemoryCache:
    """At most ``max_bytes`` of entries, keys and upkeep included: what was not used for longest goes first.

    An entry that takes more than ``max_entry_bytes`` is not kept, nor is the one that it would have replaced.
    """

    __slots__ = ("_entries", "_max_bytes", "_max_entry_bytes", "used")

    def __init__(self, max_bytes: int, max_entry_bytes: int) -> None:
        self.used = 0
        self._max_bytes = max_bytes
        self._max_entry_bytes = min(max_entry_bytes, max_bytes)
        self._entries: OrderedDict[bytes, Entry] = OrderedDict()

    def get(self, key: bytes, now: float) -> Entry | None:
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry.expires <= now:
            self._drop(key)
            return None
        self._entries.move_to_end(key)
        return entry

    def put(self, key: bytes, entry: Entry, now: float) -> None:
        self._drop(key)
        size = _size(key, entry)
        if size > self._max_entry_bytes or entry.expires <= now:
            return
        self._entries[key] = entry
        self.used += size
        while self.used > self._max_bytes:
            self.used -= _size(*self._entries.popitem(last=False))

    def __len__(self) -> int:
        return len(self._entries)

    def _drop(self, key: bytes) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self.used -= _size(key, entry)


def _size(key: bytes, entry: Entry) -> int:
    # A character of a model's name, which the caller chooses, takes up to four bytes.
    model = 0 if entry.model is None else 4 * len(entry.model)
    return _OVERHEAD + len(key) + len(entry.content_type) + len(entry.body) + model
