"""Stage, inside an attempt: the request for a target.

request_template.py chooses the lane and makes what requests of one kind have in common; rewrite.py rewrites the body.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from penstock.core.body import Body
from penstock.core.bound_id import ChangeId
from penstock.core.failure import Failure, Kind
from penstock.core.http import Origin, with_query
from penstock.core.operation import Operation
from penstock.core.parameter_changes import NO_CHANGES
from penstock.dialects.caller import CallerDialect, FitRule, Normalize, RequestBody
from penstock.dialects.dialect import ProviderDialect, WriteContext
from penstock.dialects.task_dialect import ReadReplies
from penstock.pipeline.call import Call, Upload
from penstock.pipeline.keeping.exchange import Keeping
from penstock.pipeline.off_loop.process import WorkError, aside
from penstock.pipeline.off_loop.thread import off_loop
from penstock.pipeline.request_headers import asked_in_headers, request_headers, with_fields
from penstock.pipeline.request_template import (
    not_heeded,
    speaks_callers_wire,
    template_of,
    unsupported_operation,
    unsupported_parameters,
)
from penstock.pipeline.rewrite import RewriteSpec, Rewritten, as_form, rewrite, rewrite_large
from penstock.pipeline.target_route import RequestTemplate, TargetRoute
from penstock.pipeline.text_slots import KnownForms, learn_form
from penstock.pipeline.translate import Translation

_ONLY_MODEL: Final = frozenset({"model"})
"""The parameters of a path that names nothing but the model."""
_MOST_BLOCKS: Final = 4
"""Header blocks that a template remembers."""
_LARGEST_BLOCK: Final = 1 << 10
"""Bytes of the largest one."""


class PreparedRequest(msgspec.Struct, frozen=True):
    """A request, ready to be sent to a target.

    ``target`` is the request target of HTTP: path and query. ``body`` is in the caller's dialect, of a large request
    only its small values, None for an operation without one; ``payload`` is what is sent. ``translation`` (lane 2) says
    how the reply comes back; without it (lane 1) the reply is relayed for the host that ``context`` describes.
    ``leaves_usage_out``: the gateway asked for a stream's usage, the caller did not; ``wants_usage``: the caller asked
    for it, in an event of its own. ``dropped`` names the parameters that were left out. ``plain_target`` is the request
    target of a plain answer: the same for both forms, where a host has an address for each. ``normalize`` takes out of
    a whole reply what deviates from the wire.
    """

    dialect: CallerDialect
    origin: Origin
    method: bytes
    target: bytes
    headers: bytes
    payload: bytes = b""
    body: Body | None = None
    model: str | None = None
    context: WriteContext | None = None
    plain_target: bytes = b""
    normalize: Normalize | None = None
    dropped: tuple[str, ...] = ()
    streams: bool = False
    leaves_usage_out: bool = False
    wants_usage: bool = False
    translation: Translation | None = None
    digest: bytes = b""
    """The body as the cache tells it apart, where it was made together with a large body."""
    more: tuple[bytes, ...] = ()
    read: ReadReplies | None = None
    """Of a task in a host's own wire: the bodies of further requests, and who reads the replies."""
    bind: ChangeId | None = None
    """Binds the ids of what the target keeps, where the caller gets them so."""
    switches: bool = False
    """The request asks for a WebSocket (open_socket.py)."""
    lane: int = 1
    upload: Upload | None = None
    """What follows the payload, while it arrives."""


class _Draft(msgspec.Struct, frozen=True):
    """A request before its body is rewritten: the body with the config's defaults and overrides, and what is done to
    it. ``headers`` is the header block."""

    template: RequestTemplate
    spec: RewriteSpec
    headers: bytes
    body: Body


def prepare(call: Call, route: TargetRoute) -> PreparedRequest | Failure:
    """The request for a target."""
    request = call.request
    if request is None:
        return _without_body(call, route)
    template = _template_alone(call, route, request)
    if template is None:
        return _prepared(call, route, request)
    if template.unchanged is not None and template.unchanged.holds(request.body):
        return _unchanged(call, request, template, template.unchanged)
    if template.forms is not None and call.keeps is None:
        return _with_texts(call, route, request, template.forms)
    return _prepared(call, route, request)


def _prepared(call: Call, route: TargetRoute, request: RequestBody) -> PreparedRequest | Failure:
    """Any request with a body."""
    draft = _draft(call, route, request)
    if isinstance(draft, Failure):
        return draft
    rewritten = rewrite(draft.spec, draft.body)
    return _finished(call, route, draft, rewritten if request.form is None else as_form(request.form, rewritten))


def _template_alone(call: Call, route: TargetRoute, request: RequestBody) -> RequestTemplate | None:
    """The template of a request that says nothing beside its body. None for any other, and for the first with its
    template."""
    template = route.templates.get((request.model, route.aliased_model, call.dialect.name, request.stream))
    if template is None or isinstance(template, Failure):
        return None
    names_more = call.parameters and call.parameters.keys() != _ONLY_MODEL
    return None if call.hops or call.query or names_more or call.bind is not None else template


def _unchanged(call: Call, request: RequestBody, template: RequestTemplate, rule: FitRule) -> PreparedRequest:
    """A request that needs no draft: its body stays as it is, and so does all that its template says, but for what the
    caller asks in header fields."""
    context, headers = template.spec.context, template.headers or b""
    if call.dialect.reading.header_settings:
        memo = call.memo
        known = None if memo is None else memo.asked
        if known is None or known[0] is not template:
            known = _asked_of(template, rule, call)
            if memo is not None:
                memo.asked = known
        _, context, headers = known
    body = rule.sent(request.body)
    # In the order of its members: by their names it would take longer.
    return PreparedRequest(
        call.dialect,
        template.model_route.origin,
        b"POST",
        template.target,
        headers,
        body.encode(),
        body,
        template.asked_model,
        context,
        template.plain_target,
        template.normalize,
    )


def _asked_of(template: RequestTemplate, rule: FitRule, call: Call) -> tuple[RequestTemplate, WriteContext, bytes]:
    """What a call asks of a template in header fields: the context and the header block with them."""
    context, headers = template.spec.context, template.headers or b""
    asked = asked_in_headers(call)
    if asked:
        context = msgspec.structs.replace(context, asked=asked)
        fields = rule.headers(context)
        headers = _header_block(template, headers, fields) if fields else headers
    return template, context, headers


def _with_texts(call: Call, route: TargetRoute, request: RequestBody, forms: KnownForms) -> PreparedRequest | Failure:
    """A translated request; one whose form is known with its texts in what was written for another."""
    reading = call.dialect.reading
    script = (
        None if reading.transcript is None or reading.only_at_home in call.fields else reading.transcript(request.body)
    )
    if script is None:
        return _prepared(call, route, request)
    known = forms.find(script)
    if known is not None:
        return known.prepared_for(script, request.body)
    prepared = _prepared(call, route, request)
    if isinstance(prepared, PreparedRequest) and forms.comes_again(script):
        forms.keep(script, learn_form(script, request, prepared, lambda other: _prepared(call, route, other)))
    return prepared


async def prepare_aside(call: Call, route: TargetRoute, *, wants_digest: bool = False) -> PreparedRequest | Failure:
    """As ``prepare``, for a large body: beside the event loop. ``wants_digest``: the cache needs ``digest``."""
    request = call.request
    if request is None:
        return _without_body(call, route)
    if request.form is not None:
        return await off_loop(lambda: prepare(call, route))
    draft = _draft(call, route, request)
    if isinstance(draft, Failure):
        return draft
    try:
        rewritten = await aside(len(call.body), rewrite_large, draft.spec, draft.body, wants_digest)
    except WorkError as error:
        return Failure(Kind.BODY_TOO_LARGE, f"The request is too large to be prepared: {error}. Send less.")
    return _finished(call, route, draft, rewritten)


def _draft(call: Call, route: TargetRoute, request: RequestBody) -> _Draft | Failure:
    """The request before its body is rewritten."""
    body, model, streams = request.body, request.model, request.stream
    if route.changes is not NO_CHANGES and route.changes.fills:
        body = route.changes.filled(body)
        model, streams = body.text("model") or model, call.dialect.reading.asks_stream(body)
    key = (model, route.aliased_model, call.dialect.name, streams)
    template = route.templates.get(key) or template_of(call, route, key)
    if isinstance(template, Failure):
        return template
    headers = None if call.hops else template.headers
    if headers is None:
        made = request_headers(call, route, template.model_route)
        if isinstance(made, Failure):
            return made
        headers = made
    spec = template.spec
    at_home = call.dialect.reading.only_at_home
    if at_home in call.fields and (spec.provider is not None or spec.task is not None):
        return not_heeded(at_home.decode(), route)
    if spec.provider is None and call.dialect.reading.header_settings:
        asked = asked_in_headers(call)
        if asked:
            spec = msgspec.structs.replace(spec, context=msgspec.structs.replace(spec.context, asked=asked))
    return _Draft(template, spec, headers, body)


def _finished(
    call: Call, route: TargetRoute, draft: _Draft, rewritten: Rewritten | Failure
) -> PreparedRequest | Failure:
    """The request, after its body was rewritten."""
    if isinstance(rewritten, Failure):
        return rewritten
    keeps = None if draft.spec.provider is None else call.keeps
    if keeps is not None:
        rewritten = keeps.noted(draft.body, rewritten)
    if route.target.rejects_unsupported:
        refused = tuple([name for name in rewritten.dropped if name not in draft.spec.caller.writing.no_place])
        if refused:
            return unsupported_parameters(route, refused)
    template, spec = draft.template, draft.spec
    model_route, context = template.model_route, spec.context
    streams, translation = spec.streams, None
    wants_usage, leaves_usage_out = rewritten.wants_usage, rewritten.asks_usage
    if spec.provider is not None:
        # A stream that may be stored tells its usage, so that it can be given as a plain answer, too.
        tells_usage = wants_usage or (streams and route.target.cache is not None)
        leaves_usage_out = tells_usage and not wants_usage
        translation = _translation(spec, spec.provider, rewritten, route, keeps, tells_usage=tells_usage)
    target, plain_target = _targets(call, draft, unstreamed=rewritten.unstreamed)
    return PreparedRequest(
        dialect=spec.caller,
        origin=model_route.origin,
        method=b"POST",
        target=target,
        headers=_header_block(template, draft.headers, rewritten.headers) if rewritten.headers else draft.headers,
        payload=rewritten.payload,
        body=rewritten.body,
        model=template.asked_model,
        dropped=rewritten.dropped,
        streams=streams,
        context=context if translation is None else None,
        normalize=template.normalize,
        leaves_usage_out=leaves_usage_out,
        wants_usage=wants_usage,
        translation=translation,
        plain_target=plain_target,
        digest=rewritten.digest,
        more=rewritten.more,
        read=rewritten.read,
        bind=None if call.bind is None or translation is not None else call.bind(route.target),
        lane=1 if translation is None and rewritten.read is None else 2,
        upload=call.upload,
    )


def _header_block(template: RequestTemplate, headers: bytes, fields: tuple[tuple[str, str], ...]) -> bytes:
    """A header block with the fields of one request. Clients name the same version and betas in each request: what was
    made of the template's own block for the last few is remembered with it."""
    if headers is not template.headers:
        return with_fields(headers, fields)
    block = template.blocks.get(fields)
    if block is None:
        block = with_fields(headers, fields)
        if len(template.blocks) >= _MOST_BLOCKS:
            template.blocks.clear()
        if len(block) <= _LARGEST_BLOCK:
            template.blocks[fields] = block
    return block


def _targets(call: Call, draft: _Draft, *, unstreamed: bool) -> tuple[bytes, bytes]:
    """The request target, and that of a plain answer. ``unstreamed``: it is answered in one piece only."""
    template, spec = draft.template, draft.spec
    target, plain_target, streams = template.target, template.plain_target, spec.streams
    if spec.provider is not None:
        if unstreamed or call.parameters:
            streams_there = streams and not unstreamed
            target = template.model_route.target(spec.context.model, streams=streams_there, parameters=call.parameters)
        return target, plain_target
    if call.parameters:
        named = None if template.asked_model is None else spec.context.model
        target = template.model_route.target(named, streams=streams, parameters=call.parameters)
    if not streams:
        plain_target = target
    if call.query:
        return with_query(target, call.query), with_query(plain_target, call.query)
    return target, plain_target


def _translation(
    spec: RewriteSpec,
    provider: ProviderDialect,
    rewritten: Rewritten,
    route: TargetRoute,
    keeps: Keeping | None,
    *,
    tells_usage: bool,
) -> Translation:
    """How the reply to a rewritten request is translated."""
    context, functions = spec.context, rewritten.functions
    return Translation(
        spec.caller,
        provider,
        msgspec.structs.replace(context, functions=functions) if functions else context,
        route.target.strict,
        spec.streams,
        tells_usage,
        rewritten.hides_thinking,
        rewritten.names,
        rewritten.echo,
        keeps is not None and keeps.input is not None,
        forced_call=rewritten.forced_call,
    )


def prepare_socket(
    call: Call, route: TargetRoute, handshake: bytes, add_query: Callable[[Call, bytes, str | None], bytes]
) -> PreparedRequest | Failure:
    """The request for a WebSocket. ``handshake`` are its header lines; ``add_query`` puts the caller's query and the
    model's name to a request target."""
    request = call.request
    if request is None:
        return unsupported_operation(call, route)
    draft = _draft(call, route, request)
    if isinstance(draft, Failure):
        return draft
    template = draft.template
    model_route = template.model_route
    if not speaks_callers_wire(call, model_route):
        return unsupported_operation(call, route)
    named = model_route.override
    if named is None and template.asked_model is not None and not route.provider.model_in_path:
        named = template.spec.context.model
    target = model_route.target(None, parameters=call.parameters) if call.parameters else template.target
    return PreparedRequest(
        dialect=call.dialect,
        origin=model_route.origin,
        method=b"GET",
        target=add_query(call, target, named),
        headers=draft.headers + handshake,
        model=template.asked_model,
        switches=True,
    )


def _without_body(call: Call, route: TargetRoute) -> PreparedRequest | Failure:
    model_route = route.endpoint.route_for(None, call.dialect.name)
    if not speaks_callers_wire(call, model_route):
        return unsupported_operation(call, route)
    headers = request_headers(call, route, model_route)
    if isinstance(headers, Failure):
        return headers
    if route.model_lists is not None and "id" in call.parameters:
        refused = route.model_lists.refused(call.parameters["id"])
        if refused is not None:
            return refused
    target = model_route.target(None, parameters=call.parameters)
    if call.query:
        target = with_query(target, call.query)
    # A response that is kept can be streamed again, from any of its events on.
    streams = route.operation is Operation.RESPONSE and "stream=true" in call.query.split("&")
    return PreparedRequest(
        dialect=call.dialect,
        origin=model_route.origin,
        method=route.operation.method,
        target=target,
        headers=headers,
        streams=streams,
        bind=None if call.bind is None else call.bind(route.target),
    )
