"""Ollama as callers speak it: a value for chats, one for prompts."""

from __future__ import annotations

from functools import partial
from typing import Final

import msgspec

from penstock.core.body import Body, BodyError
from penstock.core.failure import Failure, Kind
from penstock.dialects.caller import CallerDialect, FittedRequest, Relay, Replies
from penstock.dialects.config_members import within
from penstock.dialects.dialect import WriteContext
from penstock.dialects.ollama.caller import members, request
from penstock.dialects.ollama.caller.errors import ERRORS
from penstock.dialects.ollama.caller.model_list import MODEL_LISTS
from penstock.dialects.ollama.caller.reply import write_reply
from penstock.dialects.ollama.caller.stream import KEEP_ALIVE, LineWriter
from penstock.dialects.ollama.caller.texts import CHAT_TEXTS, GENERATE_TEXTS
from penstock.dialects.ollama.lines import LineEvents, stream_form
from penstock.dialects.ollama.relay.judge import judge
from penstock.dialects.ollama.relay.reshape import RESHAPE
from penstock.dialects.ollama.relay.stream import GRAMMAR


def _always(_body: Body) -> bool:
    """A stream of this wire always tells its usage."""
    return True


def _as_it_is(body: Body) -> Body:
    return body


def _fit_request(body: Body, _context: WriteContext) -> FittedRequest | Failure:
    """Requests pass as they are; a config's parameters become options."""
    try:
        return FittedRequest(within(body, request.OPTIONS, request.CHAT_NAMES))
    except BodyError as error:
        return Failure(Kind.INVALID_JSON, f"The gateway could not read the request: {error}.")


def _plain(_context: WriteContext) -> None:
    """Whole replies pass as they are."""


def _stream(_context: WriteContext) -> LineEvents:
    """Lines become events; server/form.py makes them lines again."""
    return LineEvents()


def _events(_context: WriteContext, _moves_usage: bool) -> None:
    """Events pass as they are."""


OLLAMA: Final = CallerDialect(
    name="ollama",
    read_body=request.read_members,
    read_request=request.read_chat,
    write_reply=partial(write_reply, members.CHAT),
    stream_writer=partial(LineWriter, members.CHAT),
    errors=ERRORS,
    replies=Replies(_always, _as_it_is, judge, GRAMMAR, RESHAPE),
    no_place=frozenset({request.NO_PLACE}),
    relay=Relay(_fit_request, _plain, _stream, _events),
    keep_alive=KEEP_ALIVE,
    stream_form=stream_form,
    models=MODEL_LISTS,
    asks_stream=request.asks_stream,
    texts=CHAT_TEXTS,
)
"""Callers of ``/api/chat``, and of what Ollama's API tells of models."""

OLLAMA_GENERATE: Final = msgspec.structs.replace(
    OLLAMA,
    name="ollama_generate",
    read_request=request.read_generate,
    write_reply=partial(write_reply, members.GENERATE),
    stream_writer=partial(LineWriter, members.GENERATE),
    texts=GENERATE_TEXTS,
)
"""Callers of ``/api/generate``."""
