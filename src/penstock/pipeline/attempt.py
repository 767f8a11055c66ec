"""Stage: one attempt at one target. Shape the body, send it, look at the first event, say what came of it.

A reply is handed on as soon as nothing more can be decided about it: a stream after its first event, a plain reply when
it is whole or larger than ``HOLD`` bytes. Until then a broken reply is a failure that routing can still act on.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from penstock.core.failure import Failure, Kind
from penstock.core.http import Headers, header_line
from penstock.core.memo import NameMemo
from penstock.core.outcome import Outcome
from penstock.dialects import openai_chat
from penstock.dialects.framing.sse import EventRelay, has_data
from penstock.pipeline.call import Answer, Call
from penstock.pipeline.configure import Route
from penstock.providers.row import Operation
from penstock.transport.base import Reply, Request, Transport

HOLD: Final = 1 << 20
"""Bytes of a plain reply that are held back until it is whole."""

HOPS_HEADER: Final = b"x-penstock-hops"
_KEPT_BACK: Final = frozenset(
    b"""
    connection keep-alive proxy-connection proxy-authenticate te trailer transfer-encoding upgrade content-length
    set-cookie server date alt-svc strict-transport-security nel report-to content-security-policy via
    """.split()
)
"""Upstream response headers that are about the connection or the provider's own site, not about the answer."""
_KEPT_BACK_PREFIXES: Final = (b"x-portkey-", b"x-penstock-", b"access-control-")
_NEVER_FORWARDED: Final = frozenset(
    b"host connection keep-alive proxy-connection proxy-authorization te trailer transfer-encoding upgrade".split()
    + b"content-length expect x-penstock-hops".split()
)


async def attempt(
    call: Call, chat: openai_chat.Request | None, route: Route, transports: Mapping[str, Transport]
) -> Answer:
    """Call the target once. Never raises for an expected failure; cancelling it closes the upstream connection.

    ``chat`` is the caller's request, read; None for an operation without a body.
    """
    written = _write(call, chat, route)
    if isinstance(written, Failure):
        return failed(written)
    request, model, dropped, streams = written
    if request.limits.first_byte < 0:
        return failed(_timed_out(route, Failure(Kind.FIRST_BYTE_TIMEOUT, "")), model)
    reply = await transports[request.origin.scheme].send(request)
    if isinstance(reply, Failure):
        return failed(_timed_out(route, reply), model)
    try:
        answer = await (
            _peek(reply, route) if streams and _is_stream(reply) else _collect(reply, route, call.operation)
        )
    except BaseException:
        reply.close()
        raise
    if isinstance(answer, Failure):
        reply.close()
        return failed(answer, model)
    answer.model, answer.dropped = model, dropped
    return answer


def failed(failure: Failure, model: str | None = None) -> Answer:
    """The answer that tells a failure in the caller's dialect."""
    body = openai_chat.error_body(failure)
    headers = [(b"content-type", openai_chat.CONTENT_TYPE)]
    return Answer(
        failure.status, headers, body, Outcome(failure.status, failure, reached_upstream=failure.sent), model=model
    )


def _write(
    call: Call, chat: openai_chat.Request | None, route: Route
) -> tuple[Request, str | None, tuple[str, ...], bool] | Failure:
    """The request as the target wants it, the model it names, what was left out, and whether a stream was asked for."""
    endpoint = route.endpoint
    headers = _request_headers(call, route)
    if isinstance(headers, Failure):
        return headers
    if chat is None:
        target = endpoint.target(None)
        return Request(endpoint.origin, b"GET", target, headers, b"", route.limits), None, (), False
    body, model, stream = chat.body, chat.model, chat.stream
    dropped: tuple[str, ...] = ()
    if route.shape is not None:
        body, dropped = openai_chat.shape(body, route.shape)
        model, stream = body.text("model") or model, body.raw("stream") == b"true"
    if model is None and not route.provider.model_in_path:
        hint = "name the model to use, for example gpt-4o-mini"
        return Failure(Kind.INVALID_REQUEST, f"The request has no model: {hint}.", "model")
    request = Request(endpoint.origin, b"POST", endpoint.target(model), headers, body.encode(), route.limits)
    return request, model, dropped, stream


def _request_headers(call: Call, route: Route) -> bytes | Failure:
    block = route.endpoint.headers
    if route.target.forward_headers:
        forwarded = _forwarded(call, route.target.forward_headers)
        if isinstance(forwarded, Failure):
            return forwarded
        block = _without(block, forwarded.keys()) + b"".join(forwarded.values())
    if not route.endpoint.origin.trusted:
        block += b"%s: %d\r\n" % (HOPS_HEADER, call.hops + 1)
    return block


def _forwarded(call: Call, names: tuple[str, ...]) -> dict[bytes, bytes] | Failure:
    lines = {}
    for name in names:
        raw = name.encode("latin-1", "replace")
        if raw in call.fields and raw not in _NEVER_FORWARDED:
            try:
                lines[raw] = header_line(raw, call.fields[raw])
            except ValueError as error:
                return Failure(Kind.INVALID_REQUEST, f"A header can't be forwarded: {error}.", name)
    return lines


def _without(block: bytes, names: Collection[bytes]) -> bytes:
    """A header block less some fields."""
    lines = block.split(b"\r\n")
    return b"".join(line + b"\r\n" for line in lines if line and line.partition(b":")[0].lower() not in names)


def _is_stream(reply: Reply) -> bool:
    if reply.status != 200:
        return False
    kind = _content_type(reply)
    return kind.startswith(openai_chat.STREAM_TYPE) or not kind.startswith(openai_chat.CONTENT_TYPE)


def _content_type(reply: Reply) -> bytes:
    for name, value in reply.headers:
        if name == b"content-type":
            return value.lower()
    return b""


async def _peek(reply: Reply, route: Route) -> Answer | Failure:
    """Read a stream up to its first event with data: until then nothing was said to the caller."""
    relay, ready = EventRelay(), b""
    while not (has_data(ready) or relay.mid_event):
        data = await reply.read()
        if data:
            ready += relay.feed(data)
            continue
        if reply.failure is not None:
            return reply.failure
        ready += relay.finish()
        if not has_data(ready):
            return _unusable(route, "ended its stream without a single event")
        break
    outcome = Outcome(200, _first_event_failed(route) if openai_chat.error_in(ready) else None)
    headers = _reply_headers(reply.headers)
    return Answer(200, headers, ready, outcome, rest=reply, relay=relay)


async def _collect(reply: Reply, route: Route, operation: Operation) -> Answer | Failure:
    """Read a plain reply whole, or as far as it is held back."""
    parts, size = [], 0
    while data := await reply.read():
        parts.append(data)
        size += len(data)
        if size > HOLD:
            break
    if reply.failure is not None:
        return reply.failure
    body = b"".join(parts)
    headers = _reply_headers(reply.headers)
    if size > HOLD:
        return Answer(reply.status, headers, body, Outcome(reply.status), rest=reply)
    if not 200 <= reply.status < 300:
        text = f"The provider {route.target.provider} answered with status {reply.status}."
        failure = Failure(Kind.UPSTREAM_STATUS, text, sent=True)
        return Answer(reply.status, headers, body, Outcome(reply.status, failure))
    usage = openai_chat.read_reply(body) if operation is Operation.CHAT else None
    if isinstance(usage, Failure):
        return _unusable(route, "answered with success but the body is not a JSON object")
    return Answer(reply.status, headers, body, Outcome(reply.status), usage=usage)


def _is_kept(name: bytes) -> bool:
    """Whether a response header goes on to the caller."""
    return name not in _KEPT_BACK and not name.startswith(_KEPT_BACK_PREFIXES)


_KEPT: Final = NameMemo(_is_kept)


def _reply_headers(headers: Headers) -> Headers:
    return [field for field in headers if _KEPT[field[0]]]


def _timed_out(route: Route, failure: Failure) -> Failure:
    """A request_timeout that the caller set is told in the reference's words (spec 5.5)."""
    given = route.target.request_timeout
    if failure.kind is not Kind.FIRST_BYTE_TIMEOUT or given is None:
        return failure
    text = f"Request exceeded the timeout sent in the request: {given:g}ms"
    return Failure(Kind.FIRST_BYTE_TIMEOUT, text, plain=text, sent=failure.sent)


def _unusable(route: Route, what: str) -> Failure:
    text = f"The provider {route.target.provider} {what}: nothing usable was received."
    return Failure(Kind.INVALID_RESPONSE, text, sent=True)


def _first_event_failed(route: Route) -> Failure:
    text = f"The provider {route.target.provider} sent an error as the first event of its stream."
    return Failure(Kind.STREAM_ERROR, text, sent=True)
