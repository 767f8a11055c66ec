"""Stage, inside an attempt: the request for a target. ``speaks_callers_wire`` chooses the lane.

Lane 1: the provider's host speaks the caller's wire, so the body passes, without the parameters that the host refuses.
Lane 2: the body is read into a ``ChatRequest`` and written in the provider's wire.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

import msgspec

from penstock.core.body import Body
from penstock.core.chat import ChatRequest
from penstock.core.failure import Failure, Kind
from penstock.core.http import Origin, header_line
from penstock.core.json_text import write_json
from penstock.dialects.caller import CallerDialect
from penstock.dialects.dialect import WriteContext
from penstock.dialects.function_names import with_allowed_names
from penstock.dialects.material import lost_material, material
from penstock.dialects.registry import DIALECTS
from penstock.pipeline.call import Call
from penstock.pipeline.model_lists import ModelLists
from penstock.pipeline.target_route import RequestTemplate, TargetRoute
from penstock.pipeline.translate import Translation
from penstock.providers.endpoint import ModelRoute
from penstock.providers.row import Operation
from penstock.traits.resolve import resolve

_MOST_REMEMBERED: Final = 16
"""Templates of one route that are remembered."""
_LONGEST_REMEMBERED: Final = 256
"""Characters of a model's name: the template for a longer name is not remembered."""
HOPS_HEADER: Final = b"x-penstock-hops"
_NEVER_FORWARDED: Final = frozenset(
    b"host connection keep-alive proxy-connection proxy-authorization te trailer transfer-encoding upgrade".split()
    + b"content-length expect x-penstock-hops cookie cookie2 accept-encoding content-encoding content-type".split()
)
"""Request headers about the connection, the body's form or a browser's session."""


class PreparedRequest(msgspec.Struct, frozen=True):
    """A request, ready to be sent to a target.

    ``target`` is the request target of HTTP: path and query. ``body`` is in the caller's dialect, None for an operation
    without one; ``payload`` is what is sent. ``translation`` (lane 2) says how the reply comes back; without it
    (lane 1) the reply is relayed for the host that ``context`` describes. ``leaves_usage_out``: the gateway asked for a
    stream's usage, the caller did not. ``dropped`` names the parameters that were left out.
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
    translation: Translation | None = None

    @property
    def lane(self) -> int:
        return 1 if self.translation is None else 2


def speaks_callers_wire(call: Call, route: ModelRoute) -> bool:
    """Whether the provider's host speaks the caller's wire (lane 1)."""
    return route.dialect == call.dialect.name


def prepare(call: Call, route: TargetRoute) -> PreparedRequest | Failure:
    """The request for a target."""
    request = call.request
    if request is None:
        return _without_body(call, route)
    body, model, streams = request.body, request.model, request.stream
    if route.changes.fills:
        body = route.changes.filled(body)
        model, streams = body.text("model") or model, body.raw("stream") == b"true"
    template = _template(call, route, model, streams=streams)
    if isinstance(template, Failure):
        return template
    headers = _request_headers(call, route, template.model_route)
    if isinstance(headers, Failure):
        return headers
    prepared: PreparedRequest | Failure
    if template.is_same_wire:
        prepared = _same_wire(call, route, template, body, headers, model, streams=streams)
    elif route.operation is Operation.CHAT:
        prepared = _translated(call, route, template, body, headers, model, streams=streams)
    else:
        return _unsupported_operation(call, route)
    if route.model_lists is not None and isinstance(prepared, PreparedRequest):
        refused = _refused_body(route.model_lists, prepared, route, template.model_route, template.context)
        if refused is not None:
            return refused
    if route.target.rejects_unsupported and isinstance(prepared, PreparedRequest) and prepared.dropped:
        return _unsupported_parameters(route, prepared.dropped)
    return prepared


def _template(call: Call, route: TargetRoute, model: str | None, *, streams: bool) -> RequestTemplate | Failure:
    """The template of the requests to a target for this model, made once."""
    key = (model, route.aliased_model, call.dialect.name, streams)
    template = route.templates.get(key)
    if template is None:
        template = _refused_model(route, model) or _new_template(call, route, model, streams=streams)
        if model is None or len(model) <= _LONGEST_REMEMBERED:
            if len(route.templates) >= _MOST_REMEMBERED:
                route.templates.clear()
            route.templates[key] = template
    return template


def _new_template(call: Call, route: TargetRoute, model: str | None, *, streams: bool) -> RequestTemplate:
    model_route = route.endpoint.route_for(model, call.dialect.name)
    context = _context(route, model_route, model)
    written = None
    if model_route.override is not None:
        written = write_json(model_route.override)
    elif model is not None and model_route.becomes is not None:
        written = write_json(context.model)
    return RequestTemplate(
        model_route,
        context,
        speaks_callers_wire(call, model_route),
        model_route.target(None if model is None else context.model, streams=streams),
        written,
        # A custom host may be any server: only the provider's own host is known to accept `stream_options`.
        streams and model_route.quirks.stream_usage and model_route.origin.trusted,
    )


def _without_body(call: Call, route: TargetRoute) -> PreparedRequest | Failure:
    model_route = route.endpoint.route_for(None, call.dialect.name)
    if not speaks_callers_wire(call, model_route):
        return _unsupported_operation(call, route)
    headers = _request_headers(call, route, model_route)
    if isinstance(headers, Failure):
        return headers
    if route.model_lists is not None and "id" in call.parameters:
        refused = route.model_lists.refused(call.parameters["id"])
        if refused is not None:
            return refused
    target = model_route.target(None, parameters=call.parameters)
    return PreparedRequest(call.dialect, model_route.origin, b"GET", target, headers)


def _context(route: TargetRoute, model_route: ModelRoute, model: str | None) -> WriteContext:
    name, slug = model_route.model(model or ""), route.provider.slug
    options = route.endpoint.options
    aliased = options.get("base_model") or route.aliased_model
    traits = resolve(aliased or name, slug)
    if not traits.family and not aliased:
        traits = resolve(options.get("deployment_id", ""), slug)
    return WriteContext(name, slug, traits, options, model_route.variant, aliased, model_route.quirks)


def _same_wire(
    call: Call,
    route: TargetRoute,
    template: RequestTemplate,
    body: Body,
    headers: bytes,
    model: str | None,
    *,
    streams: bool,
) -> PreparedRequest | Failure:
    """Lane 1: the caller's body with the provider's name for the model, without the parameters that the host
    refuses."""
    dialect, context, model_route = call.dialect, template.context, template.model_route
    if template.model is not None:
        body = body.replaced({"model": template.model})
    asks_usage = template.can_ask_usage and not dialect.replies.include_usage(body)
    if asks_usage:
        body = dialect.replies.with_usage(body)
    if dialect.header_settings:
        context = msgspec.structs.replace(context, asked=_asked(call))
    fitted = dialect.relay.fit_request(body, context)
    if isinstance(fitted, Failure):
        return fitted
    body = route.changes.removed(fitted.body)
    target = template.target
    if call.parameters:
        target = model_route.target(
            None if model is None else context.model, streams=streams, parameters=call.parameters
        )
    return PreparedRequest(
        dialect,
        model_route.origin,
        b"POST",
        _with_query(target, call.query) if call.query else target,
        _with_fields(headers, fitted.headers) if fitted.headers else headers,
        body.encode(),
        body,
        model,
        fitted.dropped,
        streams,
        context,
        asks_usage,
    )


def _translated(
    call: Call,
    route: TargetRoute,
    template: RequestTemplate,
    body: Body,
    headers: bytes,
    model: str | None,
    *,
    streams: bool,
) -> PreparedRequest | Failure:
    """Lane 2: the request in the provider's wire."""
    context, model_route = template.context, template.model_route
    caller, provider = call.dialect, DIALECTS[model_route.dialect]
    body = route.changes.removed(body)
    request = caller.read_request(body)
    if isinstance(request, Failure):
        return request
    names: Mapping[str, str] = {}
    if provider.function_names is not None:
        request, names = with_allowed_names(request, provider.function_names, provider.longest_name)
    payload = provider.write(request, context)
    request.forget_messages()
    if isinstance(payload, Failure):
        return _with_material(payload, request)
    if payload.dropped and not route.target.drops_material:
        lost = lost_material(request, payload.dropped)
        if lost:
            return _lost_material(route, lost)
    include_usage = streams and caller.replies.include_usage(body)
    translation = Translation(
        caller, provider, context, route.target.strict, streams, include_usage, request.hides_thinking, names
    )
    return PreparedRequest(
        caller,
        model_route.origin,
        b"POST",
        model_route.target(context.model, streams=streams and not payload.unstreamed, parameters=call.parameters),
        _with_fields(headers, payload.headers),
        payload.body,
        body,
        model,
        payload.dropped,
        streams,
        translation=translation,
    )


def _refused_model(route: TargetRoute, model: str | None) -> Failure | None:
    if model is None and not route.provider.model_in_path:
        hint = "name the model to use, for example gpt-4o-mini"
        return Failure(Kind.INVALID_REQUEST, f"The request has no model: {hint}.", "model")
    return None if route.model_lists is None else route.model_lists.refused(model)


def _refused_body(
    lists: ModelLists, prepared: PreparedRequest, route: TargetRoute, model_route: ModelRoute, context: WriteContext
) -> Failure | None:
    """The failure when the body that leaves names a model that the request's keys don't allow. On lane 2 the provider's
    wire is written from this body, and the model from ``context``."""
    if prepared.body is None:
        return None
    models = {name for name in (prepared.model, context.model, model_route.override) if name is not None}
    in_path = route.provider.model_in_path or "{model}" in model_route.plain
    return lists.refused_body(prepared.body, models, needs_model=prepared.lane == 1 and not in_path)


def _with_query(target: bytes, query: str) -> bytes:
    """The request target with the caller's query added."""
    return target + (b"&" if b"?" in target else b"?") + query.encode("latin-1")


def _unsupported_operation(call: Call, route: TargetRoute) -> Failure:
    """The failure when the host serves the operation only in another wire than the caller's."""
    text = f"{route.operation.value} is not supported by {route.provider.slug} in this API ({call.dialect.name})."
    return Failure(Kind.UNSUPPORTED_OPERATION, text)


def _unsupported_parameters(route: TargetRoute, dropped: tuple[str, ...]) -> Failure:
    names = ", ".join(dropped)
    text = f"{route.provider.slug} can't be told {names}: leave it out, or set unsupported_params to drop."
    return Failure(Kind.INVALID_REQUEST, text, dropped[0])


def _lost_material(route: TargetRoute, lost: Mapping[str, str]) -> Failure:
    named = ", ".join(f"{path} ({thing})" for path, thing in lost.items())
    text = (
        f"{route.provider.slug} can't be given {named} for this model: send it in another form (data in place of an "
        "address, a type that the model takes), choose another model, or set unsupported_params to drop to omit it."
    )
    return Failure(Kind.INVALID_REQUEST, text, next(iter(lost)))


def _with_material(failure: Failure, request: ChatRequest) -> Failure:
    """A failure for lack of visible content names the parts that were there and that the provider can't be given."""
    parts = material(request) if failure.param == "messages" else {}
    if not parts:
        return failure
    named = ", ".join(f"{path} ({thing})" for path, thing in parts.items())
    return msgspec.structs.replace(failure, message=f"{failure.message} It can't be given {named}.")


# Header blocks.


def _request_headers(call: Call, route: TargetRoute, model_route: ModelRoute) -> bytes | Failure:
    block = model_route.headers
    if route.target.forward_headers:
        forwarded = _forwarded(call, route.target.forward_headers)
        if isinstance(forwarded, Failure):
            return forwarded
        block = _without(block, forwarded.keys()) + b"".join(forwarded.values())
    # A custom host may be a gateway, also one that the operator names in a virtual key.
    if route.target.custom_host is not None or not model_route.origin.trusted:
        block += b"%s: %d\r\n" % (HOPS_HEADER, call.hops + 1)
    return block


def _of_the_connection(call: Call) -> Collection[bytes]:
    """The fields that the request calls fields of its connection: they go no further (RFC 9110, 7.6.1)."""
    if call.fields.get(b"connection", b"keep-alive") == b"keep-alive" and len(call.fields) == len(call.headers):
        return ()
    options = [value.lower() for name, value in call.headers if name == b"connection"]
    return {option.strip() for value in options for option in value.split(b",")}


def _asked(call: Call) -> dict[str, str]:
    """What the request says in header fields of its wire; a field that comes again goes on as one list.

    Fields with other than printable ASCII name no feature, and stay behind.
    """
    names, withheld = call.dialect.header_settings, {*call.caller.withheld, *_of_the_connection(call)}
    asked: dict[str, str] = {}
    for field, value in call.headers:
        name, text = names.get(field), value.decode("latin-1").strip()
        if name is not None and field not in withheld and text.isascii() and text.isprintable():
            asked[name] = f"{asked[name]},{text}" if name in asked else text
    return asked


def _forwarded(call: Call, names: tuple[str, ...]) -> dict[bytes, bytes] | Failure:
    lines, withheld = {}, {*call.caller.withheld, *_of_the_connection(call)}
    for name in names:
        raw = name.encode("latin-1", "replace")
        if raw in call.fields and raw not in _NEVER_FORWARDED and raw not in withheld:
            try:
                lines[raw] = header_line(raw, call.fields[raw])
            except ValueError as error:
                return Failure(Kind.INVALID_REQUEST, f"A header can't be forwarded: {error}.", name)
    return lines


def _with_fields(block: bytes, fields: tuple[tuple[str, str], ...]) -> bytes:
    """The header block with the fields of this request; a field replaces a header of the same name."""
    if not fields:
        return block
    lines = {name.encode(): header_line(name, value) for name, value in fields}
    return _without(block, lines.keys()) + b"".join(lines.values())


def _without(block: bytes, names: Collection[bytes]) -> bytes:
    """The header block without the headers of these names."""
    lines = block.split(b"\r\n")
    return b"".join(line + b"\r\n" for line in lines if line and line.partition(b":")[0].lower() not in names)
