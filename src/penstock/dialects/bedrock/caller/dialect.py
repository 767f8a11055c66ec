"""Converse as callers speak it: one value."""

from __future__ import annotations

from typing import Final

from penstock.core.body import Body
from penstock.dialects.bedrock.caller.errors import ERRORS, REQUEST_ID
from penstock.dialects.bedrock.caller.frames import converse_form
from penstock.dialects.bedrock.caller.reply import write_reply
from penstock.dialects.bedrock.caller.request import read_request
from penstock.dialects.bedrock.caller.stream import ConverseWriter
from penstock.dialects.bedrock.caller.texts import TEXTS
from penstock.dialects.bedrock.relay.frames import ConverseFrames
from penstock.dialects.bedrock.relay.judge import judge
from penstock.dialects.bedrock.relay.request import fit_request
from penstock.dialects.bedrock.relay.reshape import RESHAPE
from penstock.dialects.bedrock.relay.stream import GRAMMAR
from penstock.dialects.caller import CallerDialect, Relay, Replies, StreamTransform
from penstock.dialects.dialect import WriteContext
from penstock.dialects.malformed import read_body

KEEP_ALIVE: Final = b": \n\n"
"""A comment, which has no frame: AWS's clients know no sign of life."""


def _always(_body: Body) -> bool:
    """A stream of this wire always tells its usage."""
    return True


def _as_it_is(body: Body) -> Body:
    return body


def _plain(_context: WriteContext) -> None:
    """Whole replies pass as they are."""


def _stream(_context: WriteContext) -> StreamTransform:
    return ConverseFrames()


def _events(_context: WriteContext, _moves_usage: bool) -> None:
    """Events pass as they are."""


CONVERSE: Final = CallerDialect(
    name="bedrock_converse",
    read_body=read_body,
    read_request=read_request,
    write_reply=write_reply,
    stream_writer=ConverseWriter,
    errors=ERRORS,
    replies=Replies(_always, _as_it_is, judge, GRAMMAR, RESHAPE),
    relay=Relay(fit_request, _plain, _stream, _events),
    keep_alive=KEEP_ALIVE,
    stream_form=converse_form,
    texts=TEXTS,
    id_header=REQUEST_ID,
)
"""Callers of Bedrock's Converse and ConverseStream."""
