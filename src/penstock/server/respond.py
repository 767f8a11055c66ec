"""Sends an answer: the head and the first bytes of the body in one write, then the rest as the pipeline relays it."""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine
from typing import Any, Final

from penstock.core.failure import Failure, Kind
from penstock.core.http import NO_SNIFF, Headers
from penstock.dialects.caller import CallerDialect
from penstock.pipeline.call import Answer, Call
from penstock.pipeline.relay import last_bytes, note_ending, relay
from penstock.server.client import WithoutBody
from penstock.server.request_context import RequestContext

DEFECT: Final = Failure(
    Kind.INTERNAL, "The gateway failed on this request: this is a defect of the gateway, please report it."
)
STOPPING: Final = Failure(
    Kind.SHUTTING_DOWN,
    "The gateway is stopping, and the time that running requests had is over: send the request again.",
)
_RETRY_SOON: Final = [(b"retry-after", b"1")]


def respond(answer: Answer, call: Call, context: RequestContext) -> Coroutine[Any, Any, None] | None:
    """Send the whole answer. Returns what to await before its end is sent; None where that was at once.

    Raises ``pipeline.relay.Broken`` for a plain reply that was cut short: the server must then close the connection, so
    that the caller notices the missing bytes.
    """
    account = context.account
    context.begun, account.first_byte, account.status = True, account.elapsed(), answer.status
    account.stream = answer.watch is not None
    context.is_streaming = account.stream and answer.rest is not None
    answer.headers.append(NO_SNIFF)
    waiting = context.client.send_head(answer.status, answer.headers, answer.body, more=answer.rest is not None)
    if answer.rest is not None or waiting is not None:
        # A stream may last for hours, and nobody reads these again.
        answer.headers, answer.body = [], b""
        if answer.rest is not None and isinstance(context.client, WithoutBody):
            return _end_at_head(answer, context, waiting)
        return relay(answer, call, context.client, waiting)
    note_ending(answer, account)
    return None


async def _end_at_head(answer: Answer, context: RequestContext, waiting: Awaitable[None] | None) -> None:
    """End an answer of which the caller wants the head alone, and take no more of a body that it never gets: that may
    be a file of gigabytes, or a stream that lasts for hours."""
    try:
        if waiting is not None:
            await waiting
        await context.client.end(b"")
    finally:
        answer.close()
        note_ending(answer, context.account)


async def tell_of_stop(context: RequestContext) -> None:
    """End a request whose task was cancelled because the gateway stops: with a 503, or, in a stream that has begun,
    with an error event. A plain reply that has begun is cut short, and the closed connection tells."""
    account, answer, client = context.account, context.answer, context.client
    if not context.begun:
        await context.refuse(STOPPING, _RETRY_SOON)
        return
    if not context.is_streaming:
        return
    failure: Failure | None = STOPPING
    if answer is None or answer.watch is None:
        last = context.dialect.errors.event(STOPPING, context.trace)
    else:
        # Some providers keep a connection open after the end of the stream.
        failure = None if answer.watch.ending()[0] else STOPPING
        last = last_bytes(answer, answer.watch, context.dialect, context.trace, failure)
    account.failure, account.is_cancelled = failure, failure is not None
    await client.end(last)


def refusal(failure: Failure, dialect: CallerDialect, headers: Headers | None = None) -> tuple[int, Headers, bytes]:
    """Status, headers and body of a failed request that has no account."""
    reply = dialect.errors.failure(failure, "")
    return reply.status, [*reply.headers, *(headers or []), NO_SNIFF], reply.body
