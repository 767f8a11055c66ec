"""The request, one screen: the stages in order. Each is a module of this room."""

from __future__ import annotations

import msgspec

from penstock.core.failure import Failure, Kind
from penstock.dialects.openai.relay import body as openai_body
from penstock.pipeline.attempt import failed
from penstock.pipeline.call import Answer, Call
from penstock.pipeline.compile import CompiledPlan, Compiler
from penstock.pipeline.idempotency import Idempotency
from penstock.pipeline.response_headers import with_response_headers
from penstock.pipeline.route import Router
from penstock.providers.row import Operation


class Pipeline(msgspec.Struct, frozen=True):
    """The parts that the stages work with. Put together in app.py."""

    compiler: Compiler
    router: Router
    idempotency: Idempotency
    max_hops: int = 5

    async def run(self, call: Call) -> Answer:
        """Answer a call. Expected failures are answers; cancelling closes whatever is open upstream."""
        if call.hops >= self.max_hops:
            return with_response_headers(failed(_loop(call.hops)), call)
        if call.operation is Operation.CHAT:
            chat = openai_body.read_request(call.body)
            if isinstance(chat, Failure):
                return with_response_headers(failed(chat), call)
            call.chat = chat
        compiled = self.compiler.compile(call)
        if isinstance(compiled, Failure):
            return with_response_headers(failed(compiled), call)
        if not self.idempotency.applies(call):
            return await self._routed(call, compiled)
        once = await self.idempotency.answer(call, compiled.caller.tenant, lambda: self._routed(call, compiled))
        return with_response_headers(failed(once), call) if isinstance(once, Failure) else once

    async def _routed(self, call: Call, compiled: CompiledPlan) -> Answer:
        answer, walked = await self.router.answer(call, compiled)
        return with_response_headers(answer, call, walked)


def _loop(hops: int) -> Failure:
    return Failure(
        Kind.LOOP_DETECTED,
        f"The request has already passed {hops} gateways: a custom host probably points back at this one. Name the "
        "provider's own address.",
        "x-portkey-custom-host",
    )
