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
from penstock.core.usage import Usage
from penstock.dialects.openai.relay import body as openai_body
from penstock.dialects.openai.relay.reshape import to_plain, to_stream, with_usage
from penstock.dialects.openai.relay.stream import Scan, ending
from penstock.pipeline.attempt import Upstream, Written, failed, send, write
from penstock.pipeline.call import Answer, Call
from penstock.pipeline.compile import Route
from penstock.pipeline.shared_call import SharedCall
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
_Prepared = tuple[Written, bytes]
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
    shared_calls: dict[_Form, SharedCall] = msgspec.field(default_factory=dict)
    writes: set[asyncio.Task[None]] = msgspec.field(default_factory=set)
    prepared: Lru[tuple[object, ...], _Prepared] = msgspec.field(default_factory=lambda: Lru(_REMEMBERED))
    """What was asked lately, by its very bytes: a request that is repeated need not be written and digested again."""

    def applies(self, route: Route) -> bool:
        """Whether the cache has a part in this attempt."""
        return route.target.cache is not None and route.operation is Operation.CHAT and self.limit > 0

    async def attempt(self, call: Call, tenant: str, route: Route, step: Attempt) -> Answer:
        """One attempt at a target whose answers may be stored."""
        prepared = self._read(call, tenant, route)
        if isinstance(prepared, Failure):
            return failed(prepared)
        written, key = prepared
        control = cache_control(call.fields)
        if control is None:
            return await send(written, route, step, self.upstream)
        if control.read:
            answer = await self._stored(key, control, written)
            if answer is not None:
                return answer
        return await self._shared(key, control, written, route, step)

    def _read(self, call: Call, tenant: str, route: Route) -> _Prepared | Failure:
        """The request for the target, and the key of its answer."""
        namespace = _namespace(call.fields)
        # What a header that is forwarded says is part of the request, too.
        name = (
            None
            if route.target.forward_headers
            else (route.serial, route.aliased_model, tenant, namespace, call.hops, call.body)
        )
        prepared = None if name is None else self.prepared.get(name)
        if prepared is None:
            written = write(call, route)
            if isinstance(written, Failure):
                return written
            prepared = written, _key(tenant, namespace, written, route)
            if name is not None:
                self.prepared.put(name, prepared, 1 + len(call.body) // 1024)
        return prepared

    async def _stored(self, key: bytes, control: CacheControl, written: Written) -> Answer | None:
        stored = await self.store.get(key)
        if stored is None or (control.max_age is not None and stored.age > control.max_age):
            return None
        entry = stored.entry
        body = _as_wanted(entry, written)
        if body is None:
            return None
        kind = openai_body.STREAM_TYPE if written.streams else openai_body.CONTENT_TYPE
        return Answer(
            entry.status,
            [(b"content-type", kind)],
            body,
            _HIT,
            usage=entry.usage,
            model=entry.model,
            dropped=written.dropped,
            cache_status="HIT",
        )

    async def _shared(self, key: bytes, control: CacheControl, written: Written, route: Route, step: Attempt) -> Answer:
        """The answer of the call for this key that is under way, or of a new one."""
        asks_usage = openai_body.wants_usage(written.body)
        form: _Form = (key, written.streams, asks_usage, route.limits, route.target.timeouts)
        shared_call = self.shared_calls.get(form) if control.read else None
        status = "HIT"
        if shared_call is None or not shared_call.joinable:
            status = "REFRESH" if control.refresh else "MISS"
            shared_call = self._launch(form, key, written, route, step)
        answer = await shared_call.join()
        answer.cache_status = status
        return answer

    def _launch(self, form: _Form, key: bytes, written: Written, route: Route, step: Attempt) -> SharedCall:
        ttl = route.target.cache.max_age if route.target.cache else 0.0

        def completed(shared_call: SharedCall) -> None:
            entry = _entry(shared_call)
            if entry is None:
                self._forget(form, shared_call)
                return
            # Until the store has the answer, the next request gets it from the call, which can still be joined.
            task = asyncio.get_running_loop().create_task(self._keep(key, entry, ttl, form, shared_call))
            self.writes.add(task)
            task.add_done_callback(self.writes.discard)

        shared_call = SharedCall(lambda: send(written, route, step, self.upstream), self.limit, completed)
        self.shared_calls[form] = shared_call
        return shared_call

    async def _keep(self, key: bytes, entry: Entry, ttl: float, form: _Form, shared_call: SharedCall) -> None:
        try:
            await self.store.put(key, entry, ttl)
        finally:
            self._forget(form, shared_call)

    def _forget(self, form: _Form, shared_call: SharedCall) -> None:
        if self.shared_calls.get(form) is shared_call:
            del self.shared_calls[form]


def _entry(shared_call: SharedCall) -> Entry | None:
    """The answer of a call as the store keeps it; None if it must not be given a second time."""
    answer = shared_call.answer
    if answer is None or shared_call.body is None or not is_whole(shared_call):
        return None
    streamed = answer.relay is not None
    kind = openai_body.STREAM_TYPE if streamed else openai_body.CONTENT_TYPE
    usage: Usage | None = ending(shared_call.body[-_TAIL:])[1] if streamed else answer.usage
    return Entry(200, kind, shared_call.body, streamed, answer.model, usage)


def is_whole(shared_call: SharedCall) -> bool:
    """Whether a flight brought a good answer to its end: nothing else is ever given out a second time."""
    answer = shared_call.answer
    if answer is None or not shared_call.finished or shared_call.failure is not None or shared_call.body is None:
        return False
    if not answer.outcome.ok or answer.status != 200:
        return False
    if answer.relay is None:
        return True
    scan = Scan()
    scan.passing(shared_call.body)
    return scan.error is None and not scan.skipped and ending(shared_call.body[-_TAIL:])[0]


def _namespace(fields: Mapping[bytes, bytes]) -> bytes:
    """What separates the entries of one tenant: the namespace, or else the metadata
    (docs/portkey.md#cache-partition)."""
    namespace = fields.get(b"x-portkey-cache-namespace")
    return b"m" + fields.get(b"x-portkey-metadata", b"") if namespace is None else b"n" + namespace


def _key(tenant: str, namespace: bytes, written: Written, route: Route) -> bytes:
    """A digest of everything that an answer depends on."""
    authority = route.endpoint.origin.authority.encode()
    # Neither names nor header values can hold the separator.
    signer = route.endpoint.signer
    credential = b"" if signer is None else signer.identity.encode()
    lane = b"" if written.translation is None else b"strict" if written.translation.is_strict else b"native"
    parts = (
        tenant.encode(),
        namespace,
        authority,
        written.address,
        written.headers,
        credential,
        lane,
        _canonical(written.body),
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


def _as_wanted(entry: Entry, written: Written) -> bytes | None:
    """A stored answer in the form that is asked for, None when it can't be given in that form without loss."""
    if not written.streams:
        return to_plain(entry.body) if entry.stream else entry.body
    include_usage = openai_body.wants_usage(written.body)
    if entry.stream:
        return with_usage(entry.body, include_usage=include_usage)
    return to_stream(entry.body, include_usage=include_usage)
