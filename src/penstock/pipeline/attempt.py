"""Stage: one attempt at one target. Shape the body, send it, read on until it is clear what comes of it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Collection, Mapping
from time import monotonic
from typing import Final

import msgspec

from penstock.auth.signer import Outgoing, Signer
from penstock.core import outcome
from penstock.core.body import Body
from penstock.core.failure import Failure, Kind
from penstock.core.http import Limits, Origin, header_line
from penstock.core.json_text import write_json
from penstock.core.virtual_key import allows
from penstock.dialects.dialect import WriteContext
from penstock.dialects.openai.caller.errors import error_body
from penstock.dialects.openai.relay import body as openai_body
from penstock.dialects.openai.relay.model_limits import fit_to_model
from penstock.dialects.openai.relay.signatures import is_marked, kept_at_home
from penstock.dialects.registry import DIALECTS
from penstock.pipeline.authorize import Authorizer, Proof
from penstock.pipeline.call import Answer, Call
from penstock.pipeline.compile import Route
from penstock.pipeline.first_content import AttemptDeadlines, read_first_content
from penstock.pipeline.model_alias import ModelAliases
from penstock.pipeline.normalize import normalized
from penstock.pipeline.translate import Translation, translate_reply, translate_request
from penstock.providers.endpoint import ModelRoute
from penstock.providers.row import OPENAI
from penstock.routing.walk import Attempt
from penstock.traits.resolve import resolve
from penstock.transport.base import Reply, Request, Transport

HOPS_HEADER: Final = b"x-penstock-hops"
_NO_WAIT: Final = 0.001
_UNAUTHORIZED: Final = 401
_NEVER_FORWARDED: Final = frozenset(
    b"host connection keep-alive proxy-connection proxy-authorization te trailer transfer-encoding upgrade".split()
    + b"content-length expect x-penstock-hops".split()
)


class Written(msgspec.Struct):
    """A request as the target wants it: where it goes, what it says, what was left out, whether it asks for a stream.

    ``origin`` is the provider's, ``address`` the request target of HTTP: path and query. ``body`` is in OpenAI's
    dialect, None for an operation without one; ``normalizes_replies``: the provider's replies deviate from OpenAI's
    schema. On lane 2 ``payload`` is sent in place of ``body``, and ``translation`` says how to read the reply.
    """

    origin: Origin
    address: bytes
    headers: bytes
    body: Body | None = None
    model: str | None = None
    dropped: tuple[str, ...] = ()
    streams: bool = False
    normalizes_replies: bool = False
    payload: bytes = b""
    translation: Translation | None = None

    def content(self) -> tuple[bytes, bytes]:
        """The method and the body to send."""
        if self.body is None:
            return b"GET", b""
        return b"POST", self.body.encode() if self.translation is None else self.payload


class Upstream(msgspec.Struct, frozen=True):
    """The ways to providers, and how requests show who calls."""

    transports: Mapping[str, Transport]
    authorizer: Authorizer
    model_aliases: ModelAliases

    async def send(self, request: Request, signer: Signer | None) -> Reply | Failure:
        """Send a request, signed if it must be; once more with a new token where an old one is refused too early."""
        transport = self.transports[request.origin.scheme]
        if signer is None:
            return await transport.send(request)
        began = monotonic()
        proof = await self._authorized(request, signer)
        if isinstance(proof, Failure):
            return proof
        reply = await transport.send(_shown(request, proof, began))
        if isinstance(reply, Failure) or reply.status != _UNAUTHORIZED or not self.authorizer.refused(signer, proof):
            return reply
        reply.close()
        renewed = await self._authorized(_shown(request, None, began), signer)
        return renewed if isinstance(renewed, Failure) else await transport.send(_shown(request, renewed, began))

    async def _authorized(self, request: Request, signer: Signer) -> Proof | Failure:
        """The header lines that show who calls. A token must come within the time that the answer has to begin."""
        outgoing = Outgoing(request.method, request.origin, request.target, request.headers, request.body)
        limit = request.limits.first_byte
        try:
            async with asyncio.timeout(limit or None):
                return await self.authorizer.lines_for(signer, outgoing)
        except TimeoutError:
            text = f"The access token that the request needs did not come within {limit:g} s (first_byte_timeout)."
            return Failure(Kind.FIRST_BYTE_TIMEOUT, text, sent=False)


def _shown(request: Request, proof: Proof | None, began: float) -> Request:
    """The request with the proof, in what is left of the time for its answer to begin."""
    limits, waited = request.limits, monotonic() - began
    if limits.first_byte and waited > _NO_WAIT:
        limits = _within(limits, first_byte=max(limits.first_byte - waited, _NO_WAIT))
    lines = b"" if proof is None else proof.lines
    return msgspec.structs.replace(request, headers=request.headers + lines, limits=limits)


async def attempt(call: Call, route: Route, step: Attempt, upstream: Upstream) -> Answer:
    """Call the target once. Never raises for an expected failure; cancelling it closes the upstream connection."""
    written = write(call, route)
    if isinstance(written, Failure):
        return failed(written)
    return await send(written, route, step, upstream)


async def send(written: Written, route: Route, step: Attempt, upstream: Upstream) -> Answer:
    """Send what was written and wait until the answer has begun or failed."""
    began = monotonic()
    model = written.model
    limited = attempt_deadlines(route, step, began, streams=written.streams)
    if limited.limits.first_byte < 0:
        return failed(_timed_out(route, Failure(Kind.FIRST_BYTE_TIMEOUT, "", sent=False)), model)
    method, body = written.content()
    request = Request(written.origin, method, written.address, written.headers, body, limited.limits)
    reply = await upstream.send(request, route.endpoint.signer)
    if isinstance(reply, Failure):
        return failed(_timed_out(route, reply), model)
    if written.translation is not None:
        reply = translate_reply(reply, written.translation)
    elif written.normalizes_replies:
        reply = normalized(reply, streams=written.streams)
    try:
        answer = await read_first_content(reply, route, limited, streams=written.streams)
    except BaseException:
        reply.close()
        raise
    if isinstance(answer, Failure):
        reply.close()
        return failed(answer, model)
    answer.model, answer.dropped = model, written.dropped
    return answer


def failed(failure: Failure, model: str | None = None) -> Answer:
    """The answer that tells a failure in the caller's dialect."""
    headers = [(b"content-type", openai_body.CONTENT_TYPE)]
    return Answer(failure.status, headers, error_body(failure), outcome.failed(failure), model=model)


def write(call: Call, route: Route) -> Written | Failure:
    """The request for a target."""
    endpoint, chat = route.endpoint, call.chat
    if chat is None:
        model_route = endpoint.route_for(None, OPENAI)
        headers = _request_headers(call, route, model_route)
        if isinstance(headers, Failure):
            return headers
        return Written(model_route.origin, model_route.target(None), headers)
    body, model, stream = chat.body, chat.model, chat.stream
    dropped: tuple[str, ...] = ()
    if route.shape is not None:
        body, dropped = openai_body.shape(body, route.shape)
        model, stream = body.text("model") or model, body.raw("stream") == b"true"
    refused = _refused_model(route, model)
    if refused is not None:
        return refused
    model_route = endpoint.route_for(model, OPENAI)
    headers = _request_headers(call, route, model_route)
    if isinstance(headers, Failure):
        return headers
    written = Written(model_route.origin, b"", headers, body, model, dropped, stream)
    if model_route.dialect == OPENAI:
        written = _same_dialect(written, route, model_route)
    else:
        failure = _translate(written, route, model_route)
        if failure is not None:
            return failure
    if written.dropped and route.target.rejects_unsupported:
        return _unsupported(route, written.dropped)
    return written


def _same_dialect(written: Written, route: Route, model_route: ModelRoute) -> Written:
    """Lane 1: the body under the provider's name for the model, without what the model or its maker can't take."""
    quirks, body, model = model_route.quirks, written.body or Body({}), written.model
    written.address = model_route.target(None if model is None else model_route.model(model), streams=written.streams)
    written.normalizes_replies = quirks.normalizes_replies
    if quirks is not route.endpoint.default_route.quirks:
        body, dropped = openai_body.shape(body, openai_body.renames_and_drops(quirks))
        written.dropped += dropped
    if model is None:
        return written
    if model_route.becomes is not None:
        body = body.replaced({"model": write_json(model_route.model(model))})
    slug = route.provider.slug
    if quirks.applies_model_limits:
        body, refused = fit_to_model(body, resolve(model, slug), quirks.thinking)
        written.dropped += refused
    if not quirks.keeps_reasoning and is_marked(body):
        body = kept_at_home(body, resolve(model, slug).owner)
    written.body = body if quirks.adapts_request is None else quirks.adapts_request(body)
    return written


def _refused_model(route: Route, model: str | None) -> Failure | None:
    if model is None and not route.provider.model_in_path:
        hint = "name the model to use, for example gpt-4o-mini"
        return Failure(Kind.INVALID_REQUEST, f"The request has no model: {hint}.", "model")
    if route.target.models is not None and not allows(route.target.models, model or ""):
        text = f"The virtual key '{route.target.virtual_key}' does not allow the model '{model}': choose another."
        return Failure(Kind.NOT_ALLOWED, text, "model")
    return None


def _translate(written: Written, route: Route, model_route: ModelRoute) -> Failure | None:
    """Lane 2: add what is sent in place of the body, in the target's dialect; the failure when there can be none."""
    provider, body, streams = route.provider.slug, written.body or Body({}), written.streams
    model = model_route.model(written.model or "")
    known_as = route.aliased_model or model
    context = WriteContext(
        model, provider, resolve(known_as, provider), route.endpoint.options, model_route.variant, route.aliased_model
    )
    dialect = DIALECTS[model_route.dialect]
    payload = translate_request(dialect, body, context)
    if isinstance(payload, Failure):
        return payload
    if payload.headers:
        own = {name.encode(): header_line(name, value) for name, value in payload.headers}
        written.headers = _without(written.headers, own.keys()) + b"".join(own.values())
    written.address = model_route.target(model, streams=streams and not payload.unstreamed)
    written.payload = payload.body
    written.dropped += payload.dropped
    include_usage = streams and openai_body.wants_usage(body)
    written.translation = Translation(dialect, context, route.target.strict, streams, include_usage)
    return None


def _unsupported(route: Route, dropped: tuple[str, ...]) -> Failure:
    names = ", ".join(dropped)
    text = f"{route.provider.slug} can't be told {names}: leave it out, or set unsupported_params to drop."
    return Failure(Kind.INVALID_REQUEST, text, dropped[0])


def attempt_deadlines(route: Route, step: Attempt, now: float, *, streams: bool) -> AttemptDeadlines:
    """How long this attempt may take, at each of its points."""
    limits, timeouts = route.limits, route.target.timeouts
    first_token = timeouts.first_token if streams else None
    until = step.until - now
    if until < (limits.first_byte or math.inf):
        limits = _within(limits, first_byte=max(until, 0.001))
    if first_token is not None and first_token < (limits.first_byte or math.inf):
        limits = _within(limits, first_byte=first_token)
    over = step.over - now
    if over < (limits.total or math.inf):
        limits = _within(limits, total=max(over, 0.001))
    return AttemptDeadlines(limits, None if first_token is None else now + first_token)


def _within(limits: Limits, *, first_byte: float | None = None, total: float | None = None) -> Limits:
    changes = {"first_byte": first_byte, "total": total}
    return msgspec.structs.replace(limits, **{name: value for name, value in changes.items() if value is not None})


def _request_headers(call: Call, route: Route, model_route: ModelRoute) -> bytes | Failure:
    block = model_route.headers
    if route.target.forward_headers:
        forwarded = _forwarded(call, route.target.forward_headers)
        if isinstance(forwarded, Failure):
            return forwarded
        block = _without(block, forwarded.keys()) + b"".join(forwarded.values())
    if not model_route.origin.trusted:
        block += b"%s: %d\r\n" % (HOPS_HEADER, call.hops + 1)
    return block


def _forwarded(call: Call, names: tuple[str, ...]) -> dict[bytes, bytes] | Failure:
    lines = {}
    for name in names:
        raw = name.encode("latin-1", "replace")
        if raw in call.fields and raw not in _NEVER_FORWARDED and raw != call.withheld:
            try:
                lines[raw] = header_line(raw, call.fields[raw])
            except ValueError as error:
                return Failure(Kind.INVALID_REQUEST, f"A header can't be forwarded: {error}.", name)
    return lines


def _without(block: bytes, names: Collection[bytes]) -> bytes:
    """A header block less some fields."""
    lines = block.split(b"\r\n")
    return b"".join(line + b"\r\n" for line in lines if line and line.partition(b":")[0].lower() not in names)


def _timed_out(route: Route, failure: Failure) -> Failure:
    """A request_timeout that the caller set is told in the reference's words (docs/portkey.md#request-timeout)."""
    given = route.target.request_timeout
    if failure.kind is not Kind.FIRST_BYTE_TIMEOUT or given is None:
        return failure
    text = f"Request exceeded the timeout sent in the request: {given:g}ms"
    return Failure(Kind.FIRST_BYTE_TIMEOUT, text, plain=text, sent=failure.sent)
