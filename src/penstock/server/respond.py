"""Sends an answer: the head and the first bytes of the body in one write, then the rest as the pipeline relays it."""

from __future__ import annotations

from penstock.core.failure import Failure
from penstock.core.http import NO_SNIFF, Headers
from penstock.dialects.caller import CallerDialect
from penstock.pipeline.call import Answer, Call
from penstock.pipeline.relay import relay
from penstock.server.request_context import RequestContext


async def respond(answer: Answer, call: Call, context: RequestContext) -> None:
    """Send the whole answer.

    Raises ``pipeline.relay.Broken`` for a plain reply that was cut short: the server must then close the connection, so
    that the caller notices the missing bytes.
    """
    account = context.account
    context.begun, account.first_byte, account.status = True, account.elapsed(), answer.status
    account.stream = answer.watch is not None
    answer.headers.append(NO_SNIFF)
    await context.client.send_head(answer.status, answer.headers, answer.body, more=answer.rest is not None)
    await relay_rest(answer, call, context)


async def relay_rest(answer: Answer, call: Call, context: RequestContext) -> None:
    """Send the bytes after the answer's first bytes, and record in the account how the answer ended."""
    try:
        await relay(answer, call, context.client)
    finally:
        account = context.account
        account.failure = answer.broken or account.failure
        account.skipped = 0 if answer.watch is None else answer.watch.skipped
        if answer.attempt is not None and answer.attempt.ended is None:
            answer.attempt.ended = account.elapsed()


def refusal(failure: Failure, dialect: CallerDialect, headers: Headers | None = None) -> tuple[int, Headers, bytes]:
    """Status, headers and body of a failed request that has no account."""
    reply = dialect.errors.failure(failure, "")
    return reply.status, [*reply.headers, *(headers or []), NO_SNIFF], reply.body
