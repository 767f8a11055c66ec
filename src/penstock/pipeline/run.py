"""The request, one screen: the stages in order. Each is a module of this room."""

from __future__ import annotations

import functools
from collections.abc import Mapping

import msgspec

from penstock.core.failure import Failure, Kind
from penstock.dialects import openai_chat
from penstock.pipeline.attempt import failed
from penstock.pipeline.call import Answer, Call
from penstock.pipeline.configure import Configure
from penstock.pipeline.route import route
from penstock.providers.row import Operation
from penstock.transport.base import Transport


class Pipeline(msgspec.Struct, frozen=True):
    """The parts that the stages work with. Put together in app.py."""

    configure: Configure
    transports: Mapping[str, Transport]
    max_hops: int = 5

    async def run(self, call: Call) -> Answer:
        """Answer a call. Expected failures are answers; cancelling closes whatever is open upstream."""
        if call.hops >= self.max_hops:
            return _signed(failed(_loop(call.hops)), call)
        chat = openai_chat.read_request(call.body) if call.operation is Operation.CHAT else None
        if isinstance(chat, Failure):
            return _signed(failed(chat), call)
        compiled = self.configure(call.headers)
        if isinstance(compiled, Failure):
            return _signed(failed(compiled), call)
        answer, retry_count = await route(call, chat, compiled, self.configure, self.transports)
        return _signed(answer, call, retry_count)


def _loop(hops: int) -> Failure:
    return Failure(
        Kind.LOOP_DETECTED,
        f"The request has already passed {hops} gateways: a custom host probably points back at this one. Name the "
        "provider's own address.",
        "x-portkey-custom-host",
    )


def _signed(answer: Answer, call: Call, retry_count: int = 0) -> Answer:
    """Add what the gateway says of itself: Portkey's response headers (spec 2.8) and the dropped parameters."""
    answer.headers.append((b"x-portkey-trace-id", call.trace_id))
    if answer.target is not None:
        answer.headers += _target_headers(answer.target.path, answer.target.provider, retry_count)
    if answer.dropped:
        answer.headers.append((b"x-penstock-dropped-params", ",".join(answer.dropped).encode()))
    return answer


@functools.lru_cache(1024)
def _target_headers(path: str, provider: str, retry_count: int) -> tuple[tuple[bytes, bytes], ...]:
    return (
        (b"x-portkey-last-used-option-index", path.encode()),
        (b"x-portkey-retry-attempt-count", str(retry_count).encode()),
        (b"x-portkey-cache-status", b"DISABLED"),
        (b"x-portkey-provider", provider.encode()),
    )
