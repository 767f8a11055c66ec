"""Giving out an answer: the head and what is known of the body in one go, then the rest as it arrives."""

from __future__ import annotations

import time

from penstock.core.failure import Failure, Kind
from penstock.core.http import Headers
from penstock.dialects import openai_chat
from penstock.dialects.framing.sse import EventRelay
from penstock.pipeline.call import Answer
from penstock.server.client import Client
from penstock.transport.base import Reply


class Sent:
    """How giving out an answer went: when its first byte left, and what cut it short, if anything."""

    __slots__ = ("failure", "first_byte")

    def __init__(self) -> None:
        self.first_byte: float | None = None
        self.failure: Failure | None = None


async def respond(answer: Answer, client: Client, sent: Sent) -> None:
    """Send the answer to its end. A provider that breaks off after the first byte is told as the protocol allows.

    A stream then ends with an error event and without ``[DONE]``. A plain reply can't say so any more: Broken is
    raised, and the server must close the connection so that the caller sees that bytes are missing.
    """
    sent.first_byte = time.monotonic()
    await client.begin(answer.status, answer.headers, answer.body, more=answer.rest is not None)
    if answer.rest is None:
        return
    if answer.relay is None:
        await _relay_plain(answer.rest, client, sent)
    else:
        await relay_stream(answer, answer.rest, answer.relay, client, sent)


class Broken(Exception):
    """A plain reply ended before its time, after its head had been sent on."""


async def relay_stream(answer: Answer, reply: Reply, relay: EventRelay, client: Client, sent: Sent) -> None:
    """The rest of a stream, event by event as it arrives, to its proper end."""
    while data := await reply.read():
        ready = relay.feed(data)
        if ready:
            await client.send(ready)
    last = relay.finish()
    sent.failure = reply.failure or _unmarked_cut(reply, relay)
    if sent.failure is None:
        answer.usage = openai_chat.stream_usage(relay.tail())
    else:
        last = (b"\n\n" if relay.mid_event else b"") + openai_chat.error_event(sent.failure)
    await client.end(last)


def _unmarked_cut(reply: Reply, relay: EventRelay) -> Failure | None:
    if reply.framed or openai_chat.stream_ended(relay.tail()):
        return None
    text = (
        "The provider closed its connection before the stream was finished: what came so far is not the whole answer."
    )
    return Failure(Kind.TRUNCATED, text, sent=True)


async def _relay_plain(reply: Reply, client: Client, sent: Sent) -> None:
    while data := await reply.read():
        await client.send(data)
    sent.failure = reply.failure
    if sent.failure is not None:
        raise Broken
    await client.end(b"")


def refusal(failure: Failure, headers: Headers | None = None) -> tuple[int, Headers, bytes]:
    """Status, headers and body that tell a failure found outside the pipeline."""
    fields = [(b"content-type", openai_chat.CONTENT_TYPE), *(headers or [])]
    return failure.status, fields, openai_chat.error_body(failure)
