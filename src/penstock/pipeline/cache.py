"""Stage, around an attempt: answer from the cache, or share the call with who asks the same right now.

An answer is only ever given to who would have got it: the key holds the tenant, the request's namespace or metadata,
and everything that the provider would be sent, its credential included. Whether the answer is to be streamed is not in
the key: a stream is replayed as a plain reply to who wants that, and the other way round. Stored are whole, good
answers: not those that a limit or a filter cut short, that are empty or that never said why they ended.
Source: docs/portkey.md#cached-answers.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Mapping
from typing import Final

import msgspec

from penstock.core import json_text
from penstock.core.failure import Failure
from penstock.core.finish_reasons import is_complete
from penstock.core.http import Limits, content_type
from penstock.core.json_text import read_json_or_none
from penstock.core.lru import Lru
from penstock.core.operation import Operation
from penstock.core.outcome import Outcome
from penstock.core.usage import Usage
from penstock.dialects.caller import EVENT_STREAM, JSON, CallerDialect
from penstock.dialects.stream_watch import StreamWatch
from penstock.pipeline.account import AttemptAccount, SharedCost
from penstock.pipeline.attempt import failed, send
from penstock.pipeline.call import Answer, Call
from penstock.pipeline.metadata import METADATA
from penstock.pipeline.off_loop.thread import LARGE
from penstock.pipeline.prepare import PreparedRequest, prepare, prepare_aside
from penstock.pipeline.rewrite import body_digest
from penstock.pipeline.shared_call import SharedCall
from penstock.pipeline.target_route import TargetRoute
from penstock.pipeline.upstream import Upstream
from penstock.routing.plan import Timeouts
from penstock.routing.walk import Attempt
from penstock.stores.base import Entry, ReplyStore

HIT: Final = Outcome(200, stored=True)
"""The outcome of an attempt that is answered from the store."""
_TAIL: Final = 32 << 10
_MAX_AGE: Final = re.compile(rb"max-age\s*=\s*\"?(\d{1,9})")


_REMEMBERED: Final = 4096
"""Kilobytes (about) of recent requests whose prepared form is remembered."""
_Prepared = tuple[PreparedRequest, bytes]
_Form = tuple[bytes, bool, bool, Limits, Timeouts]
"""A cache key, and the form of the answer: streamed, with a usage event, and the time limits. Only requests with the
same form share a call."""


class CacheControl(msgspec.Struct, frozen=True):
    """A caller's cache settings: ``read`` allows a stored answer of at most ``max_age`` seconds; ``refresh`` forces a
    new call."""

    read: bool = True
    max_age: float | None = None
    refresh: bool = False


def cache_control(fields: Mapping[bytes, bytes]) -> CacheControl | None:
    """The cache settings in the request's headers; None when the request must not use the cache (RFC 9111, 5.2.1;
    docs/portkey.md#cache-headers)."""
    control = fields.get(b"cache-control", b"").lower()
    if b"no-store" in control or fields.get(b"x-portkey-debug") == b"false":
        return None
    refresh = fields.get(b"x-portkey-cache-force-refresh", b"").lower() == b"true" or b"no-cache" in control
    age = _MAX_AGE.search(control)
    return CacheControl(not refresh, None if age is None else float(age[1]), refresh)


class Caching(msgspec.Struct, frozen=True):
    """Answers attempts from the store or from a running call.

    ``shared_calls`` are the running calls by form. ``limit`` is the largest answer to share or store, in bytes.
    ``writes`` are the running writes to the store.
    """

    store: ReplyStore
    upstream: Upstream
    limit: int
    shared_calls: dict[_Form, _CachedCall] = msgspec.field(default_factory=dict)
    writes: set[asyncio.Task[None]] = msgspec.field(default_factory=set)
    prepared: Lru[tuple[object, ...], _Prepared] = msgspec.field(default_factory=lambda: Lru(_REMEMBERED))
    """Recent prepared requests by the bytes of the callers' requests: a repeated request isn't prepared and hashed
    again."""

    def applies(self, route: TargetRoute) -> bool:
        """Whether this attempt uses the cache."""
        return route.target.cache is not None and route.operation.is_cacheable and self.limit > 0

    async def attempt(self, call: Call, route: TargetRoute, step: Attempt, account: AttemptAccount) -> Answer:
        """One attempt at a target whose answers may be stored."""
        is_large = len(call.body) > LARGE
        keyed = await self._prepare_large(call, route) if is_large else self.prepare(call, route)
        if isinstance(keyed, Failure):
            return failed(keyed, call)
        prepared, key = keyed
        control = cache_control(call.fields)
        if control is None:
            return await send(_afresh(prepared), route, step, self.upstream, account, call.trace_id)
        account.model, account.lane = prepared.model, prepared.lane
        if control.read:
            answer = await self._stored(key, control, prepared)
            if answer is not None:
                return answer
        return await self._shared(key, control, prepared, call, route, step, account)

    def prepare(self, call: Call, route: TargetRoute) -> _Prepared | Failure:
        """The request for the target, and the key of its answer."""
        namespace, tenant, request = namespace_of(call.fields), call.caller.tenant, call.request
        # The path may name the model and the form of the answer, and an alias stand for another model by now.
        asked = None if request is None else (request.model, request.stream)
        inputs = (call.dialect.name, asked, tenant, namespace, call.hops, call.query, call.body)
        # A response that the gateway keeps belongs to its own request.
        is_own = concerns_headers(call, route) or call.keeps is not None
        memo_key = None if is_own else (route.serial, route.aliased_model, *inputs)
        keyed = None if memo_key is None else self.prepared.get(memo_key)
        if keyed is None:
            prepared = prepare(call, route)
            if isinstance(prepared, Failure):
                return prepared
            keyed = prepared, _key(tenant, namespace, prepared, route)
            if memo_key is not None:
                self.prepared.put(memo_key, keyed, kilobytes_of(call, prepared))
        return keyed

    async def _prepare_large(self, call: Call, route: TargetRoute) -> _Prepared | Failure:
        """As ``prepare``, beside the event loop. Large requests aren't remembered."""
        prepared = await prepare_aside(call, route, wants_digest=True)
        if isinstance(prepared, Failure):
            return prepared
        return prepared, _key(call.caller.tenant, namespace_of(call.fields), prepared, route)

    async def _stored(self, key: bytes, control: CacheControl, prepared: PreparedRequest) -> Answer | None:
        stored = await self.store.get(key)
        if stored is None or (control.max_age is not None and stored.age > control.max_age):
            return None
        return stored_answer(stored.entry, prepared)

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
        """The answer of the running call for this key, or of a new call."""
        form: _Form = (key, prepared.streams, prepared.wants_usage, route.limits, route.target.timeouts)
        running = self.shared_calls.get(form) if control.read else None
        status = "HIT"
        if running is None or not running.call.joinable:
            status = "REFRESH" if control.refresh else "MISS"
            running = self._launch(form, key, prepared, call.trace_id, route, step, account)
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
        trace_id: bytes,
        route: TargetRoute,
        step: Attempt,
        account: AttemptAccount,
    ) -> _CachedCall:
        ttl = route.target.cache.max_age if route.target.cache else 0.0

        def completed(shared_call: SharedCall) -> None:
            entry = _entry(shared_call, prepared, route.operation)
            if entry is None:
                self._forget(form, shared_call)
                return
            # Until the store holds the answer, the next request joins the completed call.
            task = asyncio.get_running_loop().create_task(self._keep(key, entry, ttl, form, shared_call))
            self.writes.add(task)
            task.add_done_callback(self.writes.discard)

        sent = _afresh(prepared)
        shared_call = SharedCall(
            lambda: send(sent, route, step, self.upstream, account, trace_id), self.limit, completed
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


def _afresh(prepared: PreparedRequest) -> PreparedRequest:
    """A request that may be a remembered one, which was sent before: its reply is translated from the beginning."""
    translation = prepared.translation
    return prepared if translation is None else msgspec.structs.replace(prepared, translation=translation.afresh())


class _CachedCall(msgspec.Struct, frozen=True):
    """A running call, and the request that pays for it."""

    call: SharedCall
    cost: SharedCost


def _entry(shared_call: SharedCall, prepared: PreparedRequest, operation: Operation) -> Entry | None:
    """The store's entry for the answer of a call; None if the answer must not be reused."""
    answer = shared_call.answer
    if answer is None or shared_call.body is None or not has_ended_well(shared_call, prepared.dialect):
        return None
    streamed, replies = answer.watch is not None, prepared.dialect.replies
    body = shared_call.body
    if not operation.is_chat:
        is_whole = not streamed and _is_whole(answer, body, prepared.dialect, operation)
    else:
        is_whole = replies.stream.is_complete(body) if streamed else replies.judge(body, "", True).is_complete
    if not is_whole:
        return None
    usage = usage_of(answer, body, prepared.dialect)
    return Entry(200, EVENT_STREAM if streamed else JSON, body, streamed, answer.model, usage)


def _is_whole(answer: Answer, body: bytes, dialect: CallerDialect, operation: Operation) -> bool:
    """Whether a plain answer that is no chat may be given again: JSON, and of text no cut or filtered one."""
    if not content_type(answer.headers).startswith(JSON):
        return False
    if operation is Operation.COMPLETIONS:
        value = read_json_or_none(body)
        choices = json_text.mappings(value.get("choices")) if isinstance(value, dict) else []
        return bool(choices) and all(
            choice.get("text") and is_complete(choice.get("finish_reason")) for choice in choices
        )
    verdict = dialect.replies.judge(body, "", False)
    return verdict.error is None and not verdict.problem


def usage_of(answer: Answer, body: bytes, dialect: CallerDialect) -> Usage | None:
    """The usage of an answer whose whole body is known: a stream tells it at its end."""
    return answer.usage if answer.watch is None else dialect.replies.stream.ending(body[-_TAIL:])[1]


def has_ended_well(shared_call: SharedCall, dialect: CallerDialect) -> bool:
    """Whether a call has a complete and successful answer: no other answer is ever reused."""
    answer = shared_call.answer
    if answer is None or not shared_call.finished or shared_call.failure is not None or shared_call.body is None:
        return False
    # 246 is a good answer that a guard has marked; it is repeated by an Idempotency-Key, and never cached.
    if not answer.outcome.ok or answer.status not in {200, 246}:
        return False
    if answer.watch is None:
        return True
    watch = StreamWatch(dialect.replies.stream)
    watch.feed(shared_call.body)
    watch.finish()
    return watch.error is None and not watch.skipped and watch.ending()[0]


def kilobytes_of(call: Call, prepared: PreparedRequest) -> int:
    """What a remembered request weighs: the texts that its caller chose, and what its config adds to them."""
    texts = call.body, prepared.payload, namespace_of(call.fields), call.query
    return 1 + sum(map(len, texts)) // 1024


def concerns_headers(call: Call, route: TargetRoute) -> bool:
    """Whether headers of the call are part of the request for the target."""
    settings = call.dialect.reading.header_settings
    return bool(route.target.forward_headers) or bool(settings and not call.fields.keys().isdisjoint(settings))


def namespace_of(fields: Mapping[bytes, bytes]) -> bytes:
    """The cache partition within one tenant: the namespace header, or the metadata header if there is no namespace
    (docs/portkey.md#cache-partition)."""
    namespace = fields.get(b"x-portkey-cache-namespace")
    return b"m" + fields.get(METADATA, b"") if namespace is None else b"n" + namespace


def _key(tenant: str, namespace: bytes, prepared: PreparedRequest, route: TargetRoute) -> bytes:
    """The cache key: a SHA-256 of all inputs that an answer depends on."""
    # Names and header values can't contain the separator.
    signer = route.endpoint.signer
    credential = b"" if signer is None else signer.identity.encode()
    translation = prepared.translation
    lane = b"" if translation is None else b"strict" if translation.is_strict else b"native"
    if prepared.bind is not None:
        # A bound id differs by account, tenant and secret, and so do the answers that hold some.
        lane = prepared.bind("id").encode()
    parts = (
        tenant.encode(),
        namespace,
        prepared.dialect.name.encode(),
        prepared.origin.authority.encode(),
        prepared.plain_target,
        prepared.headers,
        credential,
        lane,
        prepared.digest or body_digest(prepared.body),
    )
    return hashlib.sha256(b"\x00".join(parts)).digest()


def stored_answer(entry: Entry, prepared: PreparedRequest) -> Answer | None:
    """The answer that a stored reply is; None when it can't be given in the form that the request asks for."""
    body = _as_wanted(entry, prepared)
    if body is None:
        return None
    return Answer(
        entry.status,
        [(b"content-type", EVENT_STREAM if prepared.streams else JSON)],
        body,
        HIT,
        usage=entry.usage,
        model=entry.model,
        dropped=prepared.dropped,
        cache_status="HIT",
    )


def _as_wanted(entry: Entry, prepared: PreparedRequest) -> bytes | None:
    """A stored answer in the form that the request asks for; None when the conversion would lose content."""
    reshape = prepared.dialect.replies.reshape
    if not prepared.streams:
        return reshape.to_plain(entry.body) if entry.stream else entry.body
    if entry.stream:
        return reshape.with_usage(entry.body, prepared.wants_usage)
    return reshape.to_stream(entry.body, prepared.wants_usage)
