"""Giving out an answer: the head and what is known of the body in one go, then the rest as it arrives."""

from __future__ import annotations

import time
from typing import Final

from penstock.core.failure import Failure, Kind
from penstock.core.http import Headers
from penstock.dialects.framing.sse import EventRelay
from penstock.dialects.openai.caller.errors import error_body, error_event
from penstock.dialects.openai.relay import body as openai_body
from penstock.dialects.openai.relay.stream import Scan, ending
from penstock.pipeline.call import Answer
from penstock.server.client import Client
from penstock.transport.base import Reply


class Sent:
    """How giving out an answer went: whether its head left, when its first byte did, what cut it short, if anything."""

    __slots__ = ("begun", "failure", "first_byte")

    def __init__(self) -> None:
        self.begun = False
        self.first_byte: float | None = None
        self.failure: Failure | None = None


async def respond(answer: Answer, client: Client, sent: Sent) -> None:
    """Send the answer to its end. A provider that breaks off after the first byte is told as the protocol allows.

    A stream then ends with an error event and without ``[DONE]``. A plain reply can't say so any more: Broken is
    raised, and the server must close the connection so that the caller sees that bytes are missing.
    """
    sent.begun, sent.first_byte = True, time.monotonic()
    await client.send_head(answer.status, answer.headers, answer.body, more=answer.rest is not None)
    if answer.rest is None:
        return
    if answer.relay is None or answer.scan is None:
        await _relay_plain(answer, answer.rest, client, sent)
    else:
        await relay_stream(answer, answer.rest, answer.relay, answer.scan, client, sent)


class Broken(Exception):
    """A plain reply ended before its time, after its head had been sent on."""


async def relay_stream(answer: Answer, reply: Reply, relay: EventRelay, scan: Scan, client: Client, sent: Sent) -> None:
    """The rest of a stream, event by event as it arrives, to its proper end."""
    while data := await reply.read():
        whole = not relay.mid_event
        ready = relay.feed(data)
        if ready and whole and not relay.mid_event:
            ready = scan.passing(ready)
        if ready:
            await client.send(ready)
    last = scan.passing(relay.finish())
    finished, answer.usage = ending(relay.tail())
    cut = reply.failure or (None if finished or scan.error else _CUT)
    if cut is not None:
        last = (b"\n\n" if relay.mid_event else b"") + error_event(cut)
    sent.failure = answer.broken = cut or (_ERROR if scan.error else None)
    await client.end(last)


_CUT: Final = Failure(
    Kind.TRUNCATED,
    "The provider ended its stream before the answer was finished: what came so far is not the whole of it.",
    sent=True,
)
_ERROR: Final = Failure(Kind.STREAM_ERROR, "The provider sent an error in the middle of its stream.", sent=True)


async def _relay_plain(answer: Answer, reply: Reply, client: Client, sent: Sent) -> None:
    while data := await reply.read():
        await client.send(data)
    sent.failure = answer.broken = reply.failure
    if sent.failure is not None:
        raise Broken
    await client.end(b"")


def refusal(failure: Failure, headers: Headers | None = None) -> tuple[int, Headers, bytes]:
    """Status, headers and body that tell a failure found outside the pipeline."""
    fields = [(b"content-type", openai_body.CONTENT_TYPE), *(headers or [])]
    return failure.status, fields, error_body(failure)
