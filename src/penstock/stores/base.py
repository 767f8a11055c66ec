"""The interfaces of stores: ``ReplyStore`` for replies, ``IdempotencyStore`` for calls that are made once,
``CatalogueSource`` for the operator's catalogue.

A store knows no HTTP, no dialect and no policy. pipeline/cache.py decides which replies are stored, under which key and
for how long; pipeline/idempotency.py decides it for calls. Every implementation passes the suites in tests/contract.
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


class ImmediateReplyStore(ReplyStore, Protocol):
    """A ``ReplyStore`` in this process: its replies are found without a wait."""

    def find(self, key: bytes) -> StoredEntry | None:
        """As ``get``, at once."""
        ...


class KeptAnswer(msgspec.Struct, frozen=True, gc=False):
    """The answer to an Idempotency-Key: the headers and the whole body that its first caller got.

    ``target`` is the identity of the target that answered; ``model`` and ``usage`` are what the provider reported.
    """

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    target: str
    model: str | None
    usage: Usage | None


class Claim(msgspec.Struct, frozen=True, gc=False):
    """What a store says when a call is to be made under a key.

    With an ``owner`` the caller of ``claim`` makes the call. Otherwise somebody else makes it, or has made it and left
    the ``answer``. ``fingerprint`` tells which request the key stands for.
    """

    fingerprint: bytes
    owner: str = ""
    answer: KeptAnswer | None = None


class IdempotencyStore(Protocol):
    """Makes sure that of several processes one makes the call of a key, and keeps its answer for the others.

    No method raises when the store can't be reached.
    """

    lease: float
    """Seconds after which a claim is free again, unless its owner renews it."""

    async def claim(self, key: bytes, fingerprint: bytes) -> Claim | None:
        """Claim a key that nobody has claimed; None if the store can't be reached."""
        ...

    async def renew(self, key: bytes, owner: str) -> None:
        """Let a claim last for another lease."""
        ...

    async def keep(self, key: bytes, owner: str, answer: KeptAnswer, ttl: float) -> None:
        """Keep the answer for ``ttl`` seconds from now. An answer that is too large frees the key."""
        ...

    async def release(self, key: bytes, owner: str) -> None:
        """Free the key: the call has no answer that can be reused."""
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
