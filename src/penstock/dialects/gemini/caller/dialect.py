"""Gemini as callers speak it: one value."""

from __future__ import annotations

from typing import Final

from penstock.core.body import Body
from penstock.dialects.caller import CallerDialect, Relay, Replies
from penstock.dialects.dialect import WriteContext
from penstock.dialects.gemini.caller.array import stream_form
from penstock.dialects.gemini.caller.errors import ERRORS
from penstock.dialects.gemini.caller.model_list import MODEL_LISTS
from penstock.dialects.gemini.caller.reply import write_reply
from penstock.dialects.gemini.caller.request import read_request
from penstock.dialects.gemini.caller.stream import KEEP_ALIVE, ResponseWriter
from penstock.dialects.gemini.caller.texts import TEXTS
from penstock.dialects.gemini.relay.judge import judge
from penstock.dialects.gemini.relay.live import SESSION
from penstock.dialects.gemini.relay.request import fit_request
from penstock.dialects.gemini.relay.reshape import RESHAPE
from penstock.dialects.gemini.relay.stream import GRAMMAR
from penstock.dialects.malformed import read_body


def _always(_body: Body) -> bool:
    """A stream of this wire always tells its usage."""
    return True


def _as_it_is(body: Body) -> Body:
    return body


def _plain(_context: WriteContext) -> None:
    """Whole replies pass as they are, from every host."""


def _stream(_context: WriteContext) -> None:
    """Streams pass as they are, from every host."""


def _events(_context: WriteContext, _moves_usage: bool) -> None:
    """Events pass as they are, from every host."""


def _count(tokens: int) -> bytes:
    return b'{"totalTokens":%d}' % tokens


GEMINI: Final = CallerDialect(
    name="gemini",
    read_body=read_body,
    read_request=read_request,
    write_reply=write_reply,
    stream_writer=ResponseWriter,
    errors=ERRORS,
    replies=Replies(_always, _as_it_is, judge, GRAMMAR, RESHAPE),
    relay=Relay(fit_request, _plain, _stream, _events, session=SESSION),
    keep_alive=KEEP_ALIVE,
    stream_form=stream_form,
    models=MODEL_LISTS,
    texts=TEXTS,
    write_count=_count,
)
"""Callers of Gemini's generateContent. Counts of tokens (``:countTokens``) are asked for in the same words."""
