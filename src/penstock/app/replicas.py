"""The composition root's part for what replicas share through Redis (docs/replicas.md)."""

from __future__ import annotations

from collections.abc import Mapping
from time import monotonic
from typing import TYPE_CHECKING, Final, Protocol

from penstock.routing.advice import Advice
from penstock.routing.health import Health
from penstock.settings import Settings, SettingsError
from penstock.stores.base import IdempotencyStore, ReplyStore
from penstock.stores.memory import MemoryReplyStore

if TYPE_CHECKING:
    from penstock.stores.redis.advice import SharedAdvice
    from penstock.stores.redis.guard import RedisGuard

_KEPT: Final = ("cache", "idempotency")
_OF_ROUTING: Final = ("circuits", "latency", "sticky")


class SharedLimits(Protocol):
    """The counters of limits, in a store that may be down."""

    @property
    def is_degraded(self) -> bool: ...


class Replicas:
    """What this process shares with others, as a part of the gateway.

    ``replies`` and ``calls`` are where answers are kept; ``calls`` is None where this process keeps them for itself.
    ``health`` is routing's memory.
    ``state`` says of each kind of state whether it is ``shared`` or belongs to the ``process``.
    """

    def __init__(self, replies: ReplyStore, limits: SharedLimits | None = None) -> None:
        self.replies = replies
        self.calls: IdempotencyStore | None = None
        self.guard: RedisGuard | None = None
        self.health = Health()
        self._advice: SharedAdvice | None = None
        self._limits = limits
        self._shared = set[str]() if limits is None else {"limits"}

    @property
    def state(self) -> Mapping[str, str]:
        kinds = sorted((*_KEPT, *_OF_ROUTING, "limits"))
        return {kind: "shared" if kind in self._shared else "process" for kind in kinds}

    @property
    def is_lost(self) -> bool:
        """Whether Redis could not be used at the last attempt."""
        return any(each is not None and each.is_lost for each in (self.guard, self._advice))

    @property
    def limits_are_lost(self) -> bool:
        """Whether the store of the counters is down, or was not told everything yet."""
        return self._limits is not None and self._limits.is_degraded

    def share_answers(self, guard: RedisGuard, replies: ReplyStore, calls: IdempotencyStore) -> None:
        self.guard, self.replies, self.calls = guard, replies, calls
        self._shared.update(_KEPT)

    def share_advice(self, advice: SharedAdvice) -> None:
        self._advice = advice
        self.health.on_advice = advice.tell
        self._shared.update(_OF_ROUTING)

    def advise(self, advice: Advice, age: float) -> None:
        """Take what another worker learnt, ``age`` seconds ago."""
        self.health.advise(advice, monotonic() - age)

    def start(self) -> None:
        if self._advice is not None:
            self._advice.start()

    async def stop(self) -> None:
        if self._advice is not None:
            await self._advice.stop()
        if self.guard is not None:
            await self.guard.close()


def replicas_of(settings: Settings, limits: SharedLimits | None) -> Replicas:
    """What the settings ask to share; ``limits`` are the counters in a store. Raises SettingsError."""
    cache, store = settings.cache, settings.store
    if cache.store == "redis" and not store.redis:
        raise SettingsError(["cache.store: redis needs the address in store.redis"], settings)
    replicas = Replicas(MemoryReplyStore(cache.max_bytes, cache.max_entry_bytes), limits)
    if not store.redis:
        return replicas
    from penstock.stores.redis.advice import SharedAdvice
    from penstock.stores.redis.connection import RedisConnection
    from penstock.stores.redis.guard import RedisGuard
    from penstock.stores.redis.idempotency import RedisIdempotency
    from penstock.stores.redis.replies import RedisReplyStore

    try:
        connection, apart = RedisConnection(store.redis), RedisConnection(store.redis)
    except ValueError as error:
        raise SettingsError([f"store.redis: {error}"], settings) from None
    if cache.store != "memory":
        guard = RedisGuard(connection, store.redis_timeout_ms / 1000, "the cache and Idempotency-Keys go on")
        most = min(cache.max_bytes, cache.max_entry_bytes)
        replicas.share_answers(guard, RedisReplyStore(guard, most), RedisIdempotency(guard, most))
    replicas.share_advice(SharedAdvice(apart, replicas.advise))
    return replicas
