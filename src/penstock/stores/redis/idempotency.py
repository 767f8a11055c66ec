"""Idempotency-Keys in Redis or Valkey: of all replicas one makes the call of a key, the others get its answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import msgspec

from penstock.stores.base import Claim, KeptAnswer
from penstock.stores.redis.connection import Script
from penstock.stores.redis.guard import RedisGuard
from penstock.stores.redis.replies import PUT_TIMEOUT
from penstock.stores.sql.ids import random_id
from penstock.stores.stored_counters import StoreDown

_LEASE: Final = 30.0


class RedisIdempotency:
    """An ``IdempotencyStore`` on Redis, for answers whose body takes at most ``max_entry_bytes``."""

    lease = _LEASE

    def __init__(self, guard: RedisGuard, max_entry_bytes: int, organisation: str = "default") -> None:
        self._guard = guard
        self._most = max_entry_bytes
        self._prefix = f"penstock:{{{organisation}}}:once:"
        self._script = Script(Path(__file__).parent / "scripts" / "idempotency.lua")

    async def claim(self, key: bytes, fingerprint: bytes) -> Claim | None:
        try:
            kept, answer, *owner = await self._run("claim", key, random_id(), self.lease, fingerprint)
        except StoreDown:
            return None
        if owner:
            return Claim(fingerprint, owner[0].decode())
        if answer is None:
            return Claim(kept)
        try:
            return Claim(kept, answer=msgspec.msgpack.decode(answer, type=KeptAnswer))
        except msgspec.ValidationError:  # another release has kept it
            return None

    async def renew(self, key: bytes, owner: str) -> None:
        await self._tell("renew", key, owner, self.lease)

    async def keep(self, key: bytes, owner: str, answer: KeptAnswer, ttl: float) -> None:
        if len(answer.body) > self._most or not await self._guard.has_room():
            await self.release(key, owner)
        else:
            await self._tell("keep", key, owner, ttl, msgspec.msgpack.encode(answer))

    async def release(self, key: bytes, owner: str) -> None:
        await self._tell("release", key, owner, 0.0)

    async def _tell(self, step: str, key: bytes, owner: str, seconds: float, value: bytes = b"") -> None:
        try:
            await self._run(step, key, owner, seconds, value, within=PUT_TIMEOUT)
        except StoreDown:
            return

    async def _run(self, step: str, key: bytes, owner: str, seconds: float, value: bytes, within: float = 0.0) -> Any:
        milliseconds = str(max(1, round(seconds * 1000)))
        name = self._prefix + key.hex()
        return await self._guard.run(self._script, name, step, owner, milliseconds, value, within=within)
