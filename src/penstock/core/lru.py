"""A bounded map that forgets what was not used for longest."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Lru(Generic[K, V]):
    """Entries that weigh at most ``size`` together, 1 each unless told otherwise.

    A look-up makes an entry the most recent; what is too much drops the oldest.
    """

    __slots__ = ("_entries", "_heavy", "_load", "_size")

    def __init__(self, size: int) -> None:
        self._size = size
        self._load = 0
        self._entries: OrderedDict[K, V] = OrderedDict()
        self._heavy: dict[K, int] = {}

    def get(self, key: K) -> V | None:
        value = self._entries.get(key)
        if value is not None:
            self._entries.move_to_end(key)
        return value

    def put(self, key: K, value: V, weight: int = 1) -> None:
        self.drop(key)
        self._entries[key] = value
        self._load += weight
        if weight != 1:
            self._heavy[key] = weight
        while self._load > self._size:
            self.drop(next(iter(self._entries)))

    def drop(self, key: K) -> None:
        """Forget an entry, if it is there."""
        if key in self._entries:
            del self._entries[key]
            self._load -= self._heavy.pop(key, 1)

    def drop_where(self, is_stale: Callable[[V], bool]) -> None:
        """Forget the entries whose value is stale. Takes time in proportion to all entries."""
        for key in [key for key, value in self._entries.items() if is_stale(value)]:
            self.drop(key)

    def items(self) -> Iterator[tuple[K, V]]:
        """All entries, the oldest first, without making any of them recent."""
        return iter(self._entries.items())

    def values(self) -> Iterator[V]:
        """All values, the oldest first. A look, not a look-up: nothing becomes more recent."""
        return iter(self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)
