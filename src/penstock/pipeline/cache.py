"""Stage, around an attempt: answer from the cache, or share the call with who asks the same right now.

An answer is only ever given to who would have got it: the key holds the tenant, the request's namespace or metadata,
and everything that the provider would be sent, its credential included, save whether the answer is to be streamed.
Stored are whole, good answers; a stream is replayed as a plain reply to who wants that, and the other way round.
Source: docs/portkey.md#cached-answers.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Mapping
from typing import Final

import msgspec

from penstock.core.body import Body
from penstock.core.failure import Failure
from penstock.core.http import Limits
from penstock.core.json_text import UNREADABLE
from penstock.core.lru import Lru
from penstock.core.outcome import Outcome
from penstock.dialects.caller import EVENT_STREAM, JSON, CallerDialect
from penstock.dialects.stream_watch import StreamWatch
from penstock.pipeline.account import AttemptAccount, SharedCost
from penstock.pipeline.attempt import failed, send
from penstock.pipeline.call import Answer, Call
from penstock.pipeline.prepare import PreparedRequest, prepare
from penstock.pipeline.shared_call import SharedCall
from penstock.pipeline.target_route import TargetRoute
from penstock.pipeline.upstream import Upstream
from penstock.providers.row import Operation
from penstock.routing.plan import Timeouts
from penstock.routing.walk import Attempt
from penstock.stores.base import Entry, ReplyStore

_DELIVERY: Final = frozenset({"stream", "stream_options"})
"""Members that say how an answer is delivered, not what it is."""
_HIT: Final = Outcome(200, stored=True)
_TAIL: Final = 32 << 10
_MAX_AGE: Final = re.compile(rb"max-age\s*=\s*\"?(\d{1,9})")


_REMEMBERED: Final = 4096
"""Of what was asked lately: about so many kilobytes of requests."""
_Prepared = tuple[PreparedRequest, bytes]
_Form = tuple[bytes, bool, bool, Limits, Timeouts]
"""A key, and in which form the answer is wanted: streamed, with usage, within which time. Other waits share nothing."""


class CacheControl(msgspec.Struct, frozen=True):
    """What a caller wants of the cache: whether it may answer, how old at most (in seconds), whether to ask anew."""

    read: bool = True
    max_age: float | None = None
    refresh: bool = False


def cache_control(fields: Mapping[bytes, bytes]) -> CacheControl | None:
    """What the request's headers say; None when it wants nothing of the cache (RFC 9111, 5.2.1;
    docs/portkey.md#cache-headers)."""
    control = fields.get(b"cache-control", b"").lower()
    if b"no-store" in control or fields.get(b"x-portkey-debug") == b"false":
        return None
    refresh = fields.get(b"x-portkey-cache-force-refresh", b"").lower() == b"true" or b"no-cache" in control
    age = _MAX_AGE.search(control)
    return CacheControl(not refresh, None if age is None else float(age[1]), refresh)


class Caching(msgspec.Struct, frozen=True):
    """``shared_calls`` are the running calls by key. ``limit`` is the largest answer to share or keep, in bytes.

    ``writes`` are the answers on their way into the store.
    """

    store: ReplyStore
    upstream: Upstream
    limit: int
    shared_calls: dict[_Form, _CachedCall] = msgspec.field(default_factory=dict)
    writes: set[asyncio.Task[None]] = msgspec.field(default_factory=set)
    prepared: Lru[tuple[object, ...], _Prepared] = msgspec.field(default_factory=lambda: Lru(_REMEMBERED))
    """Requests that were asked lately, by their very bytes: a repeated one need not be written and digested again."""

    def applies(self, route: TargetRoute) -> bool:
        """Whether the cache has a part in this attempt."""
        return route.target.cache is not None and route.operation is Operation.CHAT and self.limit > 0

    async def attempt(self, call: Call, route: TargetRoute, step: Attempt, account: AttemptAccount) -> Answer:
        """One attempt at a target whose answers may be stored."""
        keyed = self._prepare(call, route)
        if isinstance(keyed, Failure):
            return failed(keyed, call)
        prepared, key = keyed
        control = cache_control(call.fields)
        if control is None:
            return await send(prepared, route, step, self.upstream, account, call.trace)
        account.model, account.lane = prepared.model, prepared.lane
        if control.read:
            answer = await self._stored(key, control, prepared)
            if answer is not None:
                return answer
        return await self._shared(key, control, prepared, call, route, step, account)

    def _prepare(self, call: Call, route: TargetRoute) -> _Prepared | Failure:
        """The request for the target, and the key of its answer."""
        namespace, tenant = _namespace(call.fields), call.caller.tenant
        # A forwarded header is part of the request, too.
        name = (
            None
            if route.target.forward_headers
            else (
                route.serial,
                route.aliased_model,
                call.dialect.name,
                tenant,
                namespace,
                call.hops,
                call.query,
                call.body,
            )
        )
        keyed = None if name is None else self.prepared.get(name)
        if keyed is None:
            prepared = prepare(call, route)
            if isinstance(prepared, Failure):
                return prepared
            keyed = prepared, _key(tenant, namespace, prepared, route)
            if name is not None:
                self.prepared.put(name, keyed, 1 + len(call.body) // 1024)
        return keyed

    async def _stored(self, key: bytes, control: CacheControl, prepared: PreparedRequest) -> Answer | None:
        stored = await self.store.get(key)
        if stored is None or (control.max_age is not None and stored.age > control.max_age):
            return None
        entry = stored.entry
        body = _as_wanted(entry, prepared)
        if body is None:
            return None
        kind = EVENT_STREAM if prepared.streams else JSON
        return Answer(
            entry.status,
            [(b"content-type", kind)],
            body,
            _HIT,
            usage=entry.usage,
            model=entry.model,
            dropped=prepared.dropped,
            cache_status="HIT",
        )

    async def _shared(
        self,
        key: bytes,
        control: CacheControl,
        prepared: PreparedRequest,
        call: Call,
        route: TargetRoute,
        step: Attempt,
        account: AttemptAccount,
    ) -> Answer:
        """The answer of the call for this key that is under way, or of a new one."""
        form: _Form = (key, prepared.streams, _asks_usage(prepared), route.limits, route.target.timeouts)
        running = self.shared_calls.get(form) if control.read else None
        status = "HIT"
        if running is None or not running.call.joinable:
            status = "REFRESH" if control.refresh else "MISS"
            running = self._launch(form, key, prepared, call.trace, route, step, account)
        account.call = running.cost
        running.cost.participants += 1
        answer = await running.call.join()
        answer.cache_status = status
        return answer

    def _launch(
        self,
        form: _Form,
        key: bytes,
        prepared: PreparedRequest,
        trace: str,
        route: TargetRoute,
        step: Attempt,
        account: AttemptAccount,
    ) -> _CachedCall:
        ttl = route.target.cache.max_age if route.target.cache else 0.0

        def completed(shared_call: SharedCall) -> None:
            entry = _entry(shared_call, prepared)
            if entry is None:
                self._forget(form, shared_call)
                return
            # Until the store has the answer, the next request gets it from the call, which can still be joined.
            task = asyncio.get_running_loop().create_task(self._keep(key, entry, ttl, form, shared_call))
            self.writes.add(task)
            task.add_done_callback(self.writes.discard)

        shared_call = SharedCall(
            lambda: send(prepared, route, step, self.upstream, account, trace), self.limit, completed
        )
        running = self.shared_calls[form] = _CachedCall(shared_call, SharedCost())
        return running

    async def _keep(self, key: bytes, entry: Entry, ttl: float, form: _Form, shared_call: SharedCall) -> None:
        try:
            await self.store.put(key, entry, ttl)
        finally:
            self._forget(form, shared_call)

    def _forget(self, form: _Form, shared_call: SharedCall) -> None:
        running = self.shared_calls.get(form)
        if running is not None and running.call is shared_call:
            del self.shared_calls[form]


class _CachedCall(msgspec.Struct, frozen=True):
    """A running call, and what it costs whom."""

    call: SharedCall
    cost: SharedCost


def _entry(shared_call: SharedCall, prepared: PreparedRequest) -> Entry | None:
    """The answer of a call as the store keeps it; None if it must not be given a second time."""
    answer = shared_call.answer
    if answer is None or shared_call.body is None or not is_whole(shared_call, prepared.dialect):
        return None
    streamed = answer.watch is not None
    usage = answer.usage
    if streamed:
        usage = prepared.dialect.replies.stream.ending(shared_call.body[-_TAIL:])[1]
    return Entry(200, EVENT_STREAM if streamed else JSON, shared_call.body, streamed, answer.model, usage)


def is_whole(shared_call: SharedCall, dialect: CallerDialect) -> bool:
    """Whether a call brought a good answer to its end: nothing else is ever given out a second time."""
    answer = shared_call.answer
    if answer is None or not shared_call.finished or shared_call.failure is not None or shared_call.body is None:
        return False
    if not answer.outcome.ok or answer.status != 200:
        return False
    if answer.watch is None:
        return True
    watch = StreamWatch(dialect.replies.stream)
    watch.feed(shared_call.body)
    watch.finish()
    return watch.error is None and not watch.skipped and watch.ending()[0]


def _asks_usage(prepared: PreparedRequest) -> bool:
    """Whether the caller wants a stream's usage as an event of its own."""
    if prepared.body is None or (prepared.relay is not None and prepared.relay.leaves_usage_out):
        return False
    return prepared.dialect.replies.include_usage(prepared.body)


def _namespace(fields: Mapping[bytes, bytes]) -> bytes:
    """What separates the entries of one tenant: the namespace, or else the metadata
    (docs/portkey.md#cache-partition)."""
    namespace = fields.get(b"x-portkey-cache-namespace")
    return b"m" + fields.get(b"x-portkey-metadata", b"") if namespace is None else b"n" + namespace


def _key(tenant: str, namespace: bytes, prepared: PreparedRequest, route: TargetRoute) -> bytes:
    """A digest of everything that an answer depends on."""
    # Neither names nor header values can hold the separator.
    signer = route.endpoint.signer
    credential = b"" if signer is None else signer.identity.encode()
    translation = prepared.translation
    lane = b"" if translation is None else b"strict" if translation.is_strict else b"native"
    parts = (
        tenant.encode(),
        namespace,
        prepared.dialect.name.encode(),
        prepared.origin.authority.encode(),
        prepared.target,
        prepared.headers,
        credential,
        lane,
        _canonical(prepared.body),
    )
    return hashlib.sha256(b"\x00".join(parts)).digest()


def _canonical(body: Body | None) -> bytes:
    """The members in the order of their names, without white space between tokens; every value keeps its own tokens."""
    if body is None:
        return b""
    names = sorted(name for name in body if name not in _DELIVERY)
    return b",".join([b"%b:%b" % (_ENCODER.encode(name), _compact(body.raw(name) or b"")) for name in names])


_ENCODER: Final = msgspec.json.Encoder()


def _compact(raw: bytes) -> bytes:
    if raw[:1] not in {b"[", b"{"}:
        return raw
    try:
        return msgspec.json.format(raw, indent=-1)
    except UNREADABLE:
        return raw  # what only the standard library reads stays as it is


def _as_wanted(entry: Entry, prepared: PreparedRequest) -> bytes | None:
    """A stored answer in the form that is asked for, None when it can't be given in that form without loss."""
    reshape = prepared.dialect.replies.reshape
    if not prepared.streams:
        return reshape.to_plain(entry.body) if entry.stream else entry.body
    if entry.stream:
        return reshape.with_usage(entry.body, _asks_usage(prepared))
    return reshape.to_stream(entry.body, _asks_usage(prepared))
