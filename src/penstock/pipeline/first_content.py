"""Stage, inside an attempt: read a reply until the answer has begun, and nothing more can be decided about it.

A stream begins with its first content: a role alone, comments and empty chunks are no content. A plain reply begins
when it is whole, or too large to be looked at. A reply in the other form than the caller asked for is put into the form
that was asked for (replies/reshaped_reply.py). Until then no byte was sent to the caller, so a broken reply is a
failure that routing can act on. A target with ``stream_rescue`` holds back more of its stream
(replies/held_stream.py).
"""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Coroutine
from time import monotonic
from typing import Any, Final

import msgspec

from penstock.core.failure import Failure, Kind
from penstock.core.http import HEAD, WITHOUT_BODY, Headers, content_type
from penstock.core.json_text import read_json_or_none
from penstock.core.outcome import Outcome
from penstock.core.usage import Usage
from penstock.dialects.caller import EVENT_STREAM, JSON, NormalizedReply, Verdict
from penstock.dialects.framing import sse
from penstock.dialects.provider_errors import read_error
from penstock.dialects.stream_watch import StreamWatch
from penstock.pipeline.call import Answer
from penstock.pipeline.deadline import AttemptDeadlines
from penstock.pipeline.keeping.provider_state import bound_json
from penstock.pipeline.off_loop.thread import LARGE, off_loop_if_large
from penstock.pipeline.prepare import PreparedRequest
from penstock.pipeline.replies import reshaped_reply
from penstock.pipeline.replies.error_in_answer import error_outcome, told_error
from penstock.pipeline.replies.held_stream import HOLD, HeldStream
from penstock.pipeline.replies.response_headers import reply_headers
from penstock.pipeline.replies.shaped_error import ShapedErrorReply
from penstock.pipeline.replies.wrapped_reply import InTurns, begins_json, first_bytes, headers_for, unusable
from penstock.pipeline.target_route import TargetRoute
from penstock.pipeline.translate import translate_whole
from penstock.routing.retry import retry_after
from penstock.transport.base import Reply, whole_body

_GOOD: Final = Outcome(200)
_ANY_BYTES: Final = (b"", b"application/octet-stream")
"""Content types that say nothing of the bytes."""


def read_first_content(
    reply: Reply, route: TargetRoute, deadlines: AttemptDeadlines, prepared: PreparedRequest, trace_id: bytes
) -> Coroutine[Any, Any, Answer | Failure]:
    """The answer with its first content, or the failure of a reply that is broken, late or empty."""
    if route.operation.is_proxy:
        return _pass(reply, route, prepared)
    if not prepared.streams or reply.status != 200:
        is_good = 200 <= reply.status < 300
        if is_good and route.operation.answers_bytes and not content_type(reply.headers).startswith(JSON):
            return _begin_bytes(reply, route, prepared, b"")
        return _collect(reply, route, prepared, trace_id)
    if deadlines.first_token is None or content_type(reply.headers).startswith(JSON):
        return _begin(reply, route, prepared, trace_id)
    return _begin_by(deadlines.first_token, reply, route, prepared, trace_id)


def whole_answer(
    reply: Reply, route: TargetRoute, prepared: PreparedRequest, trace_id: bytes
) -> Answer | Failure | None:
    """As ``read_first_content``, at once: the answer of a good, plain chat that has come as a whole. None for any other
    reply."""
    is_plain = route.operation.is_chat and not prepared.streams and prepared.bind is None
    if not is_plain or prepared.body is None or reply.status != 200:
        return None
    body = whole_body(reply)
    if body is None or len(body) > LARGE or reshaped_reply.is_stream(reply, body):
        return None
    if prepared.translation is None:
        if prepared.dialect.relay.is_stream is not None and prepared.dialect.relay.is_stream(body):
            return None
        whole = reshaped_reply.normalized(body, prepared)
        return _judged(reply, whole, reply_headers(reply.headers), route, prepared, trace_id)
    translated = translate_whole(reply.headers, body, prepared.translation, trace_id)
    if translated is None or isinstance(translated, Failure):
        return translated
    return _judged(reply, translated, reply_headers(headers_for(reply, JSON)), route, prepared, trace_id)


async def _begin_by(
    first_token: float, reply: Reply, route: TargetRoute, prepared: PreparedRequest, trace_id: bytes
) -> Answer | Failure:
    """``_begin`` until the moment ``first_token``."""
    try:
        async with asyncio.timeout(first_token - monotonic()):
            return await _begin(reply, route, prepared, trace_id)
    except TimeoutError:
        text = (
            f"The provider {route.target.provider} began no answer within {route.target.timeouts.first_token:g} s "
            "(timeouts.first_token of the config)."
        )
        return Failure(Kind.FIRST_TOKEN_TIMEOUT, text, sent=True)


async def _begin(reply: Reply, route: TargetRoute, prepared: PreparedRequest, trace_id: bytes) -> Answer | Failure:
    """A stream, or a whole reply though a stream was asked for: the first bytes tell, whatever the header says."""
    first = await first_bytes(reply)
    kind = content_type(reply.headers)
    is_event_stream = kind.startswith(EVENT_STREAM) or sse.begins(first)
    if begins_json(first) or (kind.startswith(JSON) and not is_event_stream):
        return await _collect(reply, route, prepared, trace_id, first)
    if not (is_event_stream or route.operation.has_text_tokens):
        if route.operation.answers_bytes:
            return await _begin_bytes(reply, route, prepared, first)
        return await _collect(reply, route, prepared, trace_id, first)
    headers = reply.headers
    if not kind.startswith(EVENT_STREAM):
        headers = headers_for(reply, EVENT_STREAM)
        reply = InTurns(reply, first)
        first = await reply.read()
    held = HeldStream(reply, watch_for(prepared, route.provider.slug))
    # Clients take a byte-order mark for a part of the first field's name, and pass its event over.
    first = first.removeprefix(sse.BOM)
    return await _begin_stream(held, first, reply_headers(headers), route, prepared, trace_id)


def watch_for(prepared: PreparedRequest, provider: str = "") -> StreamWatch:
    """A watch over a stream in the caller's wire; on lane 1 it also takes out what deviates from the wire."""
    context, replies = prepared.context, prepared.dialect.replies
    grammar = replies.stream if context is not None else replies.translated or replies.stream
    if prepared.translation is not None:
        progress = prepared.translation.progress
        grammar = grammar.with_usage(lambda: progress.usage)
    return StreamWatch(
        # A request without a body asks for a response that was made before.
        grammar if prepared.body is not None else grammar.of_stored(),
        leaves_usage_out=prepared.leaves_usage_out,
        provider=provider,
        normalizer=None if context is None else prepared.dialect.relay.normalizer(context, prepared.wants_usage),
    )


async def _begin_stream(
    held: HeldStream, first: bytes, headers: Headers, route: TargetRoute, prepared: PreparedRequest, trace_id: bytes
) -> Answer | Failure:
    """Read a stream from its ``first`` bytes up to its first content, and further if the target has
    ``stream_rescue``."""
    failure = held.take(first)
    if failure is None:
        failure = await held.read_until(1)
    if failure is None and route.target.rescue is not None:
        failure = await held.hold_on(route.target.rescue)
    if failure is not None:
        return failure
    watch = held.watch
    if watch.error is None and not watch.content and held.has_ended:
        return _nothing_usable(route, "ended its stream without any content")
    is_unreadable = watch.is_over and not watch.error_data
    if (watch.error is None or is_unreadable) and held.has_ended and not watch.ending()[0]:
        return _truncated(route)
    error = watch.error
    if error is None:
        return Answer(200, headers, bytes(held.ready), _GOOD, held.rest, watch)
    outcome = error_outcome(error, route, "at the beginning of its stream")
    if watch.content:
        return Answer(200, headers, bytes(held.ready), outcome, held.rest, watch)
    held.rest.close()
    if not watch.error_data:
        return _nothing_usable(route, "sent a chunk that is no JSON")
    return told_error(watch.error_data, error, held.rest, "at the beginning of its stream", route, prepared, trace_id)


async def _collect(
    reply: Reply, route: TargetRoute, prepared: PreparedRequest, trace_id: bytes, first: bytes = b""
) -> Answer | Failure:
    """Read a whole reply to its end after its ``first`` bytes, or until it is too large to be looked at."""
    is_good = 200 <= reply.status < 300
    is_chat = prepared.body is not None and route.operation.is_chat
    limit = reshaped_reply.LARGEST if prepared.body is not None and is_good else HOLD
    parts, size = [first], len(first)
    while size <= limit and (data := await reply.read()):
        parts.append(data)
        size += len(data)
    if reply.failure is not None:
        return reply.failure
    body = b"".join(parts)
    headers = reply_headers(reply.headers)
    rest = reply if size > limit else None
    if not is_good:
        return Answer(reply.status, headers, body, _refused(reply, body, route), rest=rest)
    if rest is not None:
        return Answer(reply.status, headers, body, Outcome(reply.status), rest=rest)
    if prepared.body is None:
        return Answer(reply.status, headers, body, Outcome(reply.status))
    streamed = await _stream_in(reply, body, route, prepared, trace_id) if is_chat else None
    if streamed is not None:
        return streamed
    whole = await off_loop_if_large(len(body), lambda: _whole(body, route, prepared, is_chat=is_chat))
    answer = _judged(reply, whole, headers, route, prepared, trace_id)
    if is_chat and prepared.streams and isinstance(answer, Answer) and answer.outcome.ok:
        return await _streamed(answer, reply, route, prepared, trace_id)
    return answer


async def _stream_in(
    reply: Reply, body: bytes, route: TargetRoute, prepared: PreparedRequest, trace_id: bytes
) -> Answer | Failure | None:
    """The answer in a reply that was read whole and is a stream; None for a whole reply."""
    events = await off_loop_if_large(len(body), lambda: reshaped_reply.unframed(body, prepared))
    if isinstance(events, Failure):
        return events
    if prepared.streams:
        return None if events is None else await _begin_again(reply, events, route, prepared, trace_id)
    if events is None and not reshaped_reply.is_stream(reply, body):
        return None
    return await _gathered(reply, events or body, route, prepared, trace_id)


async def _begin_bytes(reply: Reply, route: TargetRoute, prepared: PreparedRequest, first: bytes) -> Answer | Failure:
    """Bytes of sound, which pass as they come: an answer begins with the first of them."""
    first = first or await reply.read()
    if reply.failure is not None:
        return reply.failure
    if not first:
        return _nothing_usable(route, "answered with success and no bytes")
    headers = reply_headers(reply.headers)
    if content_type(reply.headers) in _ANY_BYTES and prepared.body is not None:
        known = prepared.dialect.replies.bytes_type(prepared.body)
        if known is not None:
            headers = [(b"content-type", known), *(field for field in headers if field[0] != b"content-type")]
    return Answer(reply.status, headers, first, Outcome(reply.status), rest=reply, usage=_with_request(None, prepared))


def _with_request(usage: Usage | None, prepared: PreparedRequest) -> Usage | None:
    """The usage that a reply tells, with what only its request tells."""
    asked = prepared.dialect.replies.asked
    return usage if asked is None or prepared.body is None else asked(prepared.body, usage)


async def _pass(reply: Reply, route: TargetRoute, prepared: PreparedRequest) -> Answer | Failure:
    """A reply to a request that passed as it is: it passes, too. Usage is read where it is told as everywhere."""
    if prepared.method == HEAD:
        return _head_alone(reply, route, prepared)
    is_json = content_type(reply.headers).startswith(JSON)
    data = await reply.read()
    while data and (is_json or reply.status >= 400) and len(data) <= HOLD and (more := await reply.read()):
        data += more
    if reply.failure is not None:
        return reply.failure
    headers, rest = reply_headers(reply.headers), reply if data else None
    if reply.status >= 400:
        return Answer(reply.status, headers, data, _refused(reply, data, route), rest=rest)
    usage = model = None
    if is_json and len(data) <= HOLD and prepared.method == b"POST":
        usage = prepared.dialect.replies.judge(data, route.provider.slug, False).usage
        model = None if usage is None else _model_told(data)
    if is_json and prepared.bind is not None:
        if len(data) > HOLD:
            return _nothing_usable(route, f"sent a list of more than {HOLD >> 20} MiB, whose ids can't be bound")
        data = bound_json(data, prepared.bind, prepared.dialect.relay.collections)
    answer = Answer(reply.status, headers, data, Outcome(reply.status), rest=rest, usage=usage, model=model)
    is_stream = content_type(reply.headers).startswith(EVENT_STREAM) and prepared.method == b"POST"
    if not is_stream:
        return answer
    from penstock.pipeline.replies.passed_usage import with_usage_at_end  # loaded by the first such stream

    return with_usage_at_end(answer, data, prepared.dialect.replies.stream)


def _head_alone(reply: Reply, route: TargetRoute, prepared: PreparedRequest) -> Answer:
    """The answer to HEAD. It tells the length of the host's body, where the answer to GET would have the same."""
    reply.close()
    headers = reply_headers(reply.headers)
    if prepared.bind is None and reply.status not in WITHOUT_BODY:
        headers += [field for field in reply.headers if field[0] == b"content-length" and field[1].isdigit()]
    refused = reply.status >= 400
    return Answer(reply.status, headers, b"", _refused(reply, b"", route) if refused else Outcome(reply.status))


def _model_told(data: bytes) -> str | None:
    """The model that a reply names."""
    value = read_json_or_none(data)
    model = value.get("model") if isinstance(value, dict) else None
    return model if isinstance(model, str) and 0 < len(model) <= _LONGEST_MODEL else None


_LONGEST_MODEL: Final = 256


def _whole(body: bytes, route: TargetRoute, prepared: PreparedRequest, *, is_chat: bool) -> NormalizedReply:
    """A whole reply, normalized and judged."""
    whole = reshaped_reply.normalized(body, prepared) if is_chat else NormalizedReply(body)
    return whole if whole.verdict is not None else NormalizedReply(whole.body, _verdict(whole.body, route, prepared))


def _verdict(body: bytes, route: TargetRoute, prepared: PreparedRequest) -> Verdict:
    is_chat, replies = route.operation.is_chat, prepared.dialect.replies
    judge = None if prepared.translation is None else replies.judge_translated
    return (judge or replies.judge)(body, route.provider.slug, is_chat)


def _judged(
    reply: Reply, whole: NormalizedReply, headers: Headers, route: TargetRoute, prepared: PreparedRequest, trace: bytes
) -> Answer | Failure:
    """The answer that a whole reply is. ``headers`` are those that go on, as they fit the body."""
    body, verdict = whole.body, whole.verdict
    if verdict is None:
        verdict = _verdict(body, route, prepared)
    translation = prepared.translation
    has_failed = translation is not None and translation.progress.fail is not None
    if verdict.error is not None or has_failed:
        answer = told_error(body, verdict.error, reply, "in place of an answer", route, prepared, trace)
        answer.usage = verdict.usage
        return answer
    if verdict.problem:
        return _nothing_usable(route, verdict.problem)
    if verdict.body is not None:
        body = verdict.body
    counted, counts = prepared.dialect.replies.counted, verdict.usage
    if translation is not None and translation.progress.usage is not None:
        counts = translation.progress.usage
    elif counts is None and counted is not None:
        counts = counted(reply.headers)
    usage = counts if route.operation.is_chat else _with_request(counts, prepared)
    if prepared.read is not None and usage is not None and usage.prompt == 0:
        usage = None  # The caller's wire wants a number where the host tells none.
    return Answer(reply.status, headers, body, _GOOD if reply.status == 200 else Outcome(reply.status), usage=usage)


async def _streamed(
    answer: Answer, reply: Reply, route: TargetRoute, prepared: PreparedRequest, trace_id: bytes
) -> Answer | Failure:
    """A whole answer as the stream that was asked for; as it is where it can't be told so."""
    body = answer.body
    stream, leaves_usage_out = await off_loop_if_large(len(body), lambda: reshaped_reply.streamed(body, prepared))
    if not stream:
        return answer
    asked = msgspec.structs.replace(prepared, leaves_usage_out=leaves_usage_out)
    return await _begin_again(reply, stream, route, asked, trace_id)


async def _begin_again(
    reply: Reply, stream: bytes, route: TargetRoute, prepared: PreparedRequest, trace_id: bytes
) -> Answer | Failure:
    """The stream that was made of a reply which had been read whole."""
    reply = InTurns(reply, stream)
    held = HeldStream(reply, watch_for(prepared, route.provider.slug))
    headers = reply_headers(headers_for(reply, EVENT_STREAM))
    return await _begin_stream(held, await reply.read(), headers, route, prepared, trace_id)


async def _gathered(
    reply: Reply, stream: bytes, route: TargetRoute, prepared: PreparedRequest, trace_id: bytes
) -> Answer | Failure:
    """The plain answer to who asked for no stream and whose provider streams all the same."""
    watch = watch_for(prepared, route.provider.slug)
    events = await off_loop_if_large(len(stream), lambda: watch.feed(stream) + watch.finish())
    if watch.error is not None and watch.error_data:
        return told_error(watch.error_data, watch.error, reply, "in its stream", route, prepared, trace_id)
    if watch.is_over:
        return _nothing_usable(route, "sent a chunk that is no JSON")
    if not watch.ending()[0]:
        return _truncated(route)
    gather = prepared.dialect.replies.reshape.gather
    body = await off_loop_if_large(len(events), lambda: gather(events))
    if body is None:
        return _nothing_usable(route, "sent a stream that makes no whole reply, though no stream was asked for")
    whole = await off_loop_if_large(len(body), lambda: _whole(body, route, prepared, is_chat=True))
    return _judged(reply, whole, reply_headers(headers_for(reply, JSON)), route, prepared, trace_id)


def _refused(reply: Reply, body: bytes, route: TargetRoute) -> Outcome:
    """The outcome, for routing, of a provider's error response."""
    text = f"The provider {route.target.provider} answered with status {reply.status}."
    known = reply.error if isinstance(reply, ShapedErrorReply) else None
    error = known or read_error(reply.status, body, route.provider.slug)
    delay = retry_after(reply.headers, datetime.datetime.now(datetime.UTC))
    return Outcome(
        reply.status,
        Failure(Kind.UPSTREAM_STATUS, text, sent=True),
        error=error.error,
        retry_after=error.retry_after if delay is None else delay,
    )


def _truncated(route: TargetRoute) -> Failure:
    text = f"The provider {route.target.provider} ended its stream before the answer was finished."
    return Failure(Kind.TRUNCATED, text, sent=True)


def _nothing_usable(route: TargetRoute, what: str) -> Failure:
    return unusable(route.target.provider, f"{what}: nothing usable was received")
