"""Requests that come again byte for byte, and whose answer is stored in this process: what they come to is remembered.

A request with the head of an earlier one of its connection (head_memo.py) and with its body has its plan, its target
and its cache key, as long as the catalogue is the same. It needs no stage to say so again; limits are asked, and its
account is kept, as for any other request. Whatever is not plain goes the general way (cache.py), as does a request
whose answer is not stored any more.
"""

from __future__ import annotations

from typing import Final

import msgspec

from penstock.core.failure import Failure
from penstock.core.lru import Lru
from penstock.dialects.caller import RequestBody
from penstock.pipeline.cache import (
    HIT,
    CacheControl,
    Caching,
    cache_control,
    concerns_headers,
    kilobytes_of,
    namespace_of,
)
from penstock.pipeline.call import Call
from penstock.pipeline.compiled_plan import CompiledPlan
from penstock.pipeline.off_loop.thread import LARGE
from penstock.pipeline.prepare import PreparedRequest
from penstock.pipeline.target_route import TargetRoute
from penstock.routing.first_attempt import walked_at_once
from penstock.routing.plan_size import LIGHT, weigh
from penstock.routing.trace import line
from penstock.routing.walk import Walked
from penstock.stores.base import ImmediateReplyStore, StoredEntry
from penstock.stores.catalogue import Catalogue

_REMEMBERED: Final = 4096
"""Kilobytes (about) of requests that are remembered."""
_DEFAULT_CONTROL: Final = CacheControl()


class RepeatedCall(msgspec.Struct, frozen=True):
    """What a request comes to: its plan, its body, the route of its only attempt, the key of the stored answer, and the
    walk that ends with it at once. ``named_in`` is the part of the request that names its target."""

    compiled: CompiledPlan
    request: RequestBody
    named_in: str
    route: TargetRoute
    prepared: PreparedRequest
    key: bytes
    walked: Walked


class RepeatedCalls(msgspec.Struct, frozen=True):
    """Remembers calls. ``store`` holds the answers; None where they are not in this process: then nothing is
    remembered."""

    store: ImmediateReplyStore | None = None
    calls: Lru[tuple[object, bytes], RepeatedCall] = msgspec.field(default_factory=lambda: Lru(_REMEMBERED))

    def find(self, call: Call, catalogue: Catalogue) -> RepeatedCall | None:
        """What a call comes to, which is then told in the call and its account; None if the stages have to say."""
        memo = call.memo
        if memo is None or memo.repeats is None or memo.catalogue is not catalogue:
            return None
        repeated = self.calls.get((memo.repeats, call.body))
        if repeated is None or repeated.compiled is not memo.compiled or call.account.trace_context is not None:
            return None
        call.request, call.named_in = repeated.request, repeated.named_in
        call.account.config = repeated.compiled.config
        return repeated

    def stored(self, repeated: RepeatedCall) -> StoredEntry | None:
        """The stored answer of a call."""
        return None if self.store is None else self.store.find(repeated.key)

    def remember(self, call: Call, compiled: CompiledPlan, route: TargetRoute, caching: Caching) -> None:
        """Remember a call whose first attempt was answered from the store."""
        memo, request = call.memo, call.request
        if self.store is None or memo is None or request is None or memo.compiled is not compiled:
            return
        if not _is_plain(call, route) or cache_control(call.fields) != _DEFAULT_CONTROL:
            return
        keyed, walked = caching.prepare(call, route), walked_at_once(compiled.plan, route.target, HIT, 0.0)
        if isinstance(keyed, Failure) or walked is None:
            return
        walked = msgspec.structs.replace(walked, line=line(walked.steps))
        reading, account = call.dialect.reading, call.account
        memo.repeats = (
            id(compiled), reading.body, call.dialect.name, account.path, call.caller.tenant, namespace_of(call.fields),
            call.query,
        )  # fmt: skip
        repeated = RepeatedCall(compiled, request, call.named_in, route, *keyed, walked)
        # It keeps its plan alive, which may be forgotten elsewhere.
        plan = max(0, weigh(compiled.plan) - LIGHT) // 1024
        self.calls.put((memo.repeats, call.body), repeated, kilobytes_of(call, repeated.prepared) + plan)


def _is_plain(call: Call, route: TargetRoute) -> bool:
    """Whether a call comes to what its head and its body say, and to nothing else."""
    is_own = call.ids is not None or call.keeps is not None or call.bind is not None or call.upload is not None
    says_more = bool(call.hops or call.parameters or call.is_unguarded) or len(call.body) > LARGE
    is_judged = route.target.guards is not None or route.provider.profiles is not None
    return not (is_own or says_more or is_judged or concerns_headers(call, route))
