"""OpenAI Responses as callers speak it: one value."""

from __future__ import annotations

from typing import Final

from penstock.dialects.caller import CallerDialect, Delivery, Reading, Relay, Replies, Writing
from penstock.dialects.malformed import read_body
from penstock.dialects.responses.caller.errors import ERRORS
from penstock.dialects.responses.caller.items import LOST
from penstock.dialects.responses.caller.members import PLACES
from penstock.dialects.responses.caller.reply import write_reply
from penstock.dialects.responses.caller.request import read_request
from penstock.dialects.responses.caller.stream import ResponseWriter
from penstock.dialects.responses.caller.texts import TEXTS
from penstock.dialects.responses.relay.bound import KEPT_IDS
from penstock.dialects.responses.relay.judge import judge
from penstock.dialects.responses.relay.request import fit_request, fits_of
from penstock.dialects.responses.relay.reshape import RESHAPE
from penstock.dialects.responses.relay.session import SESSION
from penstock.dialects.responses.relay.stream import GRAMMAR


def _count(tokens: int) -> bytes:
    return b'{"object":"response.input_tokens","input_tokens":%d}' % tokens


RESPONSES: Final = CallerDialect(
    name="responses",
    reading=Reading(read_body, read_request, lost=LOST),
    writing=Writing(write_reply, ResponseWriter, _count, tells_refusals=True, places=PLACES),
    errors=ERRORS,
    replies=Replies(judge, GRAMMAR, RESHAPE),
    relay=Relay(fit_request, kept_ids=KEPT_IDS, session=SESSION, fits=fits_of),
    delivery=Delivery(b": keep-alive\n"),
    texts=TEXTS,
)
"""Callers of OpenAI Responses. What is asked of a stored response is asked in the same words."""
