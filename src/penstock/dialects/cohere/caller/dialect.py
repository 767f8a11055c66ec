"""Cohere as callers speak it: one value."""

from __future__ import annotations

from typing import Final

from penstock.core.body import Body
from penstock.dialects.caller import CallerDialect, FittedRequest, Relay, Replies
from penstock.dialects.cohere.caller.errors import ERRORS
from penstock.dialects.cohere.caller.reply import write_reply
from penstock.dialects.cohere.caller.request import CHAT_NAMES, NO_PLACE, read_request
from penstock.dialects.cohere.caller.stream import KEEP_ALIVE, StreamWriter
from penstock.dialects.cohere.caller.texts import TEXTS
from penstock.dialects.cohere.relay.judge import judge, judge_translated
from penstock.dialects.cohere.relay.reshape import RESHAPE
from penstock.dialects.cohere.relay.stream import GRAMMAR, TRANSLATED
from penstock.dialects.config_members import renamed
from penstock.dialects.dialect import WriteContext
from penstock.dialects.malformed import read_body


def _always(_body: Body) -> bool:
    """A stream of this wire always tells its usage."""
    return True


def _as_it_is(body: Body) -> Body:
    return body


def _fit_request(body: Body, _context: WriteContext) -> FittedRequest:
    """Requests pass as they are; a config's parameters take Cohere's names."""
    return FittedRequest(renamed(body, CHAT_NAMES))


def _plain(_context: WriteContext) -> None:
    """Whole replies pass as they are."""


def _stream(_context: WriteContext) -> None:
    """Streams pass as they are."""


def _events(_context: WriteContext, _moves_usage: bool) -> None:
    """Events pass as they are."""


COHERE: Final = CallerDialect(
    name="cohere",
    read_body=read_body,
    read_request=read_request,
    write_reply=write_reply,
    stream_writer=StreamWriter,
    errors=ERRORS,
    replies=Replies(
        _always, _as_it_is, judge, GRAMMAR, RESHAPE, translated=TRANSLATED, judge_translated=judge_translated
    ),
    no_place=frozenset({NO_PLACE}),
    relay=Relay(_fit_request, _plain, _stream, _events),
    keep_alive=KEEP_ALIVE,
    texts=TEXTS,
)
"""Callers of ``/v2/chat``."""
