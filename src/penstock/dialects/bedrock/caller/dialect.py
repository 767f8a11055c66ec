"""Converse as callers speak it: one value."""

from __future__ import annotations

from typing import Final

from penstock.dialects.bedrock.caller.errors import ERRORS, REQUEST_ID
from penstock.dialects.bedrock.caller.frames import converse_form
from penstock.dialects.bedrock.caller.members import PLACES
from penstock.dialects.bedrock.caller.messages import LOST
from penstock.dialects.bedrock.caller.reply import write_reply
from penstock.dialects.bedrock.caller.request import read_request
from penstock.dialects.bedrock.caller.stream import ConverseWriter
from penstock.dialects.bedrock.caller.texts import TEXTS
from penstock.dialects.bedrock.relay.frames import ConverseFrames
from penstock.dialects.bedrock.relay.judge import judge
from penstock.dialects.bedrock.relay.request import fit_request, fits_of
from penstock.dialects.bedrock.relay.reshape import RESHAPE
from penstock.dialects.bedrock.relay.stream import GRAMMAR
from penstock.dialects.caller import CallerDialect, Delivery, Reading, Relay, Replies, StreamTransform, Writing
from penstock.dialects.dialect import WriteContext
from penstock.dialects.framing import aws_eventstream
from penstock.dialects.malformed import read_body

KEEP_ALIVE: Final = b": \n\n"
"""A comment, which has no frame: AWS's clients know no sign of life."""


def _stream(_context: WriteContext) -> StreamTransform:
    return ConverseFrames()


CONVERSE: Final = CallerDialect(
    name="bedrock_converse",
    reading=Reading(read_body, read_request, lost=LOST),
    writing=Writing(write_reply, ConverseWriter, places=PLACES),
    errors=ERRORS,
    replies=Replies(judge, GRAMMAR, RESHAPE),
    relay=Relay(fit_request, stream=_stream, is_stream=aws_eventstream.begins, fits=fits_of),
    delivery=Delivery(KEEP_ALIVE, converse_form, REQUEST_ID),
    texts=TEXTS,
)
"""Callers of Bedrock's Converse and ConverseStream."""
