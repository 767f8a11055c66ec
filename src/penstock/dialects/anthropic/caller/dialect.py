"""Anthropic Messages as callers speak it: one value."""

from __future__ import annotations

from typing import Final

from penstock.core.body import Body
from penstock.dialects.anthropic.caller.errors import ERRORS
from penstock.dialects.anthropic.caller.model_list import MODEL_LISTS
from penstock.dialects.anthropic.caller.reply import write_reply
from penstock.dialects.anthropic.caller.request import read_request
from penstock.dialects.anthropic.caller.stream import PING, MessageWriter
from penstock.dialects.anthropic.caller.texts import TEXTS
from penstock.dialects.anthropic.relay.frames import InvokeFrames
from penstock.dialects.anthropic.relay.judge import judge
from penstock.dialects.anthropic.relay.request import fit_request
from penstock.dialects.anthropic.relay.reshape import RESHAPE
from penstock.dialects.anthropic.relay.stream import GRAMMAR
from penstock.dialects.caller import CallerDialect, Relay, Replies, StreamTransform
from penstock.dialects.dialect import WriteContext
from penstock.dialects.malformed import read_body


def _always(_body: Body) -> bool:
    """A stream of this wire always tells its usage."""
    return True


def _as_it_is(body: Body) -> Body:
    return body


def _plain(_context: WriteContext) -> None:
    """Whole replies pass as they are, from every host."""


def _stream(context: WriteContext) -> StreamTransform | None:
    return InvokeFrames() if context.variant == "bedrock" else None


def _events(_context: WriteContext, _moves_usage: bool) -> None:
    """Events pass as they are, from every host."""


def _count(tokens: int) -> bytes:
    return b'{"input_tokens":%d}' % tokens


ANTHROPIC: Final = CallerDialect(
    name="anthropic",
    read_body=read_body,
    read_request=read_request,
    write_reply=write_reply,
    stream_writer=MessageWriter,
    errors=ERRORS,
    replies=Replies(_always, _as_it_is, judge, GRAMMAR, RESHAPE),
    relay=Relay(fit_request, _plain, _stream, _events),
    keep_alive=PING,
    models=MODEL_LISTS,
    header_settings={b"anthropic-beta": "anthropic_beta", b"anthropic-version": "anthropic_version"},
    texts=TEXTS,
    write_count=_count,
)
"""Callers of Anthropic Messages. Counts of tokens (``/v1/messages/count_tokens``) are asked for in the same words."""
