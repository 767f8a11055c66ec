"""Stage, inside an attempt, on lane 2: a request is translated to the provider's wire, its reply to the caller's wire.

Between the two wires are typed events (core/events.py), never the bytes of a third wire. A translated reply is a
``Reply`` in the caller's dialect: the later stages know only the caller's dialect. A text of a stream may be its JSON,
where both wires write it alike (dialects/framing/text_template.py).
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

import msgspec

from penstock.core import kept_id
from penstock.core.chat import NO_ECHO, Echo
from penstock.core.events import Event, Extra, Fail, Logprobs, PlainReply, Start, Text, collect, plain_reply
from penstock.core.failure import Failure, Kind
from penstock.core.http import Headers, content_type
from penstock.core.usage import Usage
from penstock.dialects.caller import EVENT_STREAM, JSON, STREAM_HEAD, CallerDialect, Caption, NormalizedReply
from penstock.dialects.dialect import ProviderDialect, WriteContext
from penstock.dialects.forced_call import ForcedCall
from penstock.dialects.framing import sse
from penstock.dialects.framing.frame import MAX_FRAME
from penstock.dialects.framing.text_template import TextTemplate
from penstock.dialects.function_names import with_callers_names
from penstock.dialects.untold import with_untold
from penstock.pipeline.replies.wrapped_reply import (
    InTurns,
    PutBack,
    TransformedReply,
    TransformedStream,
    begins_json,
    first_bytes,
    headers_for,
    unusable,
)
from penstock.transport.base import Reply, Take, hand_on, pass_on


class Progress(msgspec.Struct, gc=False):
    """How far one translation has come. ``began``: when the request was prepared, on the steady clock that all
    processes of a machine share. ``usage``: what the provider has told so far. The caller's wire may have no words for
    all of it (searches, what is kept in the cache for an hour), and it is paid for all the same."""

    began: int = msgspec.field(default_factory=time.monotonic_ns)
    usage: Usage | None = None
    fail: Fail | None = None
    """The error that the provider told in place of its answer, or in the middle of it."""
    untold: tuple[str, ...] = ()
    """What of the answer so far the caller's wire has no place for (dialects/untold.py)."""


class Translation(msgspec.Struct, frozen=True):
    """How the reply to one request is read and written. ``streams``: the caller wants a stream; ``hides_thinking``:
    without the text of thoughts. ``names`` are the caller's names of functions that have other names in the provider's
    wire, by the latter. ``echo`` is what the reply repeats of the request. ``is_kept``: the gateway keeps the reply,
    whose ids say so. ``forced_call`` is the function whose arguments the reply's text is, empty for none."""

    caller: CallerDialect
    provider: ProviderDialect
    context: WriteContext
    is_strict: bool
    streams: bool
    include_usage: bool
    hides_thinking: bool = False
    names: Mapping[str, str] = {}
    echo: Echo = NO_ECHO
    is_kept: bool = False
    progress: Progress = msgspec.field(default_factory=Progress)
    forced_call: str = ""

    def note_untold(self, events: Sequence[Event]) -> None:
        """Note what the caller's wire has no place for among more events of the answer."""
        places = self.caller.writing.places
        if self.is_strict or not places.tells_all:
            self.progress.untold = with_untold(self.progress.untold, events, places)

    def afresh(self) -> Translation:
        """The same for another reply, of which nothing is known yet."""
        return msgspec.structs.replace(self, progress=Progress())

    def caption(self) -> Caption:
        """The reply's id, model and time for a provider that reports none."""
        now = time.time()
        random_seed = f"{random.getrandbits(96):024x}"
        return Caption(
            kept_id.seed(int(now * 1000), os.urandom(kept_id.ENTROPY)) if self.is_kept else random_seed,
            int(now),
            self.context.model,
            self.context.provider,
            self.is_strict,
            self.include_usage,
            self.hides_thinking,
            self.echo,
            self._elapsed,
        )

    def _elapsed(self) -> int:
        """Nanoseconds since the request was prepared."""
        return time.monotonic_ns() - self.progress.began


def translate_reply(reply: Reply, translation: Translation, trace_id: bytes) -> Reply:
    """A provider's reply with a good status in the caller's wire. ``trace_id`` is the id of the request that asked for
    it."""
    translation.progress.fail = None  # that of an earlier attempt
    is_labelled = content_type(reply.headers).startswith(translation.provider.stream_types)
    if not translation.streams:
        return _whole(reply, translation, trace_id, is_labelled=is_labelled)
    return _StreamedReply(reply, translation, trace_id, is_labelled=is_labelled)


def _is_stream(body: bytes, provider: ProviderDialect, *, is_labelled: bool) -> bool:
    """Whether a reply is a stream: its first bytes tell. ``is_labelled``: its host says so. Some hosts and proxies say
    ``text/event-stream`` because the request asked for a stream, whatever comes then
    (docs/fidelity.md#the-other-form)."""
    return provider.begins_stream(body) or (is_labelled and not begins_json(body))


def translate_whole(
    headers: Headers, body: bytes, translation: Translation, trace_id: bytes
) -> NormalizedReply | Failure | None:
    """As ``translate_reply``, at once: a plain reply whose body is there, for a caller that wants it so. None for a
    stream."""
    provider = translation.provider
    translation.progress.fail = None
    if translation.streams or content_type(headers).startswith(provider.stream_types):
        return None
    plain = None if translation.forced_call else provider.read_plain(body)
    normalized = None if plain is None else _plainly(plain, translation)
    if normalized is not None:
        return normalized
    if provider.begins_stream(body):
        return None
    events = _answering(provider.read_reply(body, translation.context))
    if translation.forced_call:
        events = ForcedCall(translation.forced_call).told(events)
    return _plain(translation, trace_id, events, body)


def _plainly(reply: PlainReply, translation: Translation) -> NormalizedReply | None:
    """A plain reply that is text alone, in caller's wires that have a way for it; None in others."""
    write = translation.caller.writing.plain
    normalized = None if write is None else write(reply, translation.caption())
    if normalized is not None:
        translation.progress.usage = reply.usage
    return normalized


def _whole(reply: Reply, translation: Translation, trace_id: bytes, *, is_labelled: bool) -> Reply:
    """A reply that is read whole before it is written in the caller's wire, though it may be a stream."""

    def too_large() -> Failure:
        return unusable(translation.context.provider, f"sent a reply of more than {MAX_FRAME >> 20} MiB")

    headers = headers_for(reply, EVENT_STREAM if translation.streams else JSON)
    change = partial(_translated, translation, trace_id, is_labelled)
    return TransformedReply(reply, change, MAX_FRAME, headers, too_large, is_portable=True)


class _StreamedReply(TransformedStream):
    """A translated reply for who wants a stream. A stream is translated as it arrives, and hands on texts like the last
    one without a further look. A whole reply is read whole, in a process if it is large; the first bytes tell."""

    def __init__(self, inner: Reply, translation: Translation, trace_id: bytes, *, is_labelled: bool) -> None:
        stream = TranslatedStream(translation, trace_id)
        super().__init__(inner, stream, headers_for(inner, EVENT_STREAM))
        self._translation = translation
        self._trace_id = trace_id
        self._is_labelled = is_labelled
        self._repeated = stream.repeated
        self._is_told = False
        self._whole: Reply | None = None

    @property
    def failure(self) -> Failure | None:
        return super().failure if self._whole is None else self._whole.failure

    async def read(self) -> bytes:
        if not self._is_told:
            self._is_told = True
            ready = await self._begun()
            if ready:
                return ready
        return await (super().read() if self._whole is None else self._whole.read())

    async def _begun(self) -> bytes:
        """What is made of the first bytes of a stream; nothing yet of those of a whole reply."""
        provider = self._translation.provider
        first = await first_bytes(self._inner, with_line=provider.streams_lines)
        if not first or _is_stream(first, provider, is_labelled=self._is_labelled):
            if self._is_labelled or not first:
                return await self._changed(first)
            self._inner = InTurns(self._inner, first)
            return b""
        inner = PutBack(self._inner, first)
        self._whole = _whole(inner, self._translation, self._trace_id, is_labelled=self._is_labelled)
        return b""

    async def pass_on(self, take: Take) -> None:
        await self.pass_on_known(take, take)

    async def pass_on_known(self, take: Take, take_known: Take) -> None:
        """Hand the translated reply on (``transport.base.pass_on``)."""
        if not self._is_told:
            ready = await self.read()
            if ready:
                await hand_on(ready, take)
        if self._whole is None:
            await self._pass_on(take, self._repeated, take_known)
        else:
            await pass_on(self._whole, take)


_SILENT: Final = frozenset({Start, Usage, Extra, Logprobs})
"""Events that say nothing of an answer."""
_NOTHING: Final = Fail("its reply holds no answer", broken=True)


def _says_something(events: Sequence[Event]) -> bool:
    """Whether there is an answer in events, were it that there is none to give (``Stop``)."""
    return any(type(event) not in _SILENT for event in events)


def _answering(events: list[Event]) -> list[Event]:
    """All events of a reply; a failure of one that says nothing."""
    return events if _says_something(events) else [*events, _NOTHING]


_END: Final = b"\n\n"
_MOST_TRIES: Final = 4
"""Events of a text that are looked at, one after the other, for how the next may look. Where none is like the one
before it (some hosts number their events, or fill them up), the rest is read event by event."""


def _repeats_nothing(_texts: Sequence[bytes]) -> None:
    """The caller's wire has no way for texts that are like the last one."""


class TranslatedStream:
    """Translates a provider's stream to the caller's wire, event by event: a ``StreamTransform``."""

    def __init__(self, translation: Translation, trace_id: bytes) -> None:
        self.failure: Failure | None = None
        self._translation = translation
        self._progress = translation.progress
        self._trace_id = trace_id
        self._reader = translation.provider.reader(translation.context)
        self._writer = translation.caller.writing.stream(translation.caption())
        self._begun = self._latest = b""
        """The first and the last events that were written, which an error event may have to fit."""
        self.is_over = False
        self._repeat: Callable[[Sequence[bytes]], bytes | None] = getattr(self._writer, "repeat", _repeats_nothing)
        """Writes texts that are like the last one, in wires that have a way for them."""
        repeats = translation.provider.repeats_texts and self._repeat is not _repeats_nothing
        forced = translation.forced_call
        self._call = ForcedCall(forced) if forced else None
        self._tries = _MOST_TRIES if repeats and not forced else 0
        self._template: TextTemplate | None = None
        """How an event looks that tells a text like the last event; None after any other event."""
        self._is_whole = True
        """Whether the bytes so far end with an event."""
        self._says_something = False

    def feed(self, data: bytes) -> bytes:
        if self.is_over:
            return b""
        was_whole, self._is_whole, self._template = self._is_whole, data.endswith(_END), None
        events = self._reader.feed(data)
        if self._tries and len(events) == 1 and was_whole and self._is_whole:
            event = events[0]
            if type(event) is Text and event.choice == 0:
                self._tries -= 1
                self._template = TextTemplate.of(data, event.text)
        return self._written(events)

    def repeated(self, data: bytes) -> bytes | None:
        """As ``feed``, without reading the events: for those that differ from the last one in their text alone. None
        for any others, with which nothing is done."""
        if self._template is None:
            return None
        texts = self._template.texts(data)
        chunks = None if texts is None else self._repeat(texts)
        if chunks is not None:
            self._latest, self._tries = chunks, _MOST_TRIES
        return chunks

    def finish(self) -> bytes:
        if self.is_over:
            return b""
        events = self._reader.finish()
        if not (self._says_something or _says_something(events)):
            events.append(_NOTHING)
        chunks = self._written(events)
        return chunks if self._writer.failed is not None else self._closed(chunks + self._writer.finish())

    def _written(self, events: list[Event]) -> bytes:
        self._says_something = self._says_something or _says_something(events)
        for event in events:
            if type(event) is Usage:
                usage = self._progress.usage
                self._progress.usage = event if usage is None else usage.merged(event)
        if self._call is not None:
            events = self._call.told(events)
        if len(events) != 1 or type(events[0]) is not Text:
            self._translation.note_untold(events)
        if self._translation.names:
            events = with_callers_names(events, self._translation.names)
        return self._closed(self._writer.write(events))

    def _closed(self, chunks: bytes) -> bytes:
        """The chunks, followed by the error event if the provider's stream reported an error."""
        fail, provider = self._writer.failed, self._translation.context.provider
        if fail is None:
            self._begun, self._latest = self._begun or chunks[:STREAM_HEAD], chunks or self._latest
            return chunks
        self.is_over, self._template = True, None
        if fail.broken:
            text = f"The provider {provider} broke off its answer: {fail.message.rstrip('.')}."
            self.failure = Failure(Kind.TRUNCATED, text, sent=True)
            return chunks
        self._progress.fail = fail
        caller, trace = self._translation.caller, self._trace_id.decode("utf-8", "replace")
        event, fit_error = caller.errors.provider_event(fail, provider, trace), caller.replies.stream.fit_error
        return chunks + (event if fit_error is None else fit_error(self._begun + self._latest + chunks, event))


def _translated(translation: Translation, trace_id: bytes, is_labelled: bool, body: bytes) -> bytes | Failure:
    """A whole reply in the caller's wire: plain, or as a stream if the caller asked for a stream. An error in place of
    an answer becomes the error's body or event, which the reader of the first content takes for one."""
    context, caller = translation.context, translation.caller
    if _is_stream(body, translation.provider, is_labelled=is_labelled):
        reader = translation.provider.reader(context)
        events = _answering([*reader.feed(body), *reader.finish()])
    else:
        events = _answering(translation.provider.read_reply(body, context))
    if translation.forced_call:
        events = ForcedCall(translation.forced_call).told(events)
    if not translation.streams:
        plain = _plain(translation, trace_id, events, body)
        return plain if isinstance(plain, Failure) else plain.body
    if translation.names:
        events = with_callers_names(events, translation.names)
    reply = collect(events)
    if reply.failure is not None:
        return _told(reply.failure, body, translation, trace_id)
    translation.progress.usage = reply.usage
    translation.note_untold(events)
    writer = caller.writing.stream(translation.caption())
    stream = writer.write(events) + writer.finish()
    if writer.failed is not None:
        return unusable(context.provider, f"sent an answer that can't be told: {writer.failed.message.rstrip('.')}")
    return stream


def _plain(translation: Translation, trace_id: bytes, events: list[Event], body: bytes) -> NormalizedReply | Failure:
    """A plain reply of these events in the caller's wire, which were read from ``body``."""
    plain = plain_reply(events)
    normalized = None if plain is None else _plainly(plain, translation)
    if normalized is not None:
        return normalized
    if translation.names:
        events = with_callers_names(events, translation.names)
    reply, writing, caption = collect(events), translation.caller.writing, translation.caption()
    if reply.failure is not None:
        error = _told(reply.failure, body, translation, trace_id)
        return error if isinstance(error, Failure) else NormalizedReply(error)
    written = writing.reply(reply, caption)
    if isinstance(written, Failure):
        return written
    translation.progress.usage = reply.usage
    translation.note_untold(events)
    return NormalizedReply(written, None if writing.verdict is None else writing.verdict(reply, caption))


def _told(fail: Fail, body: bytes, translation: Translation, trace_id: bytes) -> bytes | Failure:
    """An error that came with status 200."""
    trace = trace_id.decode("utf-8", "replace")
    errors, provider = translation.caller.errors, translation.context.provider
    if fail.broken:
        return unusable(provider, f"sent an unusable reply: {fail.message.rstrip('.')}")
    fail = translation.progress.fail = msgspec.structs.replace(fail, raw=fail.raw or body)
    event = errors.provider_event(fail, provider, trace)
    return event if translation.streams else next(data for _, data in sse.events(event))
