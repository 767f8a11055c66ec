"""The request, one screen: the stages in order. Each is a module of this room."""

from __future__ import annotations

import msgspec

from penstock.core.failure import Failure, Kind
from penstock.dialects.openai import chat as openai_chat
from penstock.pipeline.attempt import failed
from penstock.pipeline.call import Answer, Call
from penstock.pipeline.configure import Compiled, Configure
from penstock.pipeline.idempotency import Idempotency
from penstock.pipeline.route import Router
from penstock.pipeline.sign import signed
from penstock.providers.row import Operation


class Pipeline(msgspec.Struct, frozen=True):
    """The parts that the stages work with. Put together in app.py."""

    configure: Configure
    router: Router
    idempotency: Idempotency
    max_hops: int = 5

    async def run(self, call: Call) -> Answer:
        """Answer a call. Expected failures are answers; cancelling closes whatever is open upstream."""
        if call.hops >= self.max_hops:
            return signed(failed(_loop(call.hops)), call)
        if call.operation is Operation.CHAT:
            chat = openai_chat.read_request(call.body)
            if isinstance(chat, Failure):
                return signed(failed(chat), call)
            call.chat = chat
        compiled = self.configure(call)
        if isinstance(compiled, Failure):
            return signed(failed(compiled), call)
        if not self.idempotency.applies(call):
            return await self._routed(call, compiled)
        once = await self.idempotency.answer(call, compiled.caller.tenant, lambda: self._routed(call, compiled))
        return signed(failed(once), call) if isinstance(once, Failure) else once

    async def _routed(self, call: Call, compiled: Compiled) -> Answer:
        answer, walked = await self.router(call, compiled)
        return signed(answer, call, walked)


def _loop(hops: int) -> Failure:
    return Failure(
        Kind.LOOP_DETECTED,
        f"The request has already passed {hops} gateways: a custom host probably points back at this one. Name the "
        "provider's own address.",
        "x-portkey-custom-host",
    )
