"""Keep-alive comments in a waiting stream (setting ``keepalive``), for load balancers that close silent connections.

The first comment commits the response to status 200, so a later failure is sent as an error event. For this reason the
setting is off by default.
"""

from __future__ import annotations

import asyncio
from typing import Final

from penstock.core.failure import Failure, Kind
from penstock.core.http import NO_SNIFF
from penstock.dialects.caller import EVENT_STREAM
from penstock.pipeline.call import Answer, Call
from penstock.pipeline.relay import relay
from penstock.pipeline.run import Pipeline, read_request
from penstock.server.request_context import RequestContext
from penstock.server.respond import DEFECT, respond

_HEADERS: Final = [(b"content-type", EVENT_STREAM), (b"cache-control", b"no-cache"), NO_SNIFF]


async def respond_with_comments(pipeline: Pipeline, call: Call, context: RequestContext, interval: float) -> None:
    """Answer a call. Send a comment every ``interval`` seconds until a stream's first event."""
    if not await _asks_for_stream(call):
        answer = context.answer = await pipeline.run(call)
        if (rest := respond(answer, call, context)) is not None:
            await rest
        return
    running = asyncio.get_running_loop().create_task(pipeline.run(call))
    try:
        await _wait(running, call, interval, context)
    except BaseException:
        running.cancel()
        # The answer may have arrived while the comment was being sent to a slow caller.
        running.add_done_callback(_close_unused)
        raise
    if not context.begun:
        answer = context.answer = running.result()
        if (rest := respond(answer, call, context)) is not None:
            await rest
        return
    try:
        answer = context.answer = running.result()
    except Exception:
        context.account.failure = DEFECT
        await context.client.end(call.dialect.errors.event(DEFECT, call.trace))
        raise
    await _continue(answer, call, context)


def _close_unused(running: asyncio.Task[Answer]) -> None:
    if not running.cancelled() and running.exception() is None:
        running.result().close()


async def _asks_for_stream(call: Call) -> bool:
    if not call.operation.has_body:
        return False
    request = await read_request(call)
    return not isinstance(request, Failure) and request.stream


async def _wait(running: asyncio.Task[Answer], call: Call, interval: float, context: RequestContext) -> None:
    """Wait for the answer. The first comment begins the response."""
    while not (await asyncio.wait({running}, timeout=interval))[0]:
        if context.begun:
            await context.client.send(call.dialect.delivery.keep_alive)
        else:
            context.begun = context.is_streaming = True
            context.account.status = 200
            headers = [*_HEADERS, *context.ids()]
            waiting = context.client.send_head(200, headers, call.dialect.delivery.keep_alive, more=True)
            if waiting is not None:
                await waiting


async def _continue(answer: Answer, call: Call, context: RequestContext) -> None:
    """Send an answer after the response head was sent as the head of a stream."""
    account = context.account
    account.first_byte = account.elapsed()
    if answer.watch is not None:
        account.stream = True
        await context.client.send(answer.body)
        if answer.rest is not None:
            await relay(answer, call, context.client)
        else:
            await context.client.end(b"")
        return
    text = f"The provider answered with status {answer.status} after the stream had been opened to keep it alive."
    account.failure = answer.failure or Failure(Kind.INVALID_RESPONSE, text, sent=True)
    # If the provider sent an error object, forward it: it holds more detail than the gateway's own error.
    if _is_error(answer):
        event = call.dialect.errors.as_event(answer.body)
    else:
        event = call.dialect.errors.event(account.failure, call.trace)
    await context.client.end(event)


def _is_error(answer: Answer) -> bool:
    """Whether an answer's body is an error object that one event can hold."""
    return (
        answer.status >= 400 and answer.body.startswith(b"{") and b"\n" not in answer.body and b"\r" not in answer.body
    )
