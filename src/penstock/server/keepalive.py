"""Comments that keep a waiting stream's connection alive (setting ``keepalive``), for balancers that cut silent ones.

The first comment commits the response to status 200, so a failure after it is told as an error event. That is the
price of the setting, which is why it is off by default.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final

from penstock.core.failure import Failure, Kind
from penstock.dialects.openai.caller.errors import error_event
from penstock.dialects.openai.relay import body as openai_body
from penstock.pipeline.call import Answer, Call
from penstock.pipeline.run import Pipeline
from penstock.server.client import Client
from penstock.server.request_context import RequestContext
from penstock.server.respond import Sent, relay_stream, respond

# One line without an empty one after it: some clients take a comment and an empty line for an event.
DEFECT: Final = Failure(
    Kind.INTERNAL, "The gateway failed on this request: this is a defect of the gateway, please report it."
)
_COMMENT: Final = b": keep-alive\n"
_HEADERS: Final = [(b"content-type", openai_body.STREAM_TYPE), (b"cache-control", b"no-cache")]


async def respond_in_time(
    pipeline: Pipeline, call: Call, context: RequestContext, interval: float, client: Client
) -> None:
    """Answer a call; while a stream's first event is awaited, send a comment every ``interval`` seconds."""
    if not _asks_for_stream(call):
        context.answer = await pipeline.run(call)
        await respond(context.answer, client, context.sent)
        return
    running = asyncio.get_running_loop().create_task(pipeline.run(call))
    try:
        await _wait(running, call, interval, client, context.sent)
    except BaseException:
        running.cancel()
        # The answer may be there already, while the caller was too slow for the comment.
        running.add_done_callback(_close_unused)
        raise
    if not context.sent.begun:
        answer = context.answer = running.result()
        await respond(answer, client, context.sent)
        return
    try:
        answer = context.answer = running.result()
    except Exception:
        context.sent.failure = DEFECT
        await client.end(error_event(DEFECT))
        raise
    await _continue(answer, client, context.sent)


def _close_unused(running: asyncio.Task[Answer]) -> None:
    if not running.cancelled() and running.exception() is None:
        running.result().close()


def _asks_for_stream(call: Call) -> bool:
    request = openai_body.read_request(call.body)
    return not isinstance(request, Failure) and request.stream


async def _wait(running: asyncio.Task[Answer], call: Call, interval: float, client: Client, sent: Sent) -> None:
    """Wait for the answer. Meanwhile the response may have begun."""
    while not (await asyncio.wait({running}, timeout=interval))[0]:
        if sent.begun:
            await client.send(_COMMENT)
        else:
            sent.begun = True
            headers = [*_HEADERS, (b"x-portkey-trace-id", call.trace_id)]
            await client.send_head(200, headers, _COMMENT, more=True)


async def _continue(answer: Answer, client: Client, sent: Sent) -> None:
    """Give out an answer whose head has already gone out as that of a stream."""
    sent.first_byte = time.monotonic()
    if answer.rest is not None and answer.relay is not None and answer.scan is not None:
        await client.send(answer.body)
        await relay_stream(answer, answer.rest, answer.relay, answer.scan, client, sent)
        return
    text = f"The provider answered with status {answer.status} after the stream had been opened to keep it alive."
    sent.failure = answer.failure or Failure(Kind.INVALID_RESPONSE, text, sent=True)
    # The provider's own error, where there is one, says more than the gateway could.
    told = b"data: " + answer.body + b"\n\n" if _is_error(answer) else error_event(sent.failure)
    await client.end(told)


def _is_error(answer: Answer) -> bool:
    return (
        answer.status >= 400 and answer.body.startswith(b"{") and b"\n" not in answer.body and b"\r" not in answer.body
    )
