"""The interfaces of stores: ``ReplyStore`` for replies, ``CatalogueSource`` for the operator's catalogue.

A store knows no HTTP, no dialect and no policy. pipeline/cache.py decides which replies are stored, under which key and
for how long. Every implementation passes the suites in tests/contract.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from penstock.core.usage import Usage
from penstock.stores.catalogue import Catalogue, CatalogueChange


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One stored reply: its HTTP status, its media type, its whole body.

    ``stream`` says that the body is a whole event stream. ``model`` and ``usage`` are what the provider reported.
    """

    status: int
    content_type: bytes
    body: bytes
    stream: bool
    model: str | None
    usage: Usage | None


class StoredEntry(msgspec.Struct, frozen=True, gc=False):
    """An entry as a store returns it. ``age`` is the time in seconds since ``put``."""

    entry: Entry
    age: float


class ReplyStore(Protocol):
    """Keeps replies by key. An entry may be gone at any time, and is never found after its time to live.

    Neither method raises when the store can't be reached: a reply is then not found, or not kept.
    """

    async def get(self, key: bytes) -> StoredEntry | None:
        """The entry of a key with its age; None if there is none. A look-up doesn't extend the time to live."""
        ...

    async def put(self, key: bytes, entry: Entry, ttl: float) -> None:
        """Keep an entry for ``ttl`` seconds from now, in place of the one that the key had.

        With a ``ttl`` of 0 or less, or for an entry that is too large for the store, the key has no entry afterwards.
        """
        ...


class CatalogueSource(Protocol):
    """Holds the current catalogue, and reports every change of it."""

    @property
    def current(self) -> Catalogue:
        """The current catalogue, an immutable value: a change replaces it with a new catalogue."""
        ...

    def watch(self, callback: Callable[[CatalogueChange], None]) -> None:
        """Have ``callback`` called in the event loop after each change, with the names that changed."""
        ...
