"""Stage: a request with an ``Idempotency-Key`` is sent upstream once; a repeated request gets the same answer.

The header is defined in the IETF draft "The Idempotency-Key HTTP Header Field". A key belongs to its tenant and stands
for one request: another body under the same key is a 409. A failed call is forgotten, so a repeated request is sent
again.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from time import monotonic
from typing import Any, Final

import msgspec

from penstock.core.failure import Failure, Kind
from penstock.dialects.caller import CallerDialect
from penstock.pipeline.account import SharedCost
from penstock.pipeline.authenticate import KEY_HEADERS
from penstock.pipeline.cache import is_whole
from penstock.pipeline.call import Answer, Call
from penstock.pipeline.shared_call import SharedCall

HEADER: Final = b"idempotency-key"
_MOST: Final = 10_000
_LONGEST: Final = 255


class _Kept(msgspec.Struct):
    """The call of one idempotency key, its request's fingerprint and the request that pays for the call."""

    fingerprint: bytes
    shared_call: SharedCall
    dialect: CallerDialect
    expires: float
    cost: SharedCost = msgspec.field(default_factory=SharedCost)
    size: int = 0


class Idempotency:
    """Answers repeated requests. An answer is kept for ``seconds``; a call without callers runs on for ``reattach``
    seconds.

    All kept answers take at most ``max_bytes``, one answer at most ``limit`` bytes.
    """

    def __init__(self, seconds: float, reattach: float, max_bytes: int, limit: int) -> None:
        self._seconds = seconds
        self._reattach = reattach
        self._max_bytes = max_bytes
        self._limit = limit
        self._kept: OrderedDict[bytes, _Kept] = OrderedDict()
        self._used = 0

    def applies(self, call: Call) -> bool:
        return HEADER in call.fields and self._seconds > 0 and self._limit > 0 and bool(call.body)

    async def answer(self, call: Call, run: Callable[[], Coroutine[Any, Any, Answer]]) -> Answer | Failure:
        """The answer for the request's key. If the key has no call yet, ``run`` makes the call."""
        if len(call.fields[HEADER]) > _LONGEST:
            text = f"The Idempotency-Key is longer than {_LONGEST} characters: send a shorter one, such as a UUID."
            return Failure(Kind.INVALID_REQUEST, text, "idempotency-key")
        name, fingerprint = _name(call, call.caller.tenant), _fingerprint(call)
        entry = self._kept.get(name)
        if entry is not None and entry.expires > monotonic() and entry.shared_call.joinable:
            if entry.fingerprint != fingerprint:
                text = "The Idempotency-Key was used with another request before: use a new key for each request."
                return Failure(Kind.IDEMPOTENCY_CONFLICT, text, "idempotency-key")
            entry.cost.participants += 1
            return _replayed(await entry.shared_call.join(), call, entry)
        entry = self._launch(name, fingerprint, run, call.dialect)
        entry.cost.participants += 1
        answer = await entry.shared_call.join()
        made = entry.shared_call.answer
        answer.attempt = None if made is None else made.attempt
        if answer.attempt is not None:
            answer.attempt.call = _cost_of(entry)
        return answer

    def _launch(
        self, name: bytes, fingerprint: bytes, run: Callable[[], Coroutine[Any, Any, Answer]], dialect: CallerDialect
    ) -> _Kept:
        shared_call = SharedCall(run, self._limit, lambda call: self._completed(name, call), self._reattach)
        self._forget(name)
        entry = self._kept[name] = _Kept(fingerprint, shared_call, dialect, monotonic() + self._seconds)
        while len(self._kept) > _MOST:
            self._forget(next(iter(self._kept)))
        return entry

    def _completed(self, name: bytes, shared_call: SharedCall) -> None:
        entry = self._kept.get(name)
        if entry is None or entry.shared_call is not shared_call:
            return
        if not is_whole(shared_call, entry.dialect):
            self._forget(name)
            return
        entry.size = len(shared_call.body or b"")
        self._used += entry.size
        while self._used > self._max_bytes and self._kept:
            self._forget(next(iter(self._kept)))

    def _forget(self, name: bytes) -> None:
        entry = self._kept.pop(name, None)
        if entry is not None:
            self._used -= entry.size


def _cost_of(kept: _Kept) -> SharedCost | None:
    """Who pays for the call: where its answer came from the cache, the cache has said so, or nobody pays."""
    answer = kept.shared_call.answer
    made = None if answer is None else answer.attempt
    if made is None or (made.call is None and made.cache != "HIT"):
        return kept.cost
    return made.call


def _replayed(answer: Answer, call: Call, kept: _Kept) -> Answer:
    """The shared answer under the trace id of who came back."""
    own = [field for field in answer.headers if field[0] != b"x-portkey-trace-id"]
    answer.headers = [*own, (b"x-portkey-trace-id", call.trace_id), (b"idempotent-replayed", b"true")]
    if answer.target is not None:
        attempt = answer.attempt = call.account.attempt(answer.target)
        attempt.model, attempt.status, attempt.usage = answer.model, answer.outcome.status, answer.usage
        attempt.failure = answer.failure
        attempt.cache, attempt.call = "REPLAYED", _cost_of(kept)
        if attempt.call is not None and attempt.call is not kept.cost:
            attempt.call.participants += 1
    return answer


def _name(call: Call, tenant: str) -> bytes:
    """The key within its tenant; without tenants, within the requests that carry the same credential."""
    shown = [] if tenant else [call.fields.get(name, b"") for name in KEY_HEADERS]
    return _digest(tenant.encode(), call.fields[HEADER], *shown)


def _fingerprint(call: Call) -> bytes:
    routing = [name + b":" + value for name, value in call.headers if name.startswith(b"x-portkey-") and _counts(name)]
    return _digest(call.path.encode(), call.body, *routing)


def _counts(name: bytes) -> bool:
    """Whether a header is part of the request's fingerprint: tracing headers are not."""
    return name not in _TRACING


_TRACING: Final = frozenset(
    b"x-portkey-trace-id x-portkey-span-id x-portkey-span-name x-portkey-parent-span-id x-portkey-metadata".split()
)


def _digest(*parts: bytes) -> bytes:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(b"%d:" % len(part) + part)
    return digest.digest()
