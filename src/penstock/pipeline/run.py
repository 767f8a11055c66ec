"""The stages of a request in order, on one screen. Each stage is a module of this folder.

authenticate (at the edge, before the body is read) → compile → admit → guard input → idempotency → route, and within
an attempt: cache → prepare → upstream → translate → first content; then guard output → response headers → relay, and
account, which the edge closes. Admission and guards are interfaces (``Gate``) without an implementation yet.
"""

from __future__ import annotations

import functools
from typing import Protocol

import msgspec

from penstock.core.failure import Failure, Kind
from penstock.dialects.caller import RequestBody
from penstock.pipeline.attempt import failed
from penstock.pipeline.call import Answer, Call
from penstock.pipeline.compile import CompiledPlan, Compiler
from penstock.pipeline.idempotency import Idempotency
from penstock.pipeline.off_loop import LARGE, off_loop
from penstock.pipeline.response_headers import with_response_headers
from penstock.pipeline.route import Router


class Gate(Protocol):
    """A stage that lets a call through or refuses it: limits and budgets (admission), an input guard."""

    async def refusal(self, call: Call, compiled: CompiledPlan) -> Failure | None:
        """The failure to answer with; None when the call may go on. A gate may rewrite ``call.request``."""
        ...


class AnswerGate(Protocol):
    """A stage that an answer passes before its first byte is sent to the caller: an output guard."""

    async def passed(self, answer: Answer, call: Call) -> Answer:
        """The answer, or an answer that replaces it."""
        ...


class Pipeline(msgspec.Struct, frozen=True):
    """The stages and their settings, put together in app.py.

    Each call passes ``admission`` and then ``input_guards`` in their order; each answer passes ``output_guards``. The
    readers of a call's record (observe/record.py) compute its cost.
    """

    compiler: Compiler
    router: Router
    idempotency: Idempotency
    max_hops: int = 5
    admission: tuple[Gate, ...] = ()
    input_guards: tuple[Gate, ...] = ()
    output_guards: tuple[AnswerGate, ...] = ()

    async def run(self, call: Call) -> Answer:
        """Answer a call. Expected failures are answers; cancelling closes all open upstream connections of the call."""
        request = None
        if len(call.body) > LARGE:
            request = await off_loop(functools.partial(call.dialect.read_body, call.body))
        compiled = self._compiled(call, request)
        if (self.admission or self.input_guards) and not isinstance(compiled, Failure):
            compiled = await self._admitted(call, compiled)
        if isinstance(compiled, Failure):
            answer = self._refused(compiled, call)
        elif self.idempotency.applies(call):
            answer = await self._once(call, compiled)
        else:
            answer = await self._routed(call, compiled)
        account = call.account
        account.answered_by, account.dropped, account.failure = answer.attempt, answer.dropped, answer.failure
        account.cache = None if answer.cache_status == "DISABLED" else answer.cache_status
        return answer

    def _compiled(self, call: Call, request: RequestBody | Failure | None) -> CompiledPlan | Failure:
        """The plan for a call, or the failure to answer with. ``request`` is the body where it was read already."""
        if call.hops >= self.max_hops:
            return _loop(call.hops)
        if call.operation.has_body:
            request = request or call.dialect.read_body(call.body)
            if isinstance(request, Failure):
                return request
            call.request = request
        return self.compiler.compile(call)

    async def _admitted(self, call: Call, compiled: CompiledPlan) -> CompiledPlan | Failure:
        for gate in (*self.admission, *self.input_guards):
            refusal = await gate.refusal(call, compiled)
            if refusal is not None:
                return refusal
        return compiled

    async def _once(self, call: Call, compiled: CompiledPlan) -> Answer:
        answer = await self.idempotency.answer(call, functools.partial(self._routed, call, compiled), compiled.plan)
        return self._refused(answer, call) if isinstance(answer, Failure) else answer

    async def _routed(self, call: Call, compiled: CompiledPlan) -> Answer:
        answer, walked = await self.router.answer(call, compiled)
        for guard in self.output_guards:
            answer = await guard.passed(answer, call)
        return with_response_headers(answer, call, walked)

    def _refused(self, failure: Failure, call: Call) -> Answer:
        return with_response_headers(failed(failure, call), call)


def _loop(hops: int) -> Failure:
    return Failure(
        Kind.LOOP_DETECTED,
        f"The request has already passed {hops} gateways: a custom host probably points back at this one. Name the "
        "provider's own address.",
        "x-portkey-custom-host",
    )
