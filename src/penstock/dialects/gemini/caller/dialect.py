"""Gemini as callers speak it: one value."""

from __future__ import annotations

from typing import Final

import msgspec

from penstock.dialects.caller import CallerDialect, Delivery, Reading, Relay, Replies, Writing
from penstock.dialects.gemini.caller.array import stream_form
from penstock.dialects.gemini.caller.contents import LOST
from penstock.dialects.gemini.caller.errors import ERRORS
from penstock.dialects.gemini.caller.members import PLACES
from penstock.dialects.gemini.caller.model_list import MODEL_LISTS
from penstock.dialects.gemini.caller.reply import write_reply
from penstock.dialects.gemini.caller.request import read_request
from penstock.dialects.gemini.caller.stream import KEEP_ALIVE, ResponseWriter
from penstock.dialects.gemini.caller.texts import TEXTS
from penstock.dialects.gemini.relay import interactions, predictions
from penstock.dialects.gemini.relay.judge import judge
from penstock.dialects.gemini.relay.live import SESSION
from penstock.dialects.gemini.relay.request import fit_request, fits_of
from penstock.dialects.gemini.relay.reshape import RESHAPE
from penstock.dialects.gemini.relay.stream import GRAMMAR
from penstock.dialects.malformed import read_body


def _count(tokens: int) -> bytes:
    return b'{"totalTokens":%d}' % tokens


_COLLECTIONS: Final = frozenset({"batches", "files", "cachedContents"})
"""What the Gemini API keeps, by the beginning of its name."""

GEMINI: Final = CallerDialect(
    name="gemini",
    reading=Reading(read_body, read_request, lost=LOST),
    writing=Writing(write_reply, ResponseWriter, _count, MODEL_LISTS, places=PLACES),
    errors=ERRORS,
    replies=Replies(judge, GRAMMAR, RESHAPE, asked=predictions.asked),
    relay=Relay(fit_request, session=SESSION, fits=fits_of, collections=_COLLECTIONS),
    delivery=Delivery(KEEP_ALIVE, stream_form),
    texts=TEXTS,
)
"""Callers of Gemini's generateContent. Counts of tokens (``:countTokens``) are asked for in the same words."""

INTERACTIONS: Final = msgspec.structs.replace(
    GEMINI, replies=msgspec.structs.replace(GEMINI.replies, judge=interactions.judge, stream=interactions.STREAM)
)
"""Callers of interactions, which pass as they are; their usage is read."""
