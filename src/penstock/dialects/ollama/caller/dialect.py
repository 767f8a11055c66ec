"""Ollama as callers speak it: a value for chats, one for prompts."""

from __future__ import annotations

from functools import partial
from typing import Final

import msgspec

from penstock.core.body import Body, BodyError
from penstock.core.failure import Failure, Kind
from penstock.dialects.caller import CallerDialect, Delivery, FittedRequest, Reading, Relay, Replies, Writing
from penstock.dialects.config_members import within
from penstock.dialects.dialect import WriteContext
from penstock.dialects.framing import ndjson
from penstock.dialects.nothing_foreign import NothingForeign
from penstock.dialects.ollama.caller import members, request
from penstock.dialects.ollama.caller.errors import ERRORS
from penstock.dialects.ollama.caller.messages import LOST
from penstock.dialects.ollama.caller.model_list import MODEL_LISTS
from penstock.dialects.ollama.caller.reply import write_reply
from penstock.dialects.ollama.caller.stream import KEEP_ALIVE, LineWriter
from penstock.dialects.ollama.caller.texts import CHAT_TEXTS, GENERATE_TEXTS
from penstock.dialects.ollama.lines import LineEvents, stream_form
from penstock.dialects.ollama.relay.judge import judge
from penstock.dialects.ollama.relay.reshape import RESHAPE
from penstock.dialects.ollama.relay.stream import GRAMMAR
from penstock.dialects.transcript import transcript

_FITS: Final = NothingForeign(elsewhere=frozenset(request.CHAT_NAMES))


def _fits_of(_context: WriteContext) -> NothingForeign:
    """What tells of a body that it passes as it is."""
    return _FITS


def _fit_request(body: Body, _context: WriteContext) -> FittedRequest | Failure:
    """Requests pass as they are; a config's parameters become options."""
    try:
        return FittedRequest(within(body, request.OPTIONS, request.CHAT_NAMES))
    except BodyError as error:
        return Failure(Kind.INVALID_JSON, f"The gateway could not read the request: {error}.")


def _stream(_context: WriteContext) -> LineEvents:
    """Lines become events; server/stream_form.py makes them lines again."""
    return LineEvents()


OLLAMA: Final = CallerDialect(
    name="ollama",
    reading=Reading(request.read_members, request.read_chat, request.asks_stream, transcript=transcript, lost=LOST),
    writing=Writing(
        partial(write_reply, members.CHAT),
        partial(LineWriter, members.CHAT),
        models=MODEL_LISTS,
        no_place=frozenset({request.NO_PLACE}),
        places=members.PLACES,
    ),
    errors=ERRORS,
    replies=Replies(judge, GRAMMAR, RESHAPE),
    relay=Relay(_fit_request, stream=_stream, is_stream=ndjson.is_several, fits=_fits_of),
    delivery=Delivery(KEEP_ALIVE, stream_form),
    texts=CHAT_TEXTS,
)
"""Callers of ``/api/chat``, and of what Ollama's API tells of models."""

OLLAMA_GENERATE: Final = msgspec.structs.replace(
    OLLAMA,
    name="ollama_generate",
    reading=msgspec.structs.replace(OLLAMA.reading, request=request.read_generate),
    writing=msgspec.structs.replace(
        OLLAMA.writing, reply=partial(write_reply, members.GENERATE), stream=partial(LineWriter, members.GENERATE)
    ),
    texts=GENERATE_TEXTS,
)
"""Callers of ``/api/generate``."""
