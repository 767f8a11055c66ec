"""The caller dialect of OpenAI's chat completions. Embeddings and lists of models use the same dialect on lane 1."""

from __future__ import annotations

from typing import Final

from penstock.core.body import Body
from penstock.dialects.caller import CallerDialect, Delivery, Reading, Relay, Replies, Reshape, Writing
from penstock.dialects.caller_errors import CallerErrors
from penstock.dialects.malformed import read_body
from penstock.dialects.openai.caller import errors
from penstock.dialects.openai.caller.carried import PLACES
from penstock.dialects.openai.caller.chunks import ChunkWriter
from penstock.dialects.openai.caller.completion import completion, plain_completion, verdict
from penstock.dialects.openai.caller.messages import LOST
from penstock.dialects.openai.caller.request import from_body
from penstock.dialects.openai.caller.texts import TEXTS
from penstock.dialects.openai.relay import chat_body, gather, judge, normalize, normalize_stream, replay
from penstock.dialects.openai.relay.realtime import SESSION
from penstock.dialects.openai.relay.request import fit_request, fits_of
from penstock.dialects.openai.relay.stream import STREAM
from penstock.dialects.transcript import transcript

IN_CHAT: Final = "responses_in_chat"
"""Bodies of Responses at this path (responses/caller/in_chat.py)."""
_CHAT: Final = "openai_chat"


def wire_of(body: Body) -> str:
    """The name of a body's wire: it is one of Responses where it has ``input`` in place of ``messages``."""
    return _CHAT if "messages" in body or "input" not in body else IN_CHAT


OPENAI: Final = CallerDialect(
    name=_CHAT,
    reading=Reading(read_body, from_body, transcript=transcript, wire_of=wire_of, lost=LOST),
    writing=Writing(completion, ChunkWriter, verdict=verdict, places=PLACES, plain=plain_completion),
    errors=CallerErrors(
        errors.own,
        errors.own_event,
        errors.provider,
        errors.provider_event,
        errors.as_event,
        errors.has_shape,
        errors.beside,
        denied_status=446,
        marked_status=246,
    ),
    replies=Replies(
        judge.judge,
        STREAM,
        Reshape(gather.to_plain, replay.to_stream, replay.with_usage, gather.gather),
        chat_body.wants_usage,
        chat_body.with_usage,
    ),
    relay=Relay(
        fit_request,
        normalize.change_of,
        normalizer=normalize_stream.normalizer_of,
        session=SESSION,
        fits=fits_of,
    ),
    # A comment line without an empty line after it: some clients read a comment and an empty line as an event.
    delivery=Delivery(b": keep-alive\n"),
    texts=TEXTS,
)
