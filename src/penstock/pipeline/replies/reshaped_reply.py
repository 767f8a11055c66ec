"""Whole replies of chats: normalized on lane 1, and put into the form that the caller asked for if they have the other.

Some hosts ignore ``stream: true`` and answer in one piece, others stream though no stream was asked for
(docs/fidelity.md#the-other-form). Lane 2 does the same while it translates (translate.py).
"""

from __future__ import annotations

from typing import Final

from penstock.core.failure import Failure
from penstock.core.http import content_type
from penstock.dialects.caller import EVENT_STREAM, NormalizedReply
from penstock.dialects.framing import sse
from penstock.pipeline.prepare import PreparedRequest
from penstock.pipeline.replies.wrapped_reply import begins_json
from penstock.transport.base import Reply

LARGEST: Final = 8 << 20
"""Bytes of the largest whole reply that is held: a larger one passes as it is."""


def is_stream(reply: Reply, body: bytes) -> bool:
    """Whether a whole reply is a stream of events: its first bytes tell."""
    if body.startswith(b"{"):
        return False
    return sse.begins(body) or (content_type(reply.headers).startswith(EVENT_STREAM) and not begins_json(body))


def unframed(body: bytes, prepared: PreparedRequest) -> bytes | Failure | None:
    """The events of a reply on lane 1 that was read whole and is a stream in the frames of its wire; None for any other
    reply."""
    relay = prepared.dialect.relay
    if relay.is_stream is None or prepared.context is None or not relay.is_stream(body):
        return None
    transform = relay.stream(prepared.context)
    if transform is None:
        return None
    events = transform.feed(body) + transform.finish()
    return transform.failure or events


def normalized(body: bytes, prepared: PreparedRequest) -> NormalizedReply:
    """A plain reply, on lane 1 without what deviates from the wire."""
    return NormalizedReply(body) if prepared.normalize is None else prepared.normalize(body)


def streamed(body: bytes, prepared: PreparedRequest) -> tuple[bytes, bool]:
    """A plain reply as the stream that was asked for, and whether an event with the usage is in it that nobody asked
    for; no bytes for a reply that can't be told so."""
    replies = prepared.dialect.replies
    to_stream, is_usage_only = replies.reshape.to_stream, replies.stream.is_usage_only
    with_usage = to_stream(body, True)
    if with_usage is not None and (prepared.wants_usage or is_usage_only is None):
        return with_usage, False
    stream = to_stream(body, False) or b""
    if with_usage is None or is_usage_only is None or not stream:
        return stream, False
    usage = [block for block in sse.blocks(with_usage) if any(is_usage_only(data) for _, data in sse.events(block))]
    *events, done = sse.blocks(stream)
    return b"".join([*events, *usage, done]), True
