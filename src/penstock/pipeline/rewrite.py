"""Stage, inside an attempt: a caller's body becomes the body for a target. Pure functions of values that another
process can be given: large bodies are read and rewritten there (off_loop/process.py).

Lane 1: the body passes, without the parameters that the host refuses. Lane 2: it is read into a ``ChatRequest`` and
written in the provider's wire.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Mapping
from pickle import PickleBuffer
from typing import Any, Final

import msgspec

from penstock.core.body import Body, Places
from penstock.core.chat import NO_ECHO, ChatRequest, Echo, name_of
from penstock.core.failure import Failure, Kind
from penstock.core.form import Form, FormError
from penstock.core.json_text import UNREADABLE, write_json
from penstock.core.parameter_changes import ParameterChanges
from penstock.dialects.caller import CallerDialect, FitRule, RequestBody
from penstock.dialects.dialect import ProviderDialect, WriteContext
from penstock.dialects.function_names import with_allowed_names
from penstock.dialects.malformed import read_body
from penstock.dialects.material import lost_material, material
from penstock.dialects.task_dialect import ReadReplies, TaskDialect
from penstock.pipeline.models.model_lists import ModelLists

LIGHT: Final = 64 << 10
"""Bytes of the largest value of a large body that comes back from another process."""
_DELIVERY: Final = frozenset({"stream", "stream_options"})
"""Members that say how an answer is delivered, which does not change the answer."""


class RewriteSpec(msgspec.Struct, frozen=True):
    """What is done to a body for a target.

    ``provider`` is the wire to translate into (lane 2), None where the host speaks the caller's wire. ``model`` is the
    JSON that replaces the body's ``model``, None for no change. ``can_ask_usage``: the host accepts a request for a
    stream's usage. ``drops_material``: what the provider can't be given is left out, where it is a failure otherwise.
    ``fits`` tells by one look that the host takes a body of the caller's wire as it is; None where each is looked into.
    ``lists`` judge the body that leaves: ``models`` are the names under which the judged model may be sent,
    ``needs_model``: only the body names it.
    """

    caller: CallerDialect
    provider: ProviderDialect | None
    context: WriteContext
    changes: ParameterChanges
    model: bytes | None = None
    streams: bool = False
    can_ask_usage: bool = False
    drops_material: bool = False
    lists: ModelLists | None = None
    models: tuple[str, ...] = ()
    needs_model: bool = False
    task: TaskDialect | None = None
    """The wire of embeddings or reranking to write the body in, where the host has one of its own."""
    fits: FitRule | None = None


class Rewritten(msgspec.Struct, frozen=True):
    """A body for a target. ``payload`` is what is sent, ``body`` the same in the caller's wire, of a large request only
    its small values. ``headers`` are header fields of this request alone.

    ``asks_usage``: the gateway asks for a stream's usage, the caller did not; ``wants_usage``: the caller did.
    ``unstreamed``, ``hides_thinking``, ``names``, ``echo`` and ``forced_call`` are about the reply on lane 2.
    ``digest`` is the body as the cache tells it apart, empty where nobody asked.
    """

    payload: bytes
    body: Body
    dropped: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    asks_usage: bool = False
    wants_usage: bool = False
    unstreamed: bool = False
    hides_thinking: bool = False
    names: Mapping[str, str] = {}
    digest: bytes = b""
    more: tuple[bytes, ...] = ()
    """The bodies of a task's further requests."""
    read: ReadReplies | None = None
    """Who reads a task's replies."""
    echo: Echo = NO_ECHO
    forced_call: str = ""
    functions: tuple[str, ...] = ()
    """The names of the tools that are offered, for the reader of a stream on lane 2."""

    def __reduce__(self) -> tuple[Callable[..., Rewritten], tuple[Any, ...]]:
        """For another process: the payload goes as a buffer, which needs no copy (pickle's protocol 5)."""
        _, *others = msgspec.structs.astuple(self)
        return Rewritten, (PickleBuffer(self.payload), *others)


def rewrite(spec: RewriteSpec, body: Body) -> Rewritten | Failure:
    """The body for a target."""
    if spec.task is not None:
        rewritten = _as_task(spec, spec.task, body)
    elif spec.provider is None:
        rewritten = _same_wire(spec, body)
    else:
        rewritten = _translated(spec, spec.provider, body)
    if spec.lists is not None and isinstance(rewritten, Rewritten):
        refused = spec.lists.refused_body(rewritten.body, spec.models, needs_model=spec.needs_model)
        if refused is not None:
            return refused
    return rewritten


def _as_task(spec: RewriteSpec, task: TaskDialect, body: Body) -> Rewritten | Failure:
    """Lane 2 of embeddings and reranking: one request or several in the host's wire."""
    body = spec.changes.removed(body)
    payload = task.write(body, spec.context)
    if isinstance(payload, Failure):
        return payload
    first, *more = payload.bodies
    return Rewritten(first, body, payload.dropped, more=tuple(more), read=payload.read)


def as_form(form: Form, rewritten: Rewritten | Failure) -> Rewritten | Failure:
    """A request whose body holds the fields of a form, as the form with these fields."""
    if isinstance(rewritten, Failure):
        return rewritten
    try:
        payload = form.with_fields(rewritten.body)
    except FormError as error:
        return Failure(Kind.INVALID_REQUEST, f"The form can't be changed as the config asks: {error}.")
    headers = (*rewritten.headers, ("content-type", form.content_type.decode("latin-1")))
    return msgspec.structs.replace(rewritten, payload=payload, headers=headers)


def _same_wire(spec: RewriteSpec, body: Body) -> Rewritten | Failure:
    """Lane 1: the caller's body with the provider's name for the model, without the parameters that the host
    refuses."""
    dialect = spec.caller
    if spec.model is not None:
        body = body.replaced({"model": spec.model})
    wants_usage = spec.streams and dialect.replies.include_usage(body)
    asks_usage = spec.can_ask_usage and not wants_usage
    if asks_usage:
        body = dialect.replies.with_usage(body)
    if spec.fits is not None and spec.fits.holds(body):
        body = spec.fits.sent(spec.changes.removed(body) if spec.changes.removes else body)
        fields = spec.fits.headers(spec.context)
        return Rewritten(body.encode(), body, headers=fields, asks_usage=asks_usage, wants_usage=wants_usage)
    fitted = dialect.relay.fit_request(body, spec.context)
    if isinstance(fitted, Failure):
        return fitted
    body = spec.changes.removed(fitted.body)
    dropped = _without_usage(fitted.dropped) if wants_usage and fitted.dropped else fitted.dropped
    return Rewritten(body.encode(), body, dropped, fitted.headers, asks_usage, wants_usage)


def _without_usage(dropped: tuple[str, ...]) -> tuple[str, ...]:
    """The names without the request for a stream's usage, which the caller gets all the same: hosts that refuse it tell
    their usage unasked (docs/fidelity.md#usage)."""
    return tuple(name for name in dropped if name != "stream_options")


def _translated(spec: RewriteSpec, provider: ProviderDialect, body: Body) -> Rewritten | Failure:
    """Lane 2: the request in the provider's wire."""
    body = spec.changes.removed(body)
    request = spec.caller.reading.request(body)
    if isinstance(request, Failure):
        return request
    names: Mapping[str, str] = {}
    if provider.function_names is not None:
        request, names = with_allowed_names(request, provider.function_names)
    tools = request.parameters.get("tools") if spec.streams else None
    functions = tuple(map(name_of, tools)) if tools else ()
    payload = provider.write(request, spec.context)
    request.forget_messages()
    if isinstance(payload, Failure):
        return _with_material(payload, request)
    if payload.dropped and not spec.drops_material:
        lost = lost_material(request, payload.dropped)
        if lost:
            return _lost_material(spec.context.provider, lost)
    members = spec.caller.reading.lost
    unread = () if members is None else members.of(body)
    return Rewritten(
        payload.body,
        body,
        tuple(dict.fromkeys((*payload.dropped, *unread))) if unread else payload.dropped,
        payload.headers,
        False,
        spec.streams and spec.caller.replies.include_usage(body),
        payload.unstreamed,
        request.hides_thinking,
        names,
        echo=request.echo,
        forced_call=payload.forced_call,
        functions=functions,
    )


def _lost_material(provider: str, lost: Mapping[str, str]) -> Failure:
    named = ", ".join(f"{path} ({thing})" for path, thing in lost.items())
    text = (
        f"{provider} can't be given {named} for this model: send it in another form (data in place of an "
        "address, a type that the model takes), choose another model, or set unsupported_params to drop to omit it."
    )
    return Failure(Kind.INVALID_REQUEST, text, next(iter(lost)))


def _with_material(failure: Failure, request: ChatRequest) -> Failure:
    """A failure for lack of visible content names the parts that were there and that the provider can't be given."""
    parts = material(request) if failure.param == "messages" else {}
    if not parts:
        return failure
    named = ", ".join(f"{path} ({thing})" for path, thing in parts.items())
    return dataclasses.replace(failure, message=f"{failure.message} It can't be given {named}.")


# For large bodies, in another process.


def read_places(data: memoryview) -> tuple[Places, str | None, bool] | Failure:
    """A large body as far as the gateway looks into it: where its values are, the model, whether it asks for a
    stream."""
    request = read_body(data)
    return request if isinstance(request, Failure) else (request.body.places(data), request.model, request.stream)


def located(data: bytes, found: tuple[Places, str | None, bool] | Failure) -> RequestBody | Failure:
    """The body that ``read_places`` read in another process."""
    if isinstance(found, Failure):
        return found
    places, model, stream = found
    return RequestBody(Body.located(data, places), model, stream)


def rewrite_large(spec: RewriteSpec, body: Body, wants_digest: bool) -> Rewritten | Failure:
    """As ``rewrite``; only what the gateway needs of the body comes back."""
    rewritten = rewrite(spec, body)
    if isinstance(rewritten, Failure):
        return rewritten
    digest = body_digest(rewritten.body) if wants_digest else b""
    return msgspec.structs.replace(rewritten, body=rewritten.body.lightened(LIGHT), digest=digest)


# What the cache tells apart.


def body_digest(body: Body | None) -> bytes:
    """A SHA-256 of the members sorted by name, without white space between tokens; the tokens of each value are
    unchanged."""
    digest = hashlib.sha256()
    if body is not None:
        for name in sorted(set(body) - _DELIVERY):
            digest.update(b"%b:" % write_json(name))
            digest.update(_compact(body.raw(name) or b""))
            digest.update(b",")
    return digest.digest()


def _compact(raw: bytes) -> bytes:
    if raw[:1] not in {b"[", b"{"}:
        return raw
    try:
        return msgspec.json.format(raw, indent=-1)
    except UNREADABLE:
        return raw  # JSON that only the standard library can parse (lone surrogates, for example) is unchanged
