"""What a caller's dialect is to the rest of the house: one value. Its counterpart for providers is in dialect.py.

server/ and pipeline/ hold ``CallerDialect`` values and import no wire by name. A surface names the dialect of its path
(server/surfaces.py); registry.py lists all of them. Everything here is sans-I/O and total: outside bytes give values
or a ``Failure``, never an exception.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

import msgspec

from penstock.core.body import Body
from penstock.core.bound_id import ChangeId
from penstock.core.chat import NO_ECHO, ChatRequest, Echo
from penstock.core.events import ChatReply, Event, Fail, PlainReply
from penstock.core.failure import Failure
from penstock.core.form import Form
from penstock.core.http import Headers
from penstock.core.usage import Usage
from penstock.dialects.caller_errors import CallerErrors
from penstock.dialects.dialect import WriteContext
from penstock.dialects.listed_models import ModelLists
from penstock.dialects.lost_members import LostMembers
from penstock.dialects.provider_errors import ClassifiedError
from penstock.dialects.session_events import SessionEvents
from penstock.dialects.stream_form import StreamForm
from penstock.dialects.stream_grammar import StreamGrammar
from penstock.dialects.task_dialect import CallerTask
from penstock.dialects.texts import TextView
from penstock.dialects.transcript import Transcript
from penstock.dialects.untold import Places

JSON: bytes = b"application/json"
EVENT_STREAM: bytes = b"text/event-stream"
STREAM_HEAD: int = 8 << 10
"""Bytes of a stream's beginning that are kept for an error event that has to fit it."""
NO_STORE: tuple[bytes, bytes] = (b"cache-control", b"no-store")
"""A response header of answers that the gateway itself makes: they are for this request only."""


class RequestBody(msgspec.Struct, frozen=True):
    """A request body as far as the gateway itself looks into it. ``model`` is None when the body names none.

    ``form`` is the form whose text fields ``body`` holds, None for a body of JSON.
    """

    body: Body
    model: str | None
    stream: bool
    form: Form | None = None


class Caption(msgspec.Struct, frozen=True):
    """What a translated reply says of itself beside its content.

    ``seed`` (hexadecimal) is what the reply's ids are made of: each wire has a prefix of its own (``chatcmpl-``,
    ``msg_``). ``created`` (seconds since 1970) and ``model`` stand in where the provider names none.

    ``hides_thinking``: the caller wants thoughts as opaque values only, without their text. ``echo`` is what the reply
    repeats of the request. ``elapsed`` tells the nanoseconds since the request was sent, for wires whose replies do.

    ``strict`` is whether vendors' own words and blocks are left out (docs/portkey.md#strict-compliance);
    ``include_usage`` whether a stream's usage comes in a chunk of its own, as OpenAI's clients may ask.
    """

    seed: str
    created: int
    model: str
    provider: str
    strict: bool = True
    include_usage: bool = False
    hides_thinking: bool = False
    echo: Echo = NO_ECHO
    elapsed: Callable[[], int] = int


class StreamWriter(Protocol):
    """Writes one translated stream. ``failed`` is set by the event that ended it before its time."""

    failed: Fail | None

    def write(self, events: Iterable[Event]) -> bytes:
        """The bytes of some events, possibly none yet."""
        ...

    def finish(self) -> bytes:
        """The end of a stream that ended well."""
        ...


class Verdict(msgspec.Struct, frozen=True):
    """What a whole plain reply with a good status is: an answer, an error, or nothing usable.

    ``error`` is the error that the reply tells, with the status that it names (502 where it names none). ``problem`` is
    the rest of a sentence about a reply that is neither: ``holds no answer``. ``is_complete``: an answer that says
    something and is neither cut, nor filtered, nor without a reason for its end, so that it may be given again.
    ``body`` is set where the reply's bytes are no JSON and these are.
    """

    error: ClassifiedError | None = None
    problem: str = ""
    is_complete: bool = False
    usage: Usage | None = None
    body: bytes | None = None


class NormalizedReply(msgspec.Struct, frozen=True):
    """A whole plain reply without what deviates from the wire. ``verdict``: what it is, where that was seen on the way;
    None where it is still to be judged."""

    body: bytes
    verdict: Verdict | None = None


Normalize = Callable[[bytes], NormalizedReply]
"""What is done to a host's whole replies on lane 1."""


class Reshape(msgspec.Struct, frozen=True):
    """A stored reply in the other form: stream as plain reply, plain reply as stream. None: it can't be told so.

    ``include_usage`` as in OpenAI's ``stream_options``; other wires always tell it. ``gather`` is ``to_plain`` for a
    stream that has just come, with or without usage.
    """

    to_plain: Callable[[bytes], bytes | None]
    to_stream: Callable[[bytes, bool], bytes | None]
    with_usage: Callable[[bytes, bool], bytes | None]
    gather: Callable[[bytes], bytes | None]


def _unknown_type(_body: Body) -> bytes | None:
    return None


def _always(_body: Body) -> bool:
    """A stream tells its usage, asked or not."""
    return True


def _as_it_is(body: Body) -> Body:
    return body


class Replies(msgspec.Struct, frozen=True):
    """Replies in one wire's own bytes: what is read off them while they pass, and how stored ones are given again.

    ``judge``: (a whole plain reply with a good status, the provider's slug, whether it is to be a chat's answer) ->
    what it is. Routing, the cache, idempotency and both lanes go by this one judgement. ``include_usage``: whether a
    request asks for a stream's usage. ``with_usage``: the same request, asking for it. ``bytes_type``: a request that
    is answered with bytes -> their media type, where the host says none; None for one that isn't known. ``translated``:
    the grammar of streams that the gateway writes itself (lane 2), None where it is ``stream``; ``judge_translated``
    is what such plain replies are, None where ``judge`` says it. ``asked``: (a request, the usage that its reply tells)
    -> the usage with what only the request tells, such as the characters that are spoken; None where that is nothing.
    ``counted``: the usage that a reply's header fields tell, where its body tells none.
    """

    judge: Callable[[bytes, str, bool], Verdict]
    stream: StreamGrammar
    reshape: Reshape
    include_usage: Callable[[Body], bool] = _always
    with_usage: Callable[[Body], Body] = _as_it_is
    bytes_type: Callable[[Body], bytes | None] = _unknown_type
    translated: StreamGrammar | None = None
    judge_translated: Callable[[bytes, str, bool], Verdict] | None = None
    asked: Callable[[Body, Usage | None], Usage | None] | None = None
    counted: Callable[[Headers], Usage | None] | None = None


class StreamTransform(Protocol):
    """Changes a reply's bytes on their way, without waiting.

    ``failure`` ends the reply; earlier bytes count. ``is_over``: nothing more comes, whatever the provider sends.
    """

    failure: Failure | None
    is_over: bool

    def feed(self, data: bytes) -> bytes:
        """Take bytes as they came; give back those that may go on now (possibly none)."""
        ...

    def finish(self) -> bytes:
        """The provider's reply has ended in good order."""
        ...


class EventPattern(Protocol):
    """How an event looks that tells a text of the answer, and nothing else."""

    def fits(self, events: bytes) -> bool:
        """Whether bytes are whole events that look so."""
        ...


class EventNormalizer(Protocol):
    """Changes the events of one stream where they deviate from the wire (stream_watch.py)."""

    @property
    def pattern(self) -> EventPattern | None:
        """Events that fit it count as passed with nothing done: they are like the last event that was sound. None
        while nothing is known of the next event."""
        ...

    def sound(self, events: bytes) -> int:
        """The length of the events at the beginning that surely need no change and are no errors: they count as passed.
        All of ``events``, or less."""
        ...

    def knows(self, before: bytes, behind: bytes) -> bool:
        """Whether events are surely sound that have these bytes before and behind the text of a string of JSON."""
        ...

    def normalize(self, event: bytes) -> bytes:
        """Any other event: the events to pass in its place, possibly none yet."""
        ...

    def finish(self) -> bytes:
        """What is still to pass when the stream has ended in good order."""
        ...

    def fork(self) -> EventNormalizer:
        """A normalizer in the same state, for another reader of the same stream."""
        ...


class FittedRequest(msgspec.Struct, frozen=True):
    """A request on lane 1: the body as the host takes it, what was left out, header fields of this request alone."""

    body: Body
    dropped: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()


class KeptIds(msgspec.Struct, frozen=True):
    """Replies of one wire in which the ids of what the host keeps become others; every other byte stays. ``plain``: a
    whole reply; ``stream``: (what becomes of an id, the provider's slug) -> the transform of a stream; ``event``: the
    JSON of one event."""

    plain: Callable[[bytes, ChangeId], bytes]
    stream: Callable[[ChangeId, str], StreamTransform]
    event: Callable[[bytes, ChangeId], bytes]


class FitRule(Protocol):
    """Tells by one look whether a request stays as it is. Also another process can be given it."""

    def holds(self, body: Body) -> bool:
        """Whether it surely does."""
        ...

    def sent(self, body: Body) -> Body:
        """The body as it is sent: without what the request's address says."""
        ...

    def headers(self, context: WriteContext) -> tuple[tuple[str, str], ...]:
        """The header fields of this request alone, of what it asks in header fields (``context.asked``)."""
        ...


def _unchanged(_context: WriteContext) -> None:
    """Replies pass as they are, from every host."""


def _events_unchanged(_context: WriteContext, _moves_usage: bool) -> None:
    """Events pass as they are, from every host."""


def _nothing_told(_context: WriteContext) -> None:
    """No look tells whether a request stays as it is."""


class Relay(msgspec.Struct, frozen=True):
    """Lane 1: the provider's host speaks the caller's wire. Bytes pass, only the host's deviations are edited.

    ``plain``: the change of a whole reply, None for one that passes as it is. ``stream``: the transform of a stream in
    frames of another kind, None where its bytes are the wire's own; ``is_stream``: whether a reply that was read whole
    is a stream in such frames. ``normalizer``: of a stream's events, None where they pass as they are; (context,
    whether the caller asked for the usage in an event of its own). ``kept_ids``: None for a wire in which nothing is
    kept. ``session``: None for a wire without sessions over WebSocket. ``fits``: what tells by one look that a request
    stays as it is, made once for a host and a model; None where each is looked into.
    ``collections``: of a wire in which what the host keeps has a name such as ``batches/ID``.
    """

    fit_request: Callable[[Body, WriteContext], FittedRequest | Failure]
    plain: Callable[[WriteContext], Normalize | None] = _unchanged
    stream: Callable[[WriteContext], StreamTransform | None] = _unchanged
    is_stream: Callable[[bytes], bool] | None = None
    normalizer: Callable[[WriteContext, bool], EventNormalizer | None] = _events_unchanged
    kept_ids: KeptIds | None = None
    session: SessionEvents | None = None
    fits: Callable[[WriteContext], FitRule | None] = _nothing_told
    collections: frozenset[str] = frozenset()


_TRUE = frozenset({b"true", b'"true"'})


def asks_stream(body: Body) -> bool:
    """Whether a body asks for a stream, as nearly every wire has it; in a form the member is a text."""
    return body.raw("stream") in _TRUE


class Reading(msgspec.Struct, frozen=True):
    """How requests in one wire are read.

    ``body`` checks the few members that the gateway itself relies on; ``request`` reads the whole of it into the middle
    (lane 2). ``asks_stream``: whether a body asks for a stream. ``header_settings`` are the header fields that are part
    of a request, in lower case, each with the setting that it makes at a host of the same wire
    (``WriteContext.asked``). ``task``: how embeddings are asked for at hosts of other wires, None where the wire is
    OpenAI's. ``counted``: what a request that counts tokens asks about, None where it is the body; it raises BodyError.
    ``wire_of``: the name of a body's wire, where one path takes bodies of several. ``only_at_home`` is a header field
    that only hosts of the same wire can heed: a request with it is refused elsewhere; empty for none. ``lost``: what a
    conversation can hold that ``request`` leaves behind, None for nothing.
    """

    body: Callable[[bytes | memoryview], RequestBody | Failure]
    request: Callable[[Body], ChatRequest | Failure]
    asks_stream: Callable[[Body], bool] = asks_stream
    header_settings: Mapping[bytes, str] = {}
    task: CallerTask | None = None
    counted: Callable[[Body], Body] | None = None
    wire_of: Callable[[Body], str] | None = None
    only_at_home: bytes = b""
    lost: LostMembers | None = None
    transcript: Callable[[Body], Transcript | None] | None = None
    """The transcript that a body is, in wires whose messages are a role and a text; None in others."""


class Writing(msgspec.Struct, frozen=True):
    """What the gateway itself writes in one wire, from the middle (lane 2) or of its own.

    ``reply`` writes a whole reply, ``stream`` one that streams: a Failure, or ``failed``, where the wire has no place
    for what the model made (a call without JSON for arguments, say). ``count`` writes a number of tokens as the answer
    to a request that counts them. ``models`` are lists of models, None for OpenAI's. ``no_place`` are names among the
    dropped parameters that are none of the caller's: what an answer would hold if the wire had a place for it.
    ``tells_refusals``: whether clients look for refusals in a place of their own, beside the text. ``verdict``: what
    ``Replies.judge`` says of a reply that ``reply`` writes, its usage apart, without reading it again; None for one
    that is to be read, or a wire in which each is.
    """

    reply: Callable[[ChatReply, Caption], bytes | Failure]
    stream: Callable[[Caption], StreamWriter]
    count: Callable[[int], bytes] | None = None
    models: ModelLists | None = None
    no_place: frozenset[str] = frozenset()
    tells_refusals: bool = False
    verdict: Callable[[ChatReply, Caption], Verdict | None] | None = None
    places: Places = Places()
    """What an answer can hold beside its text and has a place in the wire."""
    plain: Callable[[PlainReply, Caption], NormalizedReply | None] | None = None
    """As ``reply`` and ``verdict``, for a reply that is text alone. None for one that ``reply`` is to write, or a wire
    in which it writes each."""


class Delivery(msgspec.Struct, frozen=True):
    """How answers in one wire reach the caller over HTTP.

    ``keep_alive`` are bytes that hold a waiting stream's connection open. ``stream_form``: a request's query -> the
    form of its stream, None for server-sent events, which every stream is inside the gateway; None where no query asks
    for another form. ``id_header`` is the response header by which clients know a request, empty without one.
    """

    keep_alive: bytes
    stream_form: Callable[[str], StreamForm | None] | None = None
    id_header: bytes = b""


class CallerDialect(msgspec.Struct, frozen=True):
    """One wire as callers speak it. ``texts`` are its texts for guards; None: no guard reads this wire."""

    name: str
    reading: Reading
    writing: Writing
    errors: CallerErrors
    replies: Replies
    relay: Relay
    delivery: Delivery
    texts: TextView | None = None
