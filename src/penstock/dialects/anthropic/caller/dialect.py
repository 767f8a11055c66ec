"""Anthropic Messages as callers speak it: one value."""

from __future__ import annotations

from typing import Final

from penstock.dialects.anthropic.caller.errors import ERRORS
from penstock.dialects.anthropic.caller.members import PLACES
from penstock.dialects.anthropic.caller.messages import LOST
from penstock.dialects.anthropic.caller.model_list import MODEL_LISTS
from penstock.dialects.anthropic.caller.reply import write_reply
from penstock.dialects.anthropic.caller.request import read_request
from penstock.dialects.anthropic.caller.stream import PING, MessageWriter
from penstock.dialects.anthropic.caller.texts import TEXTS
from penstock.dialects.anthropic.relay.frames import InvokeFrames
from penstock.dialects.anthropic.relay.judge import judge
from penstock.dialects.anthropic.relay.request import fit_request, fits_of
from penstock.dialects.anthropic.relay.reshape import RESHAPE
from penstock.dialects.anthropic.relay.stream import GRAMMAR
from penstock.dialects.caller import CallerDialect, Delivery, Reading, Relay, Replies, StreamTransform, Writing
from penstock.dialects.dialect import WriteContext
from penstock.dialects.malformed import read_body
from penstock.dialects.transcript import transcript


def _stream(context: WriteContext) -> StreamTransform | None:
    return InvokeFrames() if context.variant == "bedrock" else None


def _count(tokens: int) -> bytes:
    return b'{"input_tokens":%d}' % tokens


ANTHROPIC: Final = CallerDialect(
    name="anthropic",
    reading=Reading(
        read_body,
        read_request,
        header_settings={b"anthropic-beta": "anthropic_beta", b"anthropic-version": "anthropic_version"},
        transcript=transcript,
        lost=LOST,
    ),
    writing=Writing(write_reply, MessageWriter, _count, MODEL_LISTS, places=PLACES),
    errors=ERRORS,
    replies=Replies(judge, GRAMMAR, RESHAPE),
    relay=Relay(fit_request, stream=_stream, fits=fits_of),
    delivery=Delivery(PING),
    texts=TEXTS,
)
"""Callers of Anthropic Messages. Counts of tokens (``/v1/messages/count_tokens``) are asked for in the same words."""
