"""Stage: a request with an ``Idempotency-Key`` is sent upstream once; a repeated request gets the same answer.

The header is defined in the IETF draft "The Idempotency-Key HTTP Header Field". A key belongs to its tenant, to the
credentials that the request shows or names, and to the values of the headers that go on to the provider: users of one
tenant never get each other's answers. It stands for one request: another body under the same key is a 409. A failed
call is forgotten, so a repeated request is sent again. Where processes share a store, claimed_call.py makes the call in
one of them.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from time import monotonic
from typing import Any, Final

import msgspec

from penstock.core.failure import Failure, Kind
from penstock.core.json_text import write_json
from penstock.core.outcome import Outcome
from penstock.dialects.caller import CallerDialect
from penstock.pipeline.account import SharedCost
from penstock.pipeline.attempt import failed
from penstock.pipeline.authenticate import KEY_HEADERS
from penstock.pipeline.cache import has_ended_well
from penstock.pipeline.call import Answer, Call
from penstock.pipeline.claimed_call import CONFLICT, ClaimedCall, SharedClaims
from penstock.pipeline.off_loop.thread import LARGE, off_loop
from penstock.pipeline.replies.response_headers import BUDGET_LEFT, REQUEST_ID, with_response_headers
from penstock.pipeline.shared_call import SharedCall
from penstock.routing.plan import Plan, Target, leaves
from penstock.stores.base import KeptAnswer

HEADER: Final = b"idempotency-key"
_MOST: Final = 10_000
_LONGEST: Final = 255
_REPLAY: Final = Outcome(200, stored=True)
_RATES: Final = b"x-penstock-ratelimit-"
_OF_ONE: Final = frozenset({b"x-portkey-trace-id", REQUEST_ID, BUDGET_LEFT})
"""Headers about one request, which who comes back is not told of an earlier one."""
"""How the names of headers begin that tell of the first request's limits."""


class _Kept(msgspec.Struct):
    """The call of one idempotency key, its request's fingerprint and the request that pays for the call.

    ``claimed`` is the call as other processes see it, None where no store is shared.
    """

    fingerprint: bytes
    shared_call: SharedCall
    expires: float
    cost: SharedCost = msgspec.field(default_factory=SharedCost)
    size: int = 0
    claimed: ClaimedCall | None = None

    @property
    def is_decided(self) -> bool:
        """Whether the key stands for the entry's request: another process may have used it for another one."""
        return self.claimed is None or self.claimed.is_decided

    @property
    def is_replayed(self) -> bool:
        """Whether another process has made the call: then nobody here pays for it."""
        return self.claimed is not None and self.claimed.is_replayed


_Name = tuple[str, bytes]
"""A tenant, and the digest of a key within it."""


class _Shelf(msgspec.Struct):
    """The calls of one tenant, the oldest first. ``size`` is the sum of their answers' bytes."""

    entries: OrderedDict[bytes, _Kept] = msgspec.field(default_factory=OrderedDict)
    size: int = 0


class Idempotency:
    """Answers repeated requests. An answer is kept for ``seconds``; a call without callers runs on for ``reattach``
    seconds.

    All kept answers take at most ``max_bytes``, one answer at most ``limit`` bytes. ``shared`` are the claims of a
    store that other processes use, too.
    """

    def __init__(
        self, seconds: float, reattach: float, max_bytes: int, limit: int, shared: SharedClaims | None = None
    ) -> None:
        self._seconds = seconds
        self._reattach = reattach
        self._max_bytes = max_bytes
        self._limit = limit
        self._claims = shared
        self._shelves: dict[str, _Shelf] = {}
        """What each tenant has here."""

    def applies(self, call: Call) -> bool:
        if call.operation.is_proxy:
            return False  # The provider gets the header.
        return HEADER in call.fields and self._seconds > 0 and self._limit > 0 and bool(call.body)

    async def answer(
        self, call: Call, run: Callable[[], Coroutine[Any, Any, Answer]], plan: Plan | None = None
    ) -> Answer | Failure:
        """The answer for the request's key. If the key has no call yet, ``run`` makes the call, by ``plan``."""
        if len(call.fields[HEADER]) > _LONGEST:
            text = f"The Idempotency-Key is longer than {_LONGEST} characters: send a shorter one, such as a UUID."
            return Failure(Kind.INVALID_REQUEST, text, "idempotency-key")
        tenant = call.caller.tenant
        is_large = len(call.body) > LARGE
        fingerprint = await off_loop(lambda: _fingerprint(call)) if is_large else _fingerprint(call)
        name = (tenant, _name(call, plan))
        entry = self._entry(name)
        if entry is not None and entry.expires > monotonic() and entry.shared_call.joinable:
            if entry.fingerprint == fingerprint:
                entry.cost.participants += 1
                return _replayed(await entry.shared_call.join(), call, entry)
            if entry.is_decided:
                return CONFLICT
        claimed: ClaimedCall | None = None
        if self._claims is not None:
            claimed = ClaimedCall(self._claims, _digest(tenant.encode(), name[1]), fingerprint, call.dialect)
            run = functools.partial(
                claimed.answer, run, functools.partial(_kept_answer, plan), functools.partial(_refusal, call)
            )
        entry = self._launch(name, fingerprint, run, call.dialect, claimed)
        entry.cost.participants += 1
        try:
            answer = await entry.shared_call.join()
        except asyncio.CancelledError:
            # The attempt that runs goes on for those who come back: one of them pays for it.
            if call.account.attempts and call.account.attempts[-1].call is None:
                call.account.attempts[-1].call = entry.cost
            raise
        if entry.is_replayed:
            return _replayed(answer, call, entry)
        made = entry.shared_call.answer
        answer.attempt = None if made is None else made.attempt
        if answer.attempt is not None:
            answer.attempt.call = _cost_of(entry)
        return answer

    def _entry(self, name: _Name) -> _Kept | None:
        shelf = self._shelves.get(name[0])
        return None if shelf is None else shelf.entries.get(name[1])

    def _launch(
        self,
        name: _Name,
        fingerprint: bytes,
        run: Callable[[], Coroutine[Any, Any, Answer]],
        dialect: CallerDialect,
        claimed: ClaimedCall | None,
    ) -> _Kept:
        def completed(shared_call: SharedCall) -> None:
            is_good = has_ended_well(shared_call, dialect)
            if claimed is not None:
                claimed.completed(shared_call, is_good=is_good)
                # What another process has made stays in the shared store, for as long as it is kept there.
                is_good = is_good and not claimed.is_replayed
            self._completed(name, shared_call, is_good=is_good)

        shared_call = SharedCall(run, self._limit, completed, self._reattach)
        self._forget(name)
        shelf = self._shelves.setdefault(name[0], _Shelf())
        expires = monotonic() + self._seconds
        entry = shelf.entries[name[1]] = _Kept(fingerprint, shared_call, expires, claimed=claimed)
        while sum(len(each.entries) for each in self._shelves.values()) > _MOST:
            self._forget_oldest(lambda shelf: len(shelf.entries))
        return entry

    def _completed(self, name: _Name, shared_call: SharedCall, *, is_good: bool) -> None:
        entry = self._entry(name)
        if entry is None or entry.shared_call is not shared_call:
            return
        if not is_good:
            self._forget(name)
            return
        entry.size = len(shared_call.body or b"")
        self._shelves[name[0]].size += entry.size
        while sum(shelf.size for shelf in self._shelves.values()) > self._max_bytes:
            self._forget_oldest(lambda shelf: shelf.size)

    def _forget_oldest(self, share: Callable[[_Shelf], int]) -> None:
        """Forget the oldest call of the tenant that has most: nobody's flood of keys drops what others keep."""
        tenant, shelf = max(self._shelves.items(), key=lambda each: share(each[1]))
        self._forget((tenant, next(iter(shelf.entries))))

    def _forget(self, name: _Name) -> None:
        shelf = self._shelves.get(name[0])
        entry = None if shelf is None else shelf.entries.pop(name[1], None)
        if shelf is None or entry is None:
            return
        shelf.size -= entry.size
        if not shelf.entries:
            del self._shelves[name[0]]


def _kept_answer(plan: Plan | None, kept: KeptAnswer) -> Answer:
    """An answer that another process has kept, from the same target of this process's plan."""
    targets = () if plan is None else leaves(plan)
    target = next((each for each in targets if each.path + each.identity == kept.target), None)
    return Answer(kept.status, kept.headers, kept.body, _REPLAY, usage=kept.usage, target=target, model=kept.model)


def _refusal(call: Call, failure: Failure) -> Answer:
    return with_response_headers(failed(failure, call), call)


def _cost_of(kept: _Kept) -> SharedCost | None:
    """Who pays for the call: where its answer came from the cache, the cache has said so, or nobody pays."""
    if kept.is_replayed:
        return None
    answer = kept.shared_call.answer
    made = None if answer is None else answer.attempt
    if made is None or (made.call is None and made.cache != "HIT"):
        return kept.cost
    return made.call


def _replayed(answer: Answer, call: Call, kept: _Kept) -> Answer:
    """The shared answer under the ids of who came back."""
    own = [field for field in answer.headers if field[0] not in _OF_ONE and not field[0].startswith(_RATES)]
    if call.account.reservation is not None:
        own += call.account.reservation.headers()
    ids = (b"x-portkey-trace-id", call.trace_id), (REQUEST_ID, call.account.id.encode())
    answer.headers = [*own, *ids, (b"idempotent-replayed", b"true")]
    if answer.target is not None:
        attempt = answer.attempt = call.account.attempt(answer.target)
        attempt.model, attempt.status, attempt.usage = answer.model, answer.outcome.status, answer.usage
        attempt.failure = answer.failure
        attempt.cache, attempt.call = "REPLAYED", _cost_of(kept)
        made = None if kept.shared_call.answer is None else kept.shared_call.answer.attempt
        attempt.lane = 0 if made is None else made.lane
        if attempt.call is not None and attempt.call is not kept.cost:
            attempt.call.participants += 1
    return answer


def _name(call: Call, plan: Plan | None) -> bytes:
    """The key within the requests of one tenant that carry the same credentials and forwarded headers."""
    targets = () if plan is None else leaves(plan)
    forwarded = {name for target in targets for name in target.forward_headers}
    names = [
        *KEY_HEADERS,
        *call.dialect.reading.header_settings,
        *sorted(name.encode("latin-1", "replace") for name in forwarded),
    ]
    shown = [b"%b:%b" % (name, value) for name in names for field, value in call.headers if field == name]
    named = [_credential_of(target) for target in targets]
    return _digest(call.fields[HEADER], b"%d" % len(shown), *shown, *named)


def _credential_of(target: Target) -> bytes:
    """A digest of what a target shows to its provider."""
    key = b"" if target.api_key is None else target.api_key.reveal().encode("utf-8", "surrogatepass")
    options = write_json(sorted(target.options.items()))
    return _digest(target.provider.encode(), (target.virtual_key or "").encode("utf-8", "surrogatepass"), key, options)


def _fingerprint(call: Call) -> bytes:
    routing = [name + b":" + value for name, value in call.headers if name.startswith(b"x-portkey-") and _counts(name)]
    path, query = f"{call.path_name or ''}\x00{call.path}", call.query.encode("latin-1", "replace")
    form = None if call.request is None else call.request.form
    # The boundary of a form is random: a client that repeats a request makes another one.
    content = (call.body,) if form is None else tuple(form.contents())
    return _digest(path.encode(), query, *content, *routing)


def _counts(name: bytes) -> bool:
    """Whether a header is part of the request's fingerprint: tracing headers are not."""
    return name not in _TRACING


_TRACING: Final = frozenset(
    b"x-portkey-trace-id x-portkey-span-id x-portkey-span-name x-portkey-parent-span-id x-portkey-metadata".split()
)


def _digest(*parts: bytes | memoryview) -> bytes:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(b"%d:" % len(part))
        digest.update(part)
    return digest.digest()
