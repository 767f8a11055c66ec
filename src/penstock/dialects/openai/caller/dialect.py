"""The caller dialect of OpenAI's chat completions. Embeddings and lists of models use the same dialect on lane 1."""

from __future__ import annotations

from typing import Final

from penstock.dialects.caller import CallerDialect, CallerErrors, Relay, Replies, Reshape
from penstock.dialects.dialect import WriteContext
from penstock.dialects.malformed import read_body
from penstock.dialects.openai.caller import errors
from penstock.dialects.openai.caller.chunks import ChunkWriter
from penstock.dialects.openai.caller.completion import completion
from penstock.dialects.openai.caller.request import from_body
from penstock.dialects.openai.caller.texts import TEXTS
from penstock.dialects.openai.relay import body, gather, judge, normalize, normalize_stream, replay
from penstock.dialects.openai.relay.realtime import SESSION
from penstock.dialects.openai.relay.request import fit_request, fits_of
from penstock.dialects.openai.relay.stream import STREAM


def _no_frames(_context: WriteContext) -> None:
    """Every host sends this wire's streams as server-sent events."""


OPENAI: Final = CallerDialect(
    name="openai_chat",
    read_body=read_body,
    read_request=from_body,
    write_reply=completion,
    stream_writer=ChunkWriter,
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
        body.wants_usage,
        body.with_usage,
        judge.judge,
        STREAM,
        Reshape(gather.to_plain, replay.to_stream, replay.with_usage, gather.gather),
    ),
    relay=Relay(
        fit_request, normalize.change_of, _no_frames, normalize_stream.normalizer_of, session=SESSION, fits=fits_of
    ),
    # A comment line without an empty line after it: some clients read a comment and an empty line as an event.
    keep_alive=b": keep-alive\n",
    texts=TEXTS,
)
