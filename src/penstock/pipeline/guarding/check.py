"""One check on its own: a context and parameters as Portkey's plugins are called with -> what the check says of them.

For suites of tests that were written against other implementations of the same checks. Source:
docs/guardrails.md#one-check-on-its-own.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from penstock.core.failure import Failure, Kind
from penstock.core.json_text import UNREADABLE, write_json
from penstock.core.segments import Segment
from penstock.dialects.registry import CALLERS
from penstock.dialects.texts import NO_TEXTS, TextView
from penstock.guards import registry
from penstock.guards.base import NO_EXCERPT, CheckError, Judgement, Outbound, Phase
from penstock.guards.guarded_body import GuardedBody
from penstock.guards.patterns import excerpt
from penstock.guards.plan import GuardPlan, Hook, Scope
from penstock.guards.read import GuardCompiler, GuardPolicy
from penstock.pipeline.guarding.hooks import run_hooks
from penstock.pipeline.guarding.subject import Subject, answered
from penstock.routing.fields import Fields, settled
from penstock.routing.rules import HeaderSettings

_CHAT: Final = "chatComplete"
_STREAMED: Final = "stream-"
_HOOKS: Final = {Phase.BEFORE: "before_request_hooks", Phase.AFTER: "after_request_hooks"}
_EVENTS_TOLD: Final = frozenset({"default.requiredmetadatakeys", "default.requiredmetadatakeypairs"})
"""Checks of requests for which the event of an answer is an error; the others judge the request then, too."""
_WITHOUT_DATA: Final = _EVENTS_TOLD | {"default.addprefix"}
_PASSING: Final = _WITHOUT_DATA | {"default.regexreplace"}
"""Checks whose errors come with a true verdict in Portkey's plugins."""
_REPEATED: Final[Mapping[str, Mapping[str, str]]] = {
    "default.regexmatch": {"regexPattern": "rule", "not": "not"},
    "default.regexreplace": {"regexPattern": "rule"},
    "default.wordcount": {"minWords": "minWords", "maxWords": "maxWords", "not": "not"},
    "default.sentencecount": {"minCount": "minSentences", "maxCount": "maxSentences", "not": "not"},
    "default.charactercount": {"minCharacters": "minCharacters", "maxCharacters": "maxCharacters", "not": "not"},
    "default.jsonschema": {"not": "not"},
    "default.jsonkeys": {"requiredKeys": "keys", "operator": "operator"},
    "default.containscode": {"searchedFormat": "format", "not": "not"},
    "default.endswith": {"suffix": "suffix", "not": "not"},
    "default.modelwhitelist": {"allowedModels": "models", "not": "not"},
    "default.allowedrequesttypes": {"allowedTypes": "allowedTypes", "blockedTypes": "blockedTypes"},
    "default.webhook": {"webhookUrl": "webhookURL"},
}
"""What the data of an error repeats of the parameters, by check: member -> parameter."""
_QUOTING: Final = frozenset(
    f"default.{name}"
    for name in ("regexmatch", "wordcount", "sentencecount", "charactercount", "jsonkeys", "containscode", "endswith")
)
"""Checks whose errors quote the beginning of the text."""


class _Side(msgspec.Struct, rename="camel"):
    """The request or the answer of a context."""

    json: Any = None
    text: str | None = None
    is_streaming_request: bool = False
    headers: dict[str, str] = {}
    status_code: int | None = None


class _Context(msgspec.Struct, rename="camel"):
    request: _Side = msgspec.field(default_factory=_Side)
    response: _Side = msgspec.field(default_factory=_Side)
    provider: str = ""
    request_type: str = ""
    metadata: dict[str, Any] = {}


class CheckRequest(msgspec.Struct, rename="camel"):
    """A check and what it judges. What a context leaves out counts as empty; of a text alone a body is made."""

    id: str
    context: _Context = msgspec.field(default_factory=_Context)
    parameters: dict[str, Any] = {}
    event_type: Phase = Phase.BEFORE


_DECODER: Final = msgspec.json.Decoder(CheckRequest)


@functools.cache
def views_by_type() -> Mapping[str, TextView]:
    """The texts of each type of request. Loads all wires."""
    return {
        kind: caller.texts
        for caller in (*CALLERS.values(), CALLERS["openai_chat"])
        if caller.texts is not None
        for kind in caller.texts.request_types.values()
    }


def read_check(body: bytes) -> CheckRequest | Failure:
    """The check that a body of JSON asks for."""
    try:
        request = _DECODER.decode(body)
    except UNREADABLE as error:
        return Failure(Kind.INVALID_REQUEST, f"The body is no check and its context: {error}.")
    if registry.check_of(request.id) is None:
        return Failure(Kind.INVALID_REQUEST, f"There is no check '{request.id[:100]}'.", "id")
    return request


async def run_check(request: CheckRequest, outbound: Outbound) -> dict[str, Any]:
    """What the check says: ``error``, ``verdict``, ``data``, ``transformedData`` and ``transformed``."""
    phase, subject = request.event_type, _subject(request)
    check, name = registry.check_of(request.id), registry.full_id(request.id).lower()
    if check is not None and phase is Phase.AFTER and phase not in check.phases and name not in _EVENTS_TOLD:
        if check.transforms:
            return _told(phase, Judgement(verdict=True), None)
        request = msgspec.structs.replace(request, event_type=Phase.BEFORE)
        subject = _subject(request)
    hooks = _hooks(request)
    if isinstance(hooks, CheckError):
        data = None if name in _WITHOUT_DATA else _error_data(name, request, hooks.message, subject)
        return _told(phase, Judgement(name in _PASSING, data, hooks), None)
    [run], changed = await run_hooks(hooks, subject, outbound, awaits_all=True)
    judgement = run.checks[0].judgement
    return _told(phase, judgement, None if changed is subject else changed.body.json)


def _error_data(name: str, request: CheckRequest, message: str, subject: Subject) -> dict[str, Any]:
    """The data of a check whose parameters can't be used."""
    data: dict[str, Any] = {"explanation": message}
    for member, parameter in _REPEATED.get(name, {}).items():
        value = request.parameters.get(parameter, False if parameter == "not" else None)
        if value is not None:
            data[member] = value
    if name in {"default.contains", "default.jsonschema"}:
        data["error"] = message
    elif name == "default.modelwhitelist":
        body = subject.request.json
        model = body.get("model") if isinstance(body, dict) else None
        data = {"requestedModel": model or "No model specified", "allowedModels": [], **data}
    elif name == "default.allowedrequesttypes":
        data["currentRequestType"] = request.context.request_type or "unknown"
    elif name == "default.webhook":
        data = {"webhookUrl": "No URL provided", **data, "requestContext": {"timeout": 3000}}
    elif name in _QUOTING:
        texts = [each.text for each in Scope().chosen(subject.body, subject.phase) if each.text]
        data["textExcerpt"] = excerpt("\n".join(texts)) or NO_EXCERPT
    return data


def _hooks(request: CheckRequest) -> Sequence[Hook] | CheckError:
    """The one hook with the check; the error of parameters that the check doesn't take."""
    # A log is waited for: nobody else would learn what became of it.
    waits = {"sync": True} if registry.full_id(request.id).lower() == "default.log" else {}
    hook = {"type": "guardrail", "checks": [{"id": request.id, "parameters": {**waits, **request.parameters}}]}
    fields = Fields(settled({_HOOKS[request.event_type]: [hook]}), "")
    plan = GuardCompiler({}, GuardPolicy()).guards(fields, HeaderSettings())
    failure = fields.budget.problems.failure()
    if failure is not None or not isinstance(plan, GuardPlan):
        return CheckError("The check can't be read." if failure is None else failure.message)
    return plan.before if request.event_type is Phase.BEFORE else plan.after


def _subject(request: CheckRequest) -> Subject:
    """What is judged. Without a type the texts are those of a chat; of a type that has no texts there are none."""
    context = request.context
    kind = context.request_type.removeprefix(_STREAMED) or _CHAT
    view = views_by_type().get(kind, NO_TEXTS)

    def read(value: Any) -> Sequence[Segment]:
        return tuple(view.request(kind, value))

    asked = context.request.json or _asked(kind, context.request.text or "")
    subject = Subject(
        Phase.BEFORE,
        context.request_type,
        context.provider,
        GuardedBody(write_json(asked), read),
        read,
        lambda _: None,
        metadata=context.metadata,
        operator_metadata=context.metadata,
        headers={name.lower(): value for name, value in context.request.headers.items()},
        is_streaming=context.request.is_streaming_request,
    )
    if request.event_type is Phase.BEFORE:
        return subject
    answer = context.response.json or answer_of_text(kind, context.response.text or "")
    subject = answered(subject, view, kind, write_json(answer))
    return msgspec.structs.replace(subject, status=context.response.status_code or 200)


def _asked(kind: str, text: str) -> dict[str, Any]:
    """A request that says no more than a text."""
    if not text:
        return {}
    named = {"complete": "prompt", "embed": "input", "createModelResponse": "input"}.get(kind)
    return {"messages": [{"role": "user", "content": text}]} if named is None else {named: text}


def answer_of_text(kind: str, text: str) -> dict[str, Any]:
    """An answer that says no more than a text."""
    if not text:
        return {}
    if kind == "messages":
        return {"content": [{"type": "text", "text": text}]}
    if kind == "createModelResponse":
        part = {"type": "output_text", "text": text}
        return {"output": [{"type": "message", "role": "assistant", "content": [part]}]}
    if kind == "generateContent":
        return {"candidates": [{"content": {"role": "model", "parts": [{"text": text}]}}]}
    if kind == "converse":
        return {"output": {"message": {"role": "assistant", "content": [{"text": text}]}}}
    members = {"text": text} if kind == "complete" else {"message": {"role": "assistant", "content": text}}
    return {"choices": [{"index": 0, **members}]}


def _told(phase: Phase, judgement: Judgement, changed: Any) -> dict[str, Any]:
    side, error = "request" if phase is Phase.BEFORE else "response", judgement.error
    transformed: dict[str, dict[str, Any]] = {"request": {"json": None}, "response": {"json": None}}
    transformed[side]["json"] = changed
    if judgement.headers:
        transformed["headers"] = {name: value for name, value in judgement.headers.items() if value is not None}
    return {
        "error": None if error is None else {"name": error.name, "message": error.message},
        "verdict": judgement.verdict,
        "data": judgement.data,
        "transformedData": transformed,
        "transformed": changed is not None,
    }
