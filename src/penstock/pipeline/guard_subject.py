"""What guards judge of a call: the request for a target, the answer to it, and the request that guards made of another.

The counterpart of pipeline/guard.py, which says when.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from penstock.core.body import Body, BodyError
from penstock.core.failure import Failure, Kind
from penstock.core.json_beginning import is_object
from penstock.core.parameter_changes import ParameterChanges
from penstock.core.segments import Segment
from penstock.dialects.caller import RequestBody
from penstock.dialects.texts import TextView
from penstock.guards.base import GuardedBody, Phase
from penstock.guards.results import HookRun
from penstock.pipeline.account import METADATA, read_metadata
from penstock.pipeline.call import Call
from penstock.pipeline.guard_hooks import Subject
from penstock.pipeline.target_route import TargetRoute
from penstock.providers.google import INTERACTIONS
from penstock.providers.row import Operation

_STREAMS: Final = "stream=true"
_ASKING: Final = ("messages", "contents", "prompt", "input", "inputs", "inputText", "message", "instances", "texts")
"""Members of the bodies with which models are asked, at any provider."""


def nothing_asked(call: Call) -> RequestBody:
    streams = _STREAMS in call.query.split("&")
    return RequestBody(Body({"stream": b"true"} if streams else {}), None, streams)


_PREDICTIONS: Final = frozenset({Operation.PREDICT, Operation.PREDICT_LATER})


def evades(call: Call) -> bool:
    """Whether a request passes as it is, though it has what a model is asked with: guards read it elsewhere. So may an
    object that can't be read: some hosts read its beginning, and pass over what follows."""
    if call.operation in _PREDICTIONS:
        return True
    if call.resource == INTERACTIONS:
        return bool(call.body)
    if call.operation is not Operation.PROXY or call.resource is not None:
        return False
    if call.request is None:
        return is_object(call.body)
    return any(name in call.request.body for name in _ASKING)


def asked(call: Call, route: TargetRoute, body: Body, view: TextView, kind: str, *, streams: bool) -> Subject:
    """The subject of before-hooks: the request for a target."""

    def read(value: Any) -> Sequence[Segment]:
        return tuple(view.request(kind, value))

    def accepts(raw: bytes) -> str | None:
        new = call.dialect.reading.body(raw)
        if isinstance(new, Failure):
            return new.message
        return "it would change whether the answer is streamed" if new.stream is not streams else None

    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in call.fields.items()}
    return Subject(
        Phase.BEFORE,
        kind,
        route.provider.slug,
        GuardedBody(body.encode(), read),
        read,
        accepts,
        metadata=read_metadata(call.account.metadata or call.fields.get(METADATA)),
        operator_metadata=call.account.labels,
        headers=headers,
        is_streaming=streams,
        trace=call.trace,
    )


def answered(request: Subject, view: TextView, kind: str, raw: bytes) -> Subject:
    """The subject of after-hooks: a request with its answer."""

    def read(value: Any) -> Sequence[Segment]:
        return tuple(view.answer(kind, value))

    def accepts(new: bytes) -> str | None:
        try:
            Body.parse(new)
        except BodyError as error:
            return str(error)
        return None

    return msgspec.structs.replace(
        request, phase=Phase.AFTER, response=GuardedBody(raw, read), read=read, accepts=accepts, status=200
    )


def new_request(call: Call, subject: Subject, old: Body) -> RequestBody | Failure:
    """The request that guards have made of another."""
    given = call.request
    if given is not None and given.form is not None:
        return _new_form(given, subject.request.raw)
    read = call.dialect.reading.body(subject.request.raw)
    if isinstance(read, Failure) or read.body.raw("stream") == old.raw("stream"):
        return read
    return Failure(Kind.INVALID_REQUEST, "A guard changed whether the answer is streamed.", "stream")


def _new_form(given: RequestBody, fields: bytes) -> RequestBody | Failure:
    """The form with the text fields that guards made."""
    try:
        body = Body.parse(fields)
    except BodyError as error:
        return Failure(Kind.INVALID_REQUEST, f"A guard changed the form's fields to what they can't be: {error}.")
    return msgspec.structs.replace(given, body=body)


def with_headers(call: Call, route: TargetRoute, runs: Sequence[HookRun]) -> tuple[Call, TargetRoute]:
    """The call and the route with which a target gets the header fields that checks found: no field of such a name
    that the caller sends takes their place."""
    told = {name: each for run in runs for check in run.checks for name, each in check.judgement.headers.items()}
    if not told:
        return call, route
    found = [(name.encode(), value.encode()) for name, value in told.items() if value is not None]
    names = {name.encode() for name in told}
    headers = [*((name, value) for name, value in call.headers if name.lower() not in names), *found]
    fields = {**{name: value for name, value in call.fields.items() if name not in names}, **dict(found)}
    forwarded = tuple(dict.fromkeys((*route.target.forward_headers, *told)))
    target = msgspec.structs.replace(route.target, forward_headers=forwarded)
    call = msgspec.structs.replace(call, headers=headers, fields=fields)
    # What is prepared for other requests of the route knows nothing of these fields.
    return call, msgspec.structs.replace(route, target=target, templates={})


def with_body(call: Call, route: TargetRoute, body: bytes) -> tuple[Call, TargetRoute]:
    """The call that passes as it is, with another body."""
    if call.request is None:
        return msgspec.structs.replace(call, body=body), route
    request = RequestBody(Body.parse(body), call.request.model, call.request.stream, call.request.form)
    return msgspec.structs.replace(call, body=body, request=request), route


def rewritten(call: Call, route: TargetRoute, request: RequestBody) -> tuple[Call, TargetRoute]:
    """The call with the request that the guards made. The config's parameters are in it already."""
    body = call.body if request.form is not None else request.body.encode()
    call = msgspec.structs.replace(call, request=request, body=body)
    if route.changes.fills:
        route = msgspec.structs.replace(route, changes=ParameterChanges(removes=route.changes.removes))
    return call, route
