"""OpenAI Responses as callers speak it: one value."""

from __future__ import annotations

from typing import Final

from penstock.core.body import Body
from penstock.dialects.caller import CallerDialect, Relay, Replies
from penstock.dialects.dialect import WriteContext
from penstock.dialects.malformed import read_body
from penstock.dialects.responses.caller.errors import ERRORS
from penstock.dialects.responses.caller.reply import write_reply
from penstock.dialects.responses.caller.request import read_request
from penstock.dialects.responses.caller.stream import ResponseWriter
from penstock.dialects.responses.caller.texts import TEXTS
from penstock.dialects.responses.relay.bound import KEPT_IDS
from penstock.dialects.responses.relay.judge import judge
from penstock.dialects.responses.relay.request import fit_request
from penstock.dialects.responses.relay.reshape import RESHAPE
from penstock.dialects.responses.relay.session import SESSION
from penstock.dialects.responses.relay.stream import GRAMMAR


def _always(_body: Body) -> bool:
    """A stream of this wire always tells its usage."""
    return True


def _as_it_is(body: Body) -> Body:
    return body


def _unchanged(_context: WriteContext) -> None:
    """Whole replies pass as they are, and every host sends server-sent events."""


def _events(_context: WriteContext, _moves_usage: bool) -> None:
    """Events pass as they are, from every host."""


def _count(tokens: int) -> bytes:
    return b'{"object":"response.input_tokens","input_tokens":%d}' % tokens


RESPONSES: Final = CallerDialect(
    name="responses",
    read_body=read_body,
    read_request=read_request,
    write_reply=write_reply,
    stream_writer=ResponseWriter,
    errors=ERRORS,
    replies=Replies(_always, _as_it_is, judge, GRAMMAR, RESHAPE),
    relay=Relay(fit_request, _unchanged, _unchanged, _events, KEPT_IDS, SESSION),
    keep_alive=b": keep-alive\n",
    texts=TEXTS,
    write_count=_count,
    tells_refusals=True,
)
"""Callers of OpenAI Responses. What is asked of a stored response is asked in the same words."""
