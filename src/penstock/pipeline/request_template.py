"""What the requests of one kind to a target have in common: made for the first of them, and remembered.

``speaks_callers_wire`` chooses the lane. Lane 1: the provider's host speaks the caller's wire. Lane 2: their
bodies are translated.
"""

from __future__ import annotations

from typing import Final

import msgspec

from penstock.core.failure import Failure, Kind
from penstock.core.json_text import write_json
from penstock.core.parameter_changes import NO_CHANGES
from penstock.dialects.dialect import WriteContext
from penstock.dialects.registry import DIALECTS, TASKS
from penstock.dialects.task_dialect import TaskDialect, translated
from penstock.pipeline.call import Call
from penstock.pipeline.request_headers import hop_line
from penstock.pipeline.rewrite import RewriteSpec
from penstock.pipeline.target_route import RequestTemplate, TargetRoute, TemplateKey
from penstock.pipeline.text_slots import KnownForms
from penstock.providers.endpoint import ModelRoute
from penstock.providers.row import OPENAI, RESPONSES_WIRE, Provider
from penstock.traits.resolve import resolve

_MOST_REMEMBERED: Final = 16
"""Templates of one route that are remembered."""
_LONGEST_REMEMBERED: Final = 256
"""Characters of a model's name: the template for a longer name is not remembered."""


def speaks_callers_wire(call: Call, route: ModelRoute) -> bool:
    """Whether the provider's host speaks the caller's wire (lane 1)."""
    return route.dialect == call.dialect.name


def template_of(call: Call, route: TargetRoute, key: TemplateKey) -> RequestTemplate | Failure:
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
        return unsupported_operation(call, route)
    context = _context(route, model_route, model)
    written = None
    if model_route.override is not None:
        written = write_json(model_route.override)
    elif model is not None and model_route.becomes is not None:
        written = write_json(context.model)
    in_path = route.provider.model_in_path or "{model}" in model_route.plain
    names = (model, context.model, model_route.override)
    spec = RewriteSpec(
        caller=call.dialect,
        provider=None if is_same_wire or task is not None else DIALECTS[model_route.dialect],
        context=context,
        changes=route.changes,
        model=written,
        streams=streams,
        can_ask_usage=streams and _tells_stream_usage(route.provider, model_route),
        drops_material=route.target.drops_material,
        lists=route.model_lists,
        models=tuple([name for name in names if name is not None]),
        needs_model=is_same_wire and not in_path and route.operation.needs_model,
        task=task,
        fits=call.dialect.relay.fits(context) if is_same_wire else None,
    )
    named = None if model is None else context.model
    target = model_route.target(named if spec.provider is None else context.model, streams=streams)
    plain_target = model_route.target(named)
    headers = None if route.target.forward_headers else model_route.headers + hop_line(0, route, model_route)
    has_changes = written is not None or route.changes is not NO_CHANGES or route.model_lists is not None
    stays = route.operation.is_chat and not (streams or headers is None or has_changes)
    normalize = call.dialect.relay.plain(context) if is_same_wire else None
    unchanged = spec.fits if stays else None
    template = RequestTemplate(model_route, model, spec, target, plain_target, headers, unchanged, normalize)
    return msgspec.structs.replace(template, forms=KnownForms()) if _repeats(template, route) else template


def _repeats(template: RequestTemplate, route: TargetRoute) -> bool:
    """Whether the translation of one request may serve others with other texts."""
    spec = template.spec
    is_free = route.changes is NO_CHANGES and spec.lists is None and template.headers is not None
    return is_free and spec.provider is not None and spec.caller.reading.transcript is not None


def _task(call: Call, model_route: ModelRoute) -> TaskDialect | None:
    """How embeddings or reranking are asked for at a host of another wire than the caller's; None: they can't be."""
    host, read = TASKS.get(model_route.dialect), call.dialect.reading.task
    if read is None or (host is None and model_route.dialect != OPENAI):
        return host
    return translated(read, host)


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


def unsupported_operation(call: Call, route: TargetRoute) -> Failure:
    """The failure when the host serves the operation only in another wire than the caller's."""
    text = f"{route.operation.value} is not supported by {route.provider.slug} in this API ({call.dialect.name})."
    return Failure(Kind.UNSUPPORTED_OPERATION, text)


def not_heeded(field: str, route: TargetRoute) -> Failure:
    """The failure when a header of the caller's asks what the host can't do."""
    text = f"{route.provider.slug} can't heed the header {field}: leave it out, or route to Bedrock."
    return Failure(Kind.INVALID_REQUEST, text, field)


def unsupported_parameters(route: TargetRoute, dropped: tuple[str, ...]) -> Failure:
    """The failure when parameters that the host can't be told may not be left out."""
    names = ", ".join(dropped)
    text = f"{route.provider.slug} can't be told {names}: leave it out, or set unsupported_params to drop."
    return Failure(Kind.INVALID_REQUEST, text, dropped[0])
