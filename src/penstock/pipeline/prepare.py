"""Stage, inside an attempt: the request for a target. ``speaks_callers_wire`` chooses the lane.

Lane 1: the provider's host speaks the caller's wire. Lane 2: the body is translated. rewrite.py does both.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from penstock.core.body import Body
from penstock.core.bound_id import ChangeId
from penstock.core.failure import Failure, Kind
from penstock.core.http import Origin
from penstock.core.json_text import write_json
from penstock.core.parameter_changes import NO_CHANGES
from penstock.dialects.caller import CallerDialect, RequestBody
from penstock.dialects.dialect import ProviderDialect, WriteContext
from penstock.dialects.registry import DIALECTS, TASKS
from penstock.dialects.task_dialect import ReadReplies, TaskDialect, translated
from penstock.pipeline.call import Call, Upload
from penstock.pipeline.keeping.exchange import Keeping
from penstock.pipeline.off_loop.process import WorkError, aside
from penstock.pipeline.off_loop.thread import off_loop
from penstock.pipeline.request_headers import asked_in_headers, hop_line, request_headers, with_fields
from penstock.pipeline.rewrite import RewriteSpec, Rewritten, as_form, rewrite, rewrite_large
from penstock.pipeline.target_route import RequestTemplate, TargetRoute, TemplateKey
from penstock.pipeline.translate import Translation
from penstock.providers.endpoint import ModelRoute
from penstock.providers.row import OPENAI, RESPONSES_WIRE, Operation, Provider
from penstock.traits.resolve import resolve

_MOST_REMEMBERED: Final = 16
"""Templates of one route that are remembered."""
_LONGEST_REMEMBERED: Final = 256
"""Characters of a model's name: the template for a longer name is not remembered."""
_ASKS_STREAM: Final = "stream=true"


class PreparedRequest(msgspec.Struct, frozen=True):
    """A request, ready to be sent to a target.

    ``target`` is the request target of HTTP: path and query. ``body`` is in the caller's dialect, of a large request
    only its small values, None for an operation without one; ``payload`` is what is sent. ``translation`` (lane 2) says
    how the reply comes back; without it (lane 1) the reply is relayed for the host that ``context`` describes.
    ``leaves_usage_out``: the gateway asked for a stream's usage, the caller did not; ``wants_usage``: the caller asked
    for it, in an event of its own. ``dropped`` names the parameters that were left out. ``plain_target`` is the request
    target of a plain answer: the same for both forms, where a host has an address for each.
    """

    dialect: CallerDialect
    origin: Origin
    method: bytes
    target: bytes
    headers: bytes
    payload: bytes = b""
    body: Body | None = None
    model: str | None = None
    dropped: tuple[str, ...] = ()
    streams: bool = False
    context: WriteContext | None = None
    leaves_usage_out: bool = False
    wants_usage: bool = False
    translation: Translation | None = None
    plain_target: bytes = b""
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


def speaks_callers_wire(call: Call, route: ModelRoute) -> bool:
    """Whether the provider's host speaks the caller's wire (lane 1)."""
    return route.dialect == call.dialect.name


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
    prepared = _unchanged(call, route, request)
    if prepared is not None:
        return prepared
    draft = _draft(call, route, request)
    if isinstance(draft, Failure):
        return draft
    rewritten = rewrite(draft.spec, draft.body)
    return _finished(call, route, draft, rewritten if request.form is None else as_form(request.form, rewritten))


def _unchanged(call: Call, route: TargetRoute, request: RequestBody) -> PreparedRequest | None:
    """A request that needs no draft: its body stays as it is, and so does all that its template says. None for any
    other, and for the first with its template."""
    template = route.templates.get((request.model, route.aliased_model, call.dialect.name, request.stream))
    if template is None or isinstance(template, Failure) or template.unchanged is None:
        return None
    says_more = call.hops or call.query or call.parameters or call.bind is not None
    if says_more or not template.unchanged.holds(request.body):
        return None
    return PreparedRequest(
        call.dialect,
        template.model_route.origin,
        b"POST",
        template.target,
        template.headers or b"",
        request.body.encode(),
        request.body,
        template.asked_model,
        context=template.spec.context,
        plain_target=template.plain_target,
    )


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
    template = route.templates.get(key) or _template(call, route, key)
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
        return _not_heeded(at_home.decode(), route)
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
            return _unsupported_parameters(route, refused)
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
        spec.caller,
        model_route.origin,
        b"POST",
        target,
        with_fields(draft.headers, rewritten.headers) if rewritten.headers else draft.headers,
        rewritten.payload,
        rewritten.body,
        template.asked_model,
        rewritten.dropped,
        streams,
        context if translation is None else None,
        leaves_usage_out,
        wants_usage,
        translation,
        plain_target,
        rewritten.digest,
        rewritten.more,
        rewritten.read,
        None if call.bind is None or translation is not None else call.bind(route.target),
        lane=1 if translation is None and rewritten.read is None else 2,
        upload=call.upload,
    )


def _targets(call: Call, draft: _Draft, *, unstreamed: bool) -> tuple[bytes, bytes]:
    """The request target, and that of a plain answer. ``unstreamed``: it is answered in one piece only."""
    template, spec = draft.template, draft.spec
    target, plain_target, streams = template.target, template.plain_target, spec.streams
    if spec.provider is not None:
        streams_there = streams and not unstreamed
        target = template.model_route.target(spec.context.model, streams=streams_there, parameters=call.parameters)
        return target, plain_target
    if call.parameters:
        named = None if template.asked_model is None else spec.context.model
        target = template.model_route.target(named, streams=streams, parameters=call.parameters)
    if not streams:
        plain_target = target
    if call.query:
        return _with_query(target, call.query), _with_query(plain_target, call.query)
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
    return Translation(
        spec.caller,
        provider,
        spec.context,
        route.target.strict,
        spec.streams,
        tells_usage,
        rewritten.hides_thinking,
        rewritten.names,
        rewritten.echo,
        keeps is not None and keeps.input is not None,
    )


def prepare_socket(
    call: Call, route: TargetRoute, handshake: bytes, with_query: Callable[[Call, bytes, str | None], bytes]
) -> PreparedRequest | Failure:
    """The request for a WebSocket. ``handshake`` are its header lines; ``with_query`` puts the caller's query and the
    model's name to a request target."""
    request = call.request
    if request is None:
        return _unsupported_operation(call, route)
    draft = _draft(call, route, request)
    if isinstance(draft, Failure):
        return draft
    template = draft.template
    model_route = template.model_route
    if not speaks_callers_wire(call, model_route):
        return _unsupported_operation(call, route)
    named = model_route.override
    if named is None and template.asked_model is not None and not route.provider.model_in_path:
        named = template.spec.context.model
    return PreparedRequest(
        call.dialect,
        model_route.origin,
        b"GET",
        with_query(call, template.target, named),
        draft.headers + handshake,
        model=template.asked_model,
        switches=True,
    )


def _template(call: Call, route: TargetRoute, key: TemplateKey) -> RequestTemplate | Failure:
    """The template of the requests to a target for this model, which is remembered."""
    model, _, _, streams = key
    template = _refused_model(call, route, model) or _new_template(call, route, model, streams=streams)
    if model is None or len(model) <= _LONGEST_REMEMBERED:
        if len(route.templates) >= _MOST_REMEMBERED:
            route.templates.clear()
        route.templates[key] = template
    return template


def _tells_stream_usage(provider: Provider, model_route: ModelRoute) -> bool:
    """Whether the host accepts ``stream_options.include_usage``. Under a vendor's name a custom host may be any server;
    the name of a server that operators run themselves (vLLM) says what runs there, at whatever address."""
    return model_route.quirks.stream_usage and (model_route.origin.trusted or provider.self_hosted)


def _new_template(call: Call, route: TargetRoute, model: str | None, *, streams: bool) -> RequestTemplate | Failure:
    known_as = route.endpoint.options.get("base_model") or route.aliased_model
    model_route = route.endpoint.route_for(model, call.dialect.name, known_as)
    is_same_wire = speaks_callers_wire(call, model_route)
    task = None if is_same_wire else _task(call, model_route)
    if not is_same_wire and task is None and not route.operation.is_chat:
        return _unsupported_operation(call, route)
    context = _context(route, model_route, model)
    written = None
    if model_route.override is not None:
        written = write_json(model_route.override)
    elif model is not None and model_route.becomes is not None:
        written = write_json(context.model)
    in_path = route.provider.model_in_path or "{model}" in model_route.plain
    names = (model, context.model, model_route.override)
    spec = RewriteSpec(
        call.dialect,
        None if is_same_wire or task is not None else DIALECTS[model_route.dialect],
        context,
        route.changes,
        written,
        streams,
        streams and _tells_stream_usage(route.provider, model_route),
        route.target.drops_material,
        route.model_lists,
        tuple([name for name in names if name is not None]),
        is_same_wire and not in_path and route.operation.needs_model,
        task,
        call.dialect.relay.fits(context) if is_same_wire else None,
    )
    named = None if model is None else context.model
    target, plain_target = model_route.target(named, streams=streams), model_route.target(named)
    headers = None if route.target.forward_headers else model_route.headers + hop_line(0, route, model_route)
    has_settings = headers is None or call.dialect.reading.header_settings
    has_changes = written is not None or route.changes is not NO_CHANGES or route.model_lists is not None
    stays = route.operation.is_chat and not (streams or has_settings or has_changes)
    return RequestTemplate(model_route, model, spec, target, plain_target, headers, spec.fits if stays else None)


def _task(call: Call, model_route: ModelRoute) -> TaskDialect | None:
    """How embeddings or reranking are asked for at a host of another wire than the caller's; None: they can't be."""
    host, read = TASKS.get(model_route.dialect), call.dialect.reading.task
    if read is None or (host is None and model_route.dialect != OPENAI):
        return host
    return translated(read, host)


def _without_body(call: Call, route: TargetRoute) -> PreparedRequest | Failure:
    model_route = route.endpoint.route_for(None, call.dialect.name)
    if not speaks_callers_wire(call, model_route):
        return _unsupported_operation(call, route)
    headers = request_headers(call, route, model_route)
    if isinstance(headers, Failure):
        return headers
    if route.model_lists is not None and "id" in call.parameters:
        refused = route.model_lists.refused(call.parameters["id"])
        if refused is not None:
            return refused
    target = model_route.target(None, parameters=call.parameters)
    if call.query:
        target = _with_query(target, call.query)
    # A response that is kept can be streamed again, from any of its events on.
    streams = route.operation is Operation.RESPONSE and _ASKS_STREAM in call.query.split("&")
    method, bind = route.operation.method, None if call.bind is None else call.bind(route.target)
    return PreparedRequest(call.dialect, model_route.origin, method, target, headers, streams=streams, bind=bind)


def _context(route: TargetRoute, model_route: ModelRoute, model: str | None) -> WriteContext:
    name, slug = model_route.model(model or ""), route.provider.slug
    options = route.endpoint.options
    aliased = options.get("base_model") or route.aliased_model
    traits = resolve(aliased or name, slug)
    if not traits.family and not aliased:
        traits = resolve(options.get("deployment_id", ""), slug)
    return WriteContext(name, slug, traits, options, model_route.variant, aliased, model_route.quirks)


def _refused_model(call: Call, route: TargetRoute, model: str | None) -> Failure | None:
    session = call.dialect.relay.session if route.operation.is_session else None
    if session is not None and session.model_of is not None:
        return None  # a session's messages name its model, and are judged
    if model is None and _must_be_named(call, route):
        hint = "name the model to use, for example gpt-4o-mini"
        return Failure(Kind.INVALID_REQUEST, f"The request has no model: {hint}.", "model")
    return None if route.model_lists is None else route.model_lists.refused(model)


def _must_be_named(call: Call, route: TargetRoute) -> bool:
    """Whether nobody but the request's body can name the model. A prompt that the host keeps, which a request of
    Responses may name, can (https://platform.openai.com/docs/api-reference/responses/create)."""
    if route.provider.model_in_path or not route.operation.needs_model:
        return False
    wire = call.dialect.name
    return wire != RESPONSES_WIRE or route.endpoint.route_for(None, wire).dialect != wire


def _with_query(target: bytes, query: str) -> bytes:
    """The request target with the caller's query added."""
    return target + (b"&" if b"?" in target else b"?") + query.encode("latin-1")


def _unsupported_operation(call: Call, route: TargetRoute) -> Failure:
    """The failure when the host serves the operation only in another wire than the caller's."""
    text = f"{route.operation.value} is not supported by {route.provider.slug} in this API ({call.dialect.name})."
    return Failure(Kind.UNSUPPORTED_OPERATION, text)


def _not_heeded(field: str, route: TargetRoute) -> Failure:
    text = f"{route.provider.slug} can't heed the header {field}: leave it out, or route to Bedrock."
    return Failure(Kind.INVALID_REQUEST, text, field)


def _unsupported_parameters(route: TargetRoute, dropped: tuple[str, ...]) -> Failure:
    names = ", ".join(dropped)
    text = f"{route.provider.slug} can't be told {names}: leave it out, or set unsupported_params to drop."
    return Failure(Kind.INVALID_REQUEST, text, dropped[0])
