"""Stage: a request with an ``Idempotency-Key`` is made once; who comes back gets the running or finished answer.

The header is the one of the IETF draft "The Idempotency-Key HTTP Header Field". A key belongs to who sent it, and
stands for one request: another body under it is a 409. Failed calls are forgotten, so that coming back tries again.
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
    """A request that a key stands for, and who pays for its call."""

    fingerprint: bytes
    shared_call: SharedCall
    dialect: CallerDialect
    expires: float
    cost: SharedCost = msgspec.field(default_factory=SharedCost)
    size: int = 0


class Idempotency:
    """``seconds`` is how long an answer is kept, ``reattach`` how long a call goes on with nobody listening.

    ``max_bytes`` bounds all answers that are kept, ``limit`` one of them.
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
        """The one answer to this key. ``run`` makes the call if there is none."""
        if len(call.fields[HEADER]) > _LONGEST:
            text = f"The Idempotency-Key is longer than {_LONGEST} characters: send a shorter one, such as a UUID."
            return Failure(Kind.INVALID_REQUEST, text, "idempotency-key")
        name, fingerprint = _name(call, call.caller.tenant), _fingerprint(call)
        kept = self._kept.get(name)
        if kept is not None and kept.expires > monotonic() and kept.shared_call.joinable:
            if kept.fingerprint != fingerprint:
                text = "The Idempotency-Key was used with another request before: use a new key for each request."
                return Failure(Kind.IDEMPOTENCY_CONFLICT, text, "idempotency-key")
            kept.cost.participants += 1
            return _replayed(await kept.shared_call.join(), call, kept)
        kept = self._launch(name, fingerprint, run, call.dialect)
        kept.cost.participants += 1
        answer = await kept.shared_call.join()
        made = kept.shared_call.answer
        answer.attempt = None if made is None else made.attempt
        if answer.attempt is not None:
            answer.attempt.call = _cost_of(kept)
        return answer

    def _launch(
        self, name: bytes, fingerprint: bytes, run: Callable[[], Coroutine[Any, Any, Answer]], dialect: CallerDialect
    ) -> _Kept:
        shared_call = SharedCall(run, self._limit, lambda call: self._completed(name, call), self._reattach)
        self._forget(name)
        kept = self._kept[name] = _Kept(fingerprint, shared_call, dialect, monotonic() + self._seconds)
        while len(self._kept) > _MOST:
            self._forget(next(iter(self._kept)))
        return kept

    def _completed(self, name: bytes, shared_call: SharedCall) -> None:
        kept = self._kept.get(name)
        if kept is None or kept.shared_call is not shared_call:
            return
        if not is_whole(shared_call, kept.dialect):
            self._forget(name)
            return
        kept.size = len(shared_call.body or b"")
        self._used += kept.size
        while self._used > self._max_bytes and self._kept:
            self._forget(next(iter(self._kept)))

    def _forget(self, name: bytes) -> None:
        kept = self._kept.pop(name, None)
        if kept is not None:
            self._used -= kept.size


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
    """Whose key it is: a tenant's, or without tenants, that of who shows the same credential."""
    shown = [] if tenant else [call.fields.get(name, b"") for name in KEY_HEADERS]
    return _digest(tenant.encode(), call.fields[HEADER], *shown)


def _fingerprint(call: Call) -> bytes:
    routing = [name + b":" + value for name, value in call.headers if name.startswith(b"x-portkey-") and _counts(name)]
    return _digest(call.path.encode(), call.body, *routing)


def _counts(name: bytes) -> bool:
    """Whether a header is part of what is asked, as opposed to how it is traced."""
    return name not in _TRACING


_TRACING: Final = frozenset(
    b"x-portkey-trace-id x-portkey-span-id x-portkey-span-name x-portkey-parent-span-id x-portkey-metadata".split()
)


def _digest(*parts: bytes) -> bytes:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(b"%d:" % len(part) + part)
    return digest.digest()
