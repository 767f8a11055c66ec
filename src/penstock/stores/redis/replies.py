"""Replies in Redis or Valkey, for all replicas: a key each, which the server drops when its time is over."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from penstock.stores.base import Entry, StoredEntry
from penstock.stores.redis.connection import Script
from penstock.stores.redis.guard import RedisGuard
from penstock.stores.stored_counters import StoreDown

PUT_TIMEOUT: Final = 1.0
"""Seconds that writing an answer may take: nobody waits for it."""
_OVERHEAD: Final = 4096
"""Bytes that an entry may take beside its body."""


class _Stored(msgspec.Struct, frozen=True, gc=False):
    """An entry, and the time to live in milliseconds that it was put with."""

    entry: Entry
    ttl: int


class RedisReplyStore:
    """A ``ReplyStore`` on Redis. An entry whose body takes more than ``max_entry_bytes`` is not kept.

    Without Redis, and while it is slow, there is no reply, and none is kept. Ages and ends are in the server's time.
    """

    def __init__(self, guard: RedisGuard, max_entry_bytes: int, organisation: str = "default") -> None:
        self._guard = guard
        self._most = max_entry_bytes
        self._prefix = f"penstock:{{{organisation}}}:reply:"
        scripts = Path(__file__).parent / "scripts"
        self._get, self._put = Script(scripts / "reply.lua"), Script(scripts / "put_reply.lua")

    async def get(self, key: bytes) -> StoredEntry | None:
        try:
            value, left = await self._guard.run(self._get, self._prefix + key.hex())
        except StoreDown:
            return None
        if value is None or len(value) > self._most + _OVERHEAD:
            return None
        try:
            stored = msgspec.msgpack.decode(value, type=_Stored)
        except msgspec.ValidationError:  # another release has put it
            return None
        return StoredEntry(stored.entry, max(0, stored.ttl - left) / 1000)

    async def put(self, key: bytes, entry: Entry, ttl: float) -> None:
        lasting = max(0, round(ttl * 1000))
        value = msgspec.msgpack.encode(_Stored(entry, lasting)) if lasting else b""
        if len(entry.body) > self._most or len(value) > self._most + _OVERHEAD or not await self._guard.has_room():
            value = b""
        try:
            await self._guard.run(self._put, self._prefix + key.hex(), value, str(lasting), within=PUT_TIMEOUT)
        except StoreDown:
            return
