"""What guards judge of a call: the request for a target, the answer to it, and the request that guards made of another.

The counterpart of pipeline/guarding/guard.py, which says when.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from time import monotonic
from typing import Any, Final

import msgspec

from penstock.core.body import Body, BodyError
from penstock.core.failure import Failure, Kind
from penstock.core.form import Form
from penstock.core.json_beginning import is_object
from penstock.core.operation import Operation
from penstock.core.parameter_changes import ParameterChanges
from penstock.core.segments import Segment
from penstock.dialects.caller import RequestBody
from penstock.dialects.texts import TextView
from penstock.guards.base import Context, LazyMembers, Phase
from penstock.guards.guarded_body import GuardedBody
from penstock.guards.plan import GuardPlan, Scope
from penstock.guards.results import HookRun
from penstock.pipeline.call import Answer, Call
from penstock.pipeline.metadata import METADATA, read_metadata
from penstock.pipeline.target_route import TargetRoute
from penstock.providers.google import BATCHES, INTERACTIONS

_STREAMS: Final = "stream=true"
_NO_METADATA: Final[Mapping[str, Any]] = {}
_ASKING: Final = (
    "messages", "contents", "prompt", "input", "inputs", "inputText", "message", "instances", "texts", "requests",
    "batch", "content", "items", "thread", "additional_messages", "tool_outputs",
)  # fmt: skip
"""Members of the bodies with which models are asked, now or later, at any provider."""
_FIELDS: Final = (
    "messages",
    "contents",
    "prompt",
    "negative_prompt",
    "input",
    "inputs",
    "message",
    "text",
    "texts",
    "query",
)
"""Fields of forms with which they are asked."""
_SLICE: Final = 1 << 16
"""Bytes of a form that are searched at once: a search keeps Python's lock, and all other requests wait."""
_LONGEST: Final = 64
"""Bytes that what is searched has at the most."""
_FIELD: Final = re.compile(rb"""[; \t]name=["']?(?:%b)(?:\[\])?["';\s]""" % "|".join(_FIELDS).encode(), re.IGNORECASE)

_HEAD: Final = re.compile(rb"[\r\n]content-disposition[ \t]*+:(?:[^\r\n]|[\r\n]++[ \t])*+\Z", re.IGNORECASE)
"""What stands before such a name in a part's head: in a page that is uploaded, ``name="text"`` says nothing."""
_LONGEST_HEAD: Final = 1 << 10


_EMPTY: Final = b"{} \t\r\n"


class Subject(msgspec.Struct, frozen=True):
    """What is judged, and what is told about it (``Context``). ``read`` reads the texts of a new body of the phase;
    ``accepts``: why a whole new body can't take the place of the old one, None where it can."""

    phase: Phase
    request_type: str
    provider: str
    request: GuardedBody
    read: Callable[[Any], Iterable[Segment]]
    accepts: Callable[[bytes], str | None]
    response: GuardedBody | None = None
    metadata: LazyMembers = {}
    operator_metadata: Mapping[str, Any] = {}
    headers: LazyMembers = {}
    is_streaming: bool = False
    status: int | None = None
    trace: str = ""
    caller: str = ""
    """Whose request it is: checks that take long have turns with those of others."""

    @property
    def body(self) -> GuardedBody:
        return self.request if self.response is None else self.response

    def changed(self, raw: bytes) -> Subject:
        """The same with another body in this phase."""
        body = GuardedBody(raw, self.read, is_changed=True)
        if self.phase is Phase.BEFORE:
            return msgspec.structs.replace(self, request=body)
        return msgspec.structs.replace(self, response=body)

    def context(self, scope: Scope, now: float) -> Context:
        """What a check is given that sees texts in this scope. ``now`` is in seconds since 1970."""
        body = self.body
        plain = body.plain if scope.is_told_by_plain else None
        return Context(
            self.phase,
            self.request_type,
            self.provider,
            self.request,
            self.response,
            self.metadata,
            self.operator_metadata,
            self.headers,
            self.is_streaming,
            self.status,
            partial(scope.chosen, body, self.phase),
            self.trace,
            now,
            None if plain is None else plain.text(of_last=scope.of == "last"),
            plain is not None,
            monotonic,
        )


def is_judged(answer: Answer) -> bool:
    """Whether hooks judge an answer: one that is good."""
    return answer.outcome.ok and 200 <= answer.status < 300


def nothing_asked(call: Call) -> RequestBody:
    streams = _STREAMS in call.query.split("&")
    return RequestBody(Body({"stream": b"true"} if streams else {}), None, streams)


_OWN_WORDS: Final = frozenset(
    {Operation.PREDICT, Operation.PREDICT_LATER, Operation.INVOKE, Operation.BATCH_GENERATE, Operation.BATCH_EMBED}
)
"""What a model is asked in words of its maker's, which no guard reads."""


def evades(call: Call) -> bool:
    """Whether a request passes as it is, though it has what a model is asked with: guards read it elsewhere. So may an
    object that can't be read: some hosts read its beginning, and pass over what follows."""
    if call.operation in _OWN_WORDS:
        return True
    if call.resource == INTERACTIONS:
        return bool(call.body)
    if call.resource == BATCHES:  # to cancel one, clients send an empty object
        return bool(call.body.strip(_EMPTY))
    if call.operation is not Operation.PROXY or call.resource is not None:
        return False
    if call.request is None:
        is_form = b"multipart/" in call.fields.get(b"content-type", b"").lower()
        return is_object(call.body) or (is_form and _names_a_text(call.body))
    return any(name in call.request.body for name in _ASKING)


def _names_a_text(form: bytes) -> bool:
    """Whether a part of a form has the name of a text with which a model is asked."""
    slices = range(0, len(form), _SLICE)
    return any(_is_in_head(form, each.start()) for start in slices for each in _fields(form, start))


def _fields(form: bytes, start: int) -> Iterator[re.Match[bytes]]:
    return _FIELD.finditer(form, start, start + _SLICE + _LONGEST)


def _is_in_head(form: bytes, at: int) -> bool:
    """Whether a place may be in a part's head: behind a very long line nobody knows."""
    before = form[max(0, at + 1 - _LONGEST_HEAD) : at + 1]
    return _HEAD.search(before) is not None or (len(before) == _LONGEST_HEAD and not _LINE_END.search(before))


_LINE_END: Final = re.compile(rb"[\r\n](?![ \t])")


def hidden_field(form: Form) -> str:
    """The name of a form's part in which a text may stand that no guard reads, since it comes as a file or is too long
    for a field; empty if there is none."""
    return next((each.name for each in form.parts if not each.is_text and each.name.strip("[]") in _FIELDS), "")


def asked(call: Call, route: TargetRoute, body: Body, view: TextView, kind: str, *, streams: bool) -> Subject:
    """The subject of before-hooks: the request for a target. It doesn't hold the call, which holds it."""
    read = partial(view.request, kind)
    metadata = call.account.metadata or call.fields.get(METADATA)
    return Subject(
        Phase.BEFORE,
        kind,
        route.provider.slug,
        GuardedBody(body, read, view.text_members.get(kind), view.read_plain_chat if call.operation.is_chat else None),
        read,
        partial(_refused, call.dialect.reading.body, streams),
        None,
        _NO_METADATA if metadata is None else partial(read_metadata, metadata),
        call.account.labels,
        partial(_texts, call.fields),
        streams,
        None,
        call.trace,
        call.account.key or call.account.address or "",
    )


def _refused(read: Callable[[bytes], RequestBody | Failure], streams: bool, raw: bytes) -> str | None:
    """Why a new request can't take the place of another; None where it can."""
    new = read(raw)
    if isinstance(new, Failure):
        return new.message
    return "it would change whether the answer is streamed" if new.stream is not streams else None


def _texts(fields: Mapping[bytes, bytes]) -> Mapping[str, str]:
    """Header fields as text."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in fields.items()}


def answered(request: Subject, view: TextView, kind: str, raw: bytes) -> Subject:
    """The subject of after-hooks: a request with its answer."""
    read = partial(view.answer, kind)
    body = GuardedBody(raw, read)
    return msgspec.structs.replace(
        request, phase=Phase.AFTER, response=body, read=read, accepts=_unreadable, status=200
    )


def _unreadable(body: bytes) -> str | None:
    """Why bytes are no JSON object."""
    try:
        Body.parse(body)
    except BodyError as error:
        return str(error)
    return None


def new_request(call: Call, subject: Subject, old: Body) -> RequestBody | Failure:
    """The request that guards have made of another."""
    request = call.request
    if request is not None and request.form is not None:
        return _new_form(request, subject.request.raw)
    read = call.dialect.reading.body(subject.request.raw)
    if isinstance(read, Failure) or read.body.raw("stream") == old.raw("stream"):
        return read
    return Failure(Kind.INVALID_REQUEST, "A guard changed whether the answer is streamed.", "stream")


def _new_form(request: RequestBody, fields: bytes) -> RequestBody | Failure:
    """The form with the text fields that guards made."""
    try:
        body = Body.parse(fields)
    except BodyError as error:
        return Failure(Kind.INVALID_REQUEST, f"A guard changed the form's fields to what they can't be: {error}.")
    return msgspec.structs.replace(request, body=body)


def with_headers(call: Call, route: TargetRoute, runs: Sequence[HookRun]) -> tuple[Call, TargetRoute]:
    """The call and the route with which a target gets the header fields that checks found: no field of such a name
    that the caller sends takes their place, whatever became of the check. Checks that differ tell nothing: one of them
    may be the caller's own."""
    plan = route.target.guards
    names = plan.told_headers if isinstance(plan, GuardPlan) else None
    if not names:
        return call, route
    claims: dict[str, str | None] = {}
    for run in runs:
        for check in run.checks:
            found = check.judgement.headers
            for name in check.check.prepared.tells:
                value = found.get(name)
                claims[name] = value if claims.get(name, value) == value else None
    fields = [(name.encode(), value.encode()) for name, value in claims.items() if value is not None]
    headers = [*((name, value) for name, value in call.headers if name.lower() not in names), *fields]
    kept = {name: value for name, value in call.fields.items() if name not in names}
    forwarded = tuple(dict.fromkeys((*route.target.forward_headers, *sorted(claims))))
    target = msgspec.structs.replace(route.target, forward_headers=forwarded)
    call = msgspec.structs.replace(call, headers=headers, fields={**kept, **dict(fields)})
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
