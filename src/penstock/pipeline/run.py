"""The stages of a request in order, on one screen. Each stage is a module of this folder.

authenticate (at the edge, before the body is read) → compile → admit → idempotency → route, and within an attempt:
guard input → cache → prepare → upstream → translate → first content → guard output; then response headers → relay, and
account, which the edge closes.
"""

from __future__ import annotations

import functools
from pickle import PickleBuffer
from typing import TYPE_CHECKING

import msgspec

from penstock.core.failure import Failure, Kind
from penstock.dialects.caller import RequestBody
from penstock.pipeline.account import NOTHING_NAMED, Named
from penstock.pipeline.admission.admit import Admitter
from penstock.pipeline.attempt import failed
from penstock.pipeline.call import Answer, Call
from penstock.pipeline.choice import model_may_choose
from penstock.pipeline.compile import Compiler
from penstock.pipeline.compiled_plan import CompiledPlan
from penstock.pipeline.idempotency import Idempotency
from penstock.pipeline.keeping.provider_state import (
    bind_session,
    concerns_provider_state,
    holds_no_ids,
    is_named_alone,
    read_ids,
    refused_list,
    with_one_target,
)
from penstock.pipeline.models.callable_models import CallableModels
from penstock.pipeline.named import named
from penstock.pipeline.off_loop.process import WorkError, aside
from penstock.pipeline.off_loop.thread import LARGE
from penstock.pipeline.records.cost import Costs
from penstock.pipeline.replies.response_headers import with_budget_left, with_cost, with_response_headers
from penstock.pipeline.replies.token_count import estimated
from penstock.pipeline.request_headers import HOPS_HEADER
from penstock.pipeline.rewrite import located, read_places
from penstock.pipeline.route import Router
from penstock.pipeline.tracing import told_parameters
from penstock.pipeline.upload import hold_upload, may_race, may_repeat, reads_fields
from penstock.routing.walk import Walked

if TYPE_CHECKING:
    from penstock.pipeline.keeping.conversations import Conversations


class Pipeline(msgspec.Struct, frozen=True):
    """The stages and their settings, put together in app/root.py.

    ``limits`` admit each call. The readers of a call's record (observe/record.py) compute its cost; ``costs`` are asked
    only where a caller is told the cost of a plain answer: every caller with ``exposes_cost``, else those whose gateway
    key says so; these are told what is left of their budget, too. ``id_secrets`` bind ids of what providers keep
    (pipeline/keeping/provider_state.py); without any none is bound. ``shows_lists``: callers may list what a provider
    keeps for an account. ``held_bytes`` are the bytes of a body that can be held whole. ``conversations`` are what
    the gateway itself keeps; None: nothing.
    """

    compiler: Compiler
    router: Router
    idempotency: Idempotency
    models: CallableModels
    max_hops: int = 5
    limits: Admitter | None = None
    costs: Costs | None = None
    exposes_cost: bool = False
    id_secrets: tuple[bytes, ...] = ()
    shows_lists: bool = True
    held_bytes: int = 100 << 20
    conversations: Conversations | None = None

    async def run(self, call: Call) -> Answer:
        """Answer a call. Expected failures are answers; cancelling closes all open upstream connections of the call."""
        memo = call.memo
        if (memo is None or memo.compiled is None or memo.is_long) and self._is_long(call):
            await self._read_config(call)
        if call.operation.lists_models or self.conversations is not None:
            answer = await self._answered_here(call)
            if answer is not None:
                return answer
        repeated = self.router.repeated.find(call, self.compiler.catalogues.current)
        is_large = repeated is None and len(call.body) > LARGE and call.operation.has_body
        request = await read_request(call) if is_large else None
        compiled = self._compiled(call, request) if repeated is None else repeated.compiled
        if call.ids is not None:
            compiled = await self._of_kept(call, compiled)
        if call.upload is not None and not isinstance(compiled, Failure):
            compiled = await self._held(call, compiled) or compiled
        limits, known = self.limits, compiled
        if limits is not None and limits.is_active and not isinstance(compiled, Failure):
            is_admitted = limits.admit_at_once(call, compiled)
            if not is_admitted:
                compiled = await limits.admit(call, compiled) or compiled
        if not isinstance(compiled, CompiledPlan):
            answer = self._refused(compiled, call)
        elif self.idempotency.applies(call):
            answer = await self._once(call, compiled)
        else:
            stored = None if repeated is None else self.router.answer_again(call, repeated)
            answer, walked = stored or await self.router.answer(call, compiled)
            answer = await self._with_more(answer, call) if self._has_more(answer, call) else answer
            answer = _headed(answer, call, walked)
        account = call.account
        account.answered_by, account.dropped, account.failure = answer.attempt, answer.dropped, answer.outcome.failure
        # An attempt knows that it repeats another request, whose answer says how that one was found.
        account.cache = None if answer.attempt is None else answer.attempt.cache
        account.named = NOTHING_NAMED if account.failure is None else self._named(answer, call, known)
        return answer

    def _named(self, answer: Answer, call: Call, compiled: CompiledPlan | Failure) -> Named:
        """What a request named that has failed. A stream that told an error right behind its first content has the
        status of its head, as one that tells it later: its caller gets both."""
        if answer.attempt is not None and answer.watch is not None:
            answer.attempt.status = answer.status
        return named(call, compiled, self.compiler.names)

    def _is_long(self, call: Call) -> bool:
        """Whether a call may ask for a plan that takes long to compile. Of a head that has a plan its body or an id may
        do it: a body that isn't large is read for that, which is to be read anyway."""
        memo, current = call.memo, self.compiler.catalogues.current
        if memo is None or memo.compiled is None or memo.catalogue is not current:
            return self.compiler.is_long(call)
        if self.router.repeated.find(call, current) is not None:
            return False
        if call.operation.has_body and call.request is None:
            if len(call.body) > LARGE:
                return True
            request = call.dialect.reading.body(call.body)
            if not isinstance(request, RequestBody):
                return False
            call.request = call.addressed(request)
        return model_may_choose(call, current) or (concerns_provider_state(call) and not holds_no_ids(call))

    async def _read_config(self, call: Call) -> None:
        """Compile a long config in a thread. Before it the body and the ids are read, which may name the target."""
        if self.router.repeated.find(call, self.compiler.catalogues.current) is not None:
            return
        request = await read_request(call) if call.operation.has_body else None
        if isinstance(request, Failure):
            return
        asked = msgspec.structs.replace(call)  # ``_compiled`` reads the ids of the call itself
        if concerns_provider_state(asked) and not holds_no_ids(asked):
            read_ids(asked, self.id_secrets)
        call.ahead = await self.compiler.read_ahead(asked)

    async def _answered_here(self, call: Call) -> Answer | None:
        """The models that the caller can call, or a response that the gateway keeps; None where a provider is asked."""
        answer: Answer | Failure | None = None
        if not call.operation.lists_models:
            answer = None if self.conversations is None else await self._kept_here(self.conversations, call)
        elif call.hops >= self.max_hops:
            answer = _loop(call.hops)
        else:
            request = await read_request(call) if call.operation.has_body else None
            answer = request if isinstance(request, Failure) else await self.models.answer(call)
        if answer is None:
            return None
        if isinstance(answer, Failure):
            answer = failed(answer, call)
        call.account.failure = answer.failure
        return with_response_headers(answer, call)

    async def _kept_here(self, conversations: Conversations, call: Call) -> Answer | Failure | None:
        """The answer to a request about a response that the gateway keeps, within the limits of requests."""
        if not conversations.concerns(call):
            return None
        limits = self.limits
        refused = await limits.admit_own(call) if limits is not None and limits.is_active else None
        return refused or await conversations.answer(call)

    def _compiled(self, call: Call, request: RequestBody | Failure | None) -> CompiledPlan | Failure:
        """The plan for a call, or the failure to answer with. ``request`` is the body where it was read already."""
        if call.hops >= self.max_hops:
            return _loop(call.hops)
        if call.operation.has_body:
            request = request or call.request or call.dialect.reading.body(call.body)
            if not isinstance(request, RequestBody):
                return request
            call.request = request if call.request is request or not call.parameters else call.addressed(request)
            trace = call.account.trace_context
            if trace is not None and trace.is_sampled:
                call.account.parameters = told_parameters(request.body)
        is_of_kept = concerns_provider_state(call)
        holds_ids = is_of_kept and not holds_no_ids(call)
        if holds_ids:
            read_ids(call, self.id_secrets)
        refused = None if self.shows_lists else refused_list(call)
        compiled = refused or self.compiler.compile(call)
        if is_of_kept and not holds_ids and not (self.conversations is None and is_named_alone(call, compiled)):
            read_ids(call, self.id_secrets)
        if call.operation.is_session and call.ids is None and not isinstance(compiled, Failure):
            bind_session(call, compiled, self.id_secrets, has_default=self.compiler.has_default(call.caller))
        return compiled

    async def _of_kept(self, call: Call, compiled: CompiledPlan | Failure) -> CompiledPlan | Failure:
        """The plan for a request that names what a provider or the gateway keeps, or makes it."""
        if self.conversations is not None and not isinstance(compiled, Failure):
            compiled = await self.conversations.prepare(call) or compiled
        keeps = None if isinstance(compiled, Failure) else functools.partial(self.compiler.keeps_responses, compiled)
        has_default = self.compiler.has_default(call.caller)
        return with_one_target(call, compiled, self.id_secrets, keeps, has_default=has_default)

    async def _held(self, call: Call, compiled: CompiledPlan) -> Failure | None:
        """Hold an upload that may have to be sent again, or read; one that is too large to be held is sent once."""
        is_form = call.request is not None
        repeats = may_repeat(compiled.plan) and (may_race(compiled.plan) or not self.is_too_large(call))
        reads = is_form and (reads_fields(compiled.plan) or self.idempotency.applies(call))
        return await hold_upload(call) if repeats or reads else None

    def is_too_large(self, call: Call) -> bool:
        """Whether an upload can't be held."""
        return call.upload is not None and len(call.body) + call.upload.rest > self.held_bytes

    async def _once(self, call: Call, compiled: CompiledPlan) -> Answer:
        answer = await self.idempotency.answer(call, functools.partial(self._routed, call, compiled), compiled.plan)
        return self._refused(answer, call) if isinstance(answer, Failure) else answer

    async def _routed(self, call: Call, compiled: CompiledPlan) -> Answer:
        answer, walked = await self.router.answer(call, compiled)
        return _headed(await self._with_more(answer, call), call, walked)

    def _has_more(self, answer: Answer, call: Call) -> bool:
        """Whether ``_with_more`` does anything: a coroutine less for most answers."""
        return self._tells_cost(call) or answer.outcome.failure is not None or self.conversations is not None

    async def _with_more(self, answer: Answer, call: Call) -> Answer:
        """The answer of a walk with an estimate in place of tokens that no host counts, with its cost where that is
        told, and kept where responses are."""
        if answer.outcome.failure is not None:
            answer = await estimated(answer, call)
        if self.conversations is not None:
            answer = self.conversations.kept(answer, call)
        if self._tells_cost(call):
            await self._tell_cost(answer, call)
            await self._tell_budget(answer, call)
        return answer

    def _tells_cost(self, call: Call) -> bool:
        key = call.caller.key
        return self.exposes_cost or (key is not None and key.exposes_cost)

    async def _tell_cost(self, answer: Answer, call: Call) -> None:
        """Tell what a plain answer cost, where it is known. A stream's head leaves before its usage is known."""
        if self.costs is None or answer.rest is not None or answer.attempt is None:
            return
        await self.costs.ready()
        account = call.account
        nanos = self.costs.total([attempt.close() for attempt in account.attempts], account.at)
        if nanos is not None:
            with_cost(answer, nanos)

    async def _tell_budget(self, answer: Answer, call: Call) -> None:
        """Tell what is left of the tightest budget of the request, this and other requests in flight as reserved."""
        limits = self.limits
        nanos = await limits.budget_left(call) if limits is not None and limits.is_active else None
        if nanos is not None:
            with_budget_left(answer, nanos)

    def _refused(self, failure: Failure, call: Call) -> Answer:
        return with_response_headers(failed(failure, call), call)


def _headed(answer: Answer, call: Call, walked: Walked) -> Answer:
    """The answer of a walk with its response headers. No attempt follows."""
    if call.guards is not None:
        # What guards found holds the call: each would keep the other until the garbage collector comes.
        call.guards = None
    return with_response_headers(answer, call, walked)


async def read_request(call: Call) -> RequestBody | Failure:
    """The body of a call, read once: a large one beside the event loop."""
    if call.request is not None:
        return call.request
    data = call.body
    try:
        if len(data) <= LARGE:
            request = call.dialect.reading.body(data)
        else:
            request = located(data, await aside(len(data), read_places, PickleBuffer(data)))
    except WorkError as error:
        return Failure(Kind.BODY_TOO_LARGE, f"The request body is too large to be read: {error}. Send less.")
    if isinstance(request, RequestBody):
        if len(data) > LARGE and request.stream != (streams := call.dialect.reading.asks_stream(request.body)):
            request = msgspec.structs.replace(request, stream=streams)
        request = call.request = call.addressed(request)
    return request


def _loop(hops: int) -> Failure:
    return Failure(
        Kind.LOOP_DETECTED,
        f"The request has already passed {hops} gateways: a custom host probably points back at this one. Name the "
        "provider's own address.",
        HOPS_HEADER.decode(),
    )
