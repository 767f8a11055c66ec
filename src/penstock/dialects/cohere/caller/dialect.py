"""Cohere as callers speak it: one value."""

from __future__ import annotations

from typing import Final

from penstock.core.body import Body
from penstock.dialects.caller import CallerDialect, Delivery, FittedRequest, Reading, Relay, Replies, Writing
from penstock.dialects.cohere.caller.errors import ERRORS
from penstock.dialects.cohere.caller.members import PLACES
from penstock.dialects.cohere.caller.messages import LOST
from penstock.dialects.cohere.caller.model_list import MODEL_LISTS
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
from penstock.dialects.nothing_foreign import NothingForeign
from penstock.dialects.transcript import transcript

_FITS: Final = NothingForeign(elsewhere=frozenset(CHAT_NAMES))


def _fits_of(_context: WriteContext) -> NothingForeign:
    """What tells of a body that it passes as it is."""
    return _FITS


def _fit_request(body: Body, _context: WriteContext) -> FittedRequest:
    """Requests pass as they are; a config's parameters take Cohere's names."""
    return FittedRequest(renamed(body, CHAT_NAMES))


COHERE: Final = CallerDialect(
    name="cohere",
    reading=Reading(read_body, read_request, lost=LOST, transcript=transcript),
    writing=Writing(write_reply, StreamWriter, models=MODEL_LISTS, no_place=frozenset({NO_PLACE}), places=PLACES),
    errors=ERRORS,
    replies=Replies(judge, GRAMMAR, RESHAPE, translated=TRANSLATED, judge_translated=judge_translated),
    relay=Relay(_fit_request, fits=_fits_of),
    delivery=Delivery(KEEP_ALIVE),
    texts=TEXTS,
)
"""Callers of ``/v2/chat``."""
