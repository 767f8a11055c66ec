"""A call under an Idempotency-Key where several processes serve: one of them makes it, the others wait for its answer.

While the store of claims can't be reached, each process keeps its own calls only, or refuses them
(docs/replicas.md#idempotency-keys).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

import msgspec

from penstock.core.failure import Failure, Kind
from penstock.dialects.caller import CallerDialect
from penstock.pipeline.cache import usage_of
from penstock.pipeline.call import Answer
from penstock.pipeline.shared_call import Run, SharedCall
from penstock.stores.base import IdempotencyStore, KeptAnswer

CONFLICT: Final = Failure(
    Kind.IDEMPOTENCY_CONFLICT,
    "The Idempotency-Key was used with another request before: use a new key for each request.",
    "idempotency-key",
)
_NO_STORE: Final = Failure(
    Kind.STORE_UNAVAILABLE,
    "The store of Idempotency-Keys can't be reached just now, and without it a request might be made twice. "
    "Try again later.",
    "idempotency-key",
)
_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 1.0
"""Seconds between two looks at whether the call that somebody else makes is over."""


class SharedClaims(msgspec.Struct, frozen=True):
    """The store of claims; answers stay there for ``seconds``. ``is_needed``: without the store no call is made.
    ``tasks`` are those that outlive their requests."""

    store: IdempotencyStore
    seconds: float
    is_needed: bool = False
    tasks: set[asyncio.Task[None]] = msgspec.field(default_factory=set)

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task


class ClaimedCall:
    """One call, from its claim to its end. ``is_decided`` is whether the key is known to stand for its request,
    ``is_replayed`` whether another process has made it."""

    __slots__ = ("_claims", "_dialect", "_fingerprint", "_key", "_owner", "_renewal", "is_decided", "is_replayed")

    def __init__(self, claims: SharedClaims, key: bytes, fingerprint: bytes, dialect: CallerDialect) -> None:
        self.is_decided = self.is_replayed = False
        self._dialect = dialect
        self._claims = claims
        self._key = key
        self._fingerprint = fingerprint
        self._owner = ""
        self._renewal: asyncio.Task[None] | None = None

    async def answer(
        self, run: Run, replayed: Callable[[KeptAnswer], Answer], refused: Callable[[Failure], Answer]
    ) -> Answer:
        """The answer of ``run``, or of the process that has the claim. ``replayed`` makes an Answer of a kept one,
        ``refused`` of why there is none: the key stands for another request, or nobody knows what it stands for."""
        store, pause = self._claims.store, _FIRST_PAUSE
        claim = await store.claim(self._key, self._fingerprint)
        while claim is not None and not claim.owner:
            if claim.fingerprint != self._fingerprint:
                return refused(CONFLICT)
            if claim.answer is not None:
                self.is_decided = self.is_replayed = True
                return replayed(claim.answer)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
            claim = await store.claim(self._key, self._fingerprint)
        if claim is None and self._claims.is_needed:
            return refused(_NO_STORE)
        self.is_decided = True
        if claim is not None:
            self._owner = claim.owner
            self._renewal = self._claims.start(self._renew())
        return await run()

    def completed(self, shared_call: SharedCall, *, is_good: bool) -> None:
        """Keep the answer of a call that has ended, or free its key."""
        if self._renewal is not None:
            self._renewal.cancel()
            self._renewal = None
        if not self._owner:
            return
        store, answer, body = self._claims.store, shared_call.answer, shared_call.body
        if not is_good or answer is None or body is None:
            self._claims.start(store.release(self._key, self._owner))
            return
        target = "" if answer.target is None else answer.target.path + answer.target.identity
        usage = usage_of(answer, body, self._dialect)
        kept = KeptAnswer(answer.status, answer.headers, body, target, answer.model, usage)
        self._claims.start(store.keep(self._key, self._owner, kept, self._claims.seconds))

    async def _renew(self) -> None:
        store = self._claims.store
        while True:
            await asyncio.sleep(store.lease / 3)
            await store.renew(self._key, self._owner)
