"""Stage, inside an attempt, on lane 2: a request into the provider's dialect, and its reply back into the caller's.

A translated reply is a ``Reply`` like any other, in OpenAI's dialect: whatever comes after this stage (holding back,
caching, replaying, relaying) knows of one dialect only.
"""

from __future__ import annotations

import random
import time
from typing import Final

import msgspec

from penstock.core.body import Body
from penstock.core.events import Event, collect
from penstock.core.failure import Failure, Kind
from penstock.core.http import Headers, content_type
from penstock.dialects.dialect import Payload, ProviderDialect, WriteContext
from penstock.dialects.framing.frame import MAX_FRAME
from penstock.dialects.openai.caller import request as openai_request
from penstock.dialects.openai.caller.chunks import ChunkWriter
from penstock.dialects.openai.caller.completion import completion
from penstock.dialects.openai.caller.errors import translated_error, translated_event
from penstock.dialects.openai.caller.members import Caption
from penstock.dialects.openai.relay import body as openai_body
from penstock.transport.base import Reply

_FRAMING: Final = frozenset({b"content-type", b"content-length", b"transfer-encoding"})


class Translation(msgspec.Struct, frozen=True):
    """How one request's reply is to be read, and told."""

    dialect: ProviderDialect
    context: WriteContext
    is_strict: bool
    streams: bool
    include_usage: bool = False

    def caption(self) -> Caption:
        """What the reply says of itself where its provider says nothing."""
        return Caption(
            f"chatcmpl-{random.getrandbits(96):024x}",
            int(time.time()),
            self.context.model,
            self.context.provider,
            self.is_strict,
            self.include_usage,
        )


def translate_request(dialect: ProviderDialect, body: Body, context: WriteContext) -> Payload | Failure:
    """The body of a request in a provider's dialect."""
    request = openai_request.from_body(body)
    return request if isinstance(request, Failure) else dialect.write(request, context)


def translate_reply(reply: Reply, translation: Translation) -> Reply:
    """A provider's reply in the caller's dialect."""
    if not 200 <= reply.status < 300:
        return _WholeReply(reply, translation, is_error=True)
    kind = content_type(reply.headers)
    if translation.streams and kind.startswith(translation.dialect.stream_types):
        return _StreamedReply(reply, translation)
    return _WholeReply(reply, translation, is_error=False)


def _headers(reply: Reply, kind: bytes) -> Headers:
    return [(b"content-type", kind), *[field for field in reply.headers if field[0] not in _FRAMING]]


class _StreamedReply:
    """A stream, event by event as it arrives."""

    framed = True

    def __init__(self, inner: Reply, translation: Translation) -> None:
        self.status = inner.status
        self.headers = _headers(inner, openai_body.STREAM_TYPE)
        self.failure: Failure | None = None
        self._inner = inner
        self._provider = translation.context.provider
        self._reader = translation.dialect.reader(translation.context)
        self._writer = ChunkWriter(translation.caption())
        self._ended = False

    async def read(self) -> bytes:
        while not self._ended:
            data = await self._inner.read()
            if data:
                chunks = self._known(self._reader.feed(data))
            elif self._inner.failure is not None:
                self.failure = self._inner.failure
                self._ended = True
                return b""
            else:
                chunks = self._known(self._reader.finish())
                if not self._ended:
                    self._ended = True
                    chunks += self._writer.finish()
            if chunks:
                return chunks
        return b""

    def _known(self, events: list[Event]) -> bytes:
        """The chunks of some events; an error of the provider's ends the stream with it."""
        chunks = self._writer.write(events)
        fail = self._writer.failed
        if fail is None:
            return chunks
        self._ended = True
        self._inner.close()
        if fail.broken:
            text = f"The provider {self._provider} broke off its answer: {fail.message.rstrip('.')}."
            self.failure = Failure(Kind.TRUNCATED, text, sent=True)
            return chunks
        return chunks + b"data: " + translated_event(fail, self._provider) + b"\n\n"

    def close(self) -> None:
        self._ended = True
        self._inner.close()


class _WholeReply:
    """A plain reply or an error: read to its end, then told at once."""

    framed = True

    def __init__(self, inner: Reply, translation: Translation, *, is_error: bool) -> None:
        streams = translation.streams and not is_error
        self.status = inner.status
        self.headers = _headers(inner, openai_body.STREAM_TYPE if streams else openai_body.CONTENT_TYPE)
        self.failure: Failure | None = None
        self._inner = inner
        self._translation = translation
        self._is_error = is_error
        self._ended = False

    async def read(self) -> bytes:
        if self._ended:
            return b""
        self._ended = True
        inner, parts, size = self._inner, [], 0
        while data := await inner.read():
            parts.append(data)
            size += len(data)
            if size > MAX_FRAME:
                inner.close()
                self.failure = self._unusable(f"sent a reply of more than {MAX_FRAME >> 20} MiB")
                return b""
        self.failure = inner.failure
        return self._of_whole(b"".join(parts)) if self.failure is None else b""

    def _of_whole(self, body: bytes) -> bytes:
        context = self._translation.context
        if self._is_error:
            return translated_error(self.status, self._inner.headers, body, context.provider)
        return self._known(self._translation.dialect.read_reply(body, context))

    def _known(self, events: list[Event]) -> bytes:
        translation = self._translation
        reply = collect(events)
        if reply.failure is not None:
            self.failure = self._unusable(f"sent an error in place of an answer: {reply.failure.message.rstrip('.')}")
            return b""
        if not translation.streams:
            return completion(reply, translation.caption())
        writer = ChunkWriter(translation.caption())
        return writer.write(events) + writer.finish()

    def _unusable(self, what: str) -> Failure:
        return Failure(Kind.INVALID_RESPONSE, f"The provider {self._translation.context.provider} {what}.", sent=True)

    def close(self) -> None:
        self._ended = True
        self._inner.close()
