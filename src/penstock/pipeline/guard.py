"""Stage, around an attempt: the target's guards judge the request before it is sent, and the answer before it is given.

Before-hooks run once for each target, and hooks that are written alike once for a request. Cached are answers as they
came from the provider, so a stored answer is judged like any other. Source: docs/guardrails.md.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from codecs import BOM_UTF8
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, ClassVar, Final

import msgspec

from penstock.core.address import AddressPolicy
from penstock.core.body import Body, BodyError
from penstock.core.failure import Failure, Kind
from penstock.core.outcome import Outcome
from penstock.core.outcome import failed as of_failure
from penstock.core.parameter_changes import ParameterChanges
from penstock.core.segments import Segment
from penstock.dialects.caller import JSON, NO_STORE, RequestBody
from penstock.dialects.texts import TextView
from penstock.guards.base import GuardedBody, Outbound, Phase
from penstock.guards.logprobs import asks_logprobs
from penstock.guards.plan import GuardPlan, Hook
from penstock.guards.restore import Restoring, restoring_of
from penstock.guards.results import (
    MESSAGE,
    HookRun,
    denied,
    denied_body,
    failed,
    hook_results,
    reasons_of,
    with_results,
)
from penstock.pipeline.account import METADATA, Account, AttemptAccount, read_metadata
from penstock.pipeline.attempt import failed as failed_answer
from penstock.pipeline.call import Answer, Call
from penstock.pipeline.guard_documents import KeptDocuments
from penstock.pipeline.guard_hooks import Subject, run_hooks, undone
from penstock.pipeline.guard_outbound import GuardOutbound
from penstock.pipeline.guard_stream import GuardedStream, StreamGuards, unjudged
from penstock.pipeline.guard_verdicts import GuardVerdicts
from penstock.pipeline.target_route import TargetRoute
from penstock.providers.row import Operation
from penstock.routing.walk import Attempt
from penstock.transport.base import Transport

Send = Callable[[Call, TargetRoute, Attempt, AttemptAccount], Coroutine[Any, Any, Answer]]

_LOG: Final = logging.getLogger("penstock")
HOOKS_FAILED: Final = 246
_LARGEST: Final = 32 << 20
"""Bytes of a plain answer that is judged."""
_MOST_ASIDE: Final = 256
"""Hooks of one process that only look on and run at the same time: further ones are dropped, and counted."""


_LAST_SECONDS: Final = 2.0
"""How long they may take to end when the gateway stops."""
_ASIDE: Final = "the guard only looks on"


_LOGPROBS: Final = Failure(
    Kind.INVALID_REQUEST,
    "A guard of the config changes texts of answers and can't change their log probabilities: ask without logprobs.",
    "logprobs",
)
_STREAMS: Final = "stream=true"
_WITHOUT_TEXTS: Final = frozenset(
    {Operation.MODELS, Operation.MODEL, Operation.RESPONSE_DELETE, Operation.RESPONSE_CANCEL}
)
_ASKING: Final = ("messages", "contents", "prompt", "input", "inputs", "inputText", "message", "instances")
"""Members of the bodies with which models are asked, at any provider."""


class GuardMemory(msgspec.Struct):
    """What the guards of one request found so far: runs of before-hooks by hook and body, results by target."""

    runs: dict[tuple[object, ...], HookRun] = msgspec.field(default_factory=dict)
    targets: dict[str, _Judged] = msgspec.field(default_factory=dict)


class _Judged(msgspec.Struct):
    """The request for one target, after its before-hooks: ``request`` is None if it was not changed."""

    runs: list[HookRun]
    subject: Subject
    request: RequestBody | None = None
    failure: Failure | None = None
    restoring: Restoring | None = None


class Guarding(msgspec.Struct, frozen=True):
    """Runs the guards of targets. ``shows_excerpts`` tells whether results of a denied answer quote it; ``hides_all``
    that no results quote anything. ``gives_reasons``: status 446 names hooks and checks. ``refuses_unguarded``: a
    request whose texts no guard can read is refused where a guard would deny. ``aside`` are the hooks that only look on
    and run now, with the account of their request."""

    stop_seconds: ClassVar[float] = 3.0
    """How long ``stop`` may take (server/gateway.py)."""

    transports: Mapping[str, Transport]
    policy: AddressPolicy
    shows_excerpts: bool = False
    hides_all: bool = False
    gives_reasons: bool = False
    refuses_unguarded: bool = False
    aside: dict[asyncio.Task[None], tuple[Account, Sequence[Hook]]] = msgspec.field(default_factory=dict)
    verdicts: GuardVerdicts = msgspec.field(default_factory=GuardVerdicts)
    documents: KeptDocuments = msgspec.field(default_factory=KeptDocuments)

    async def attempt(
        self,
        call: Call,
        route: TargetRoute,
        step: Attempt,
        account: AttemptAccount,
        send: Send,
        policy: AddressPolicy | None,
    ) -> Answer:
        """One attempt at a guarded target; ``send`` makes it. ``policy`` says which hosts the checks may reach."""
        plan, view, request = route.target.guards, call.dialect.texts, call.request
        if not isinstance(plan, GuardPlan):
            return await send(call, route, step, account)
        kind = None if view is None else view.request_types.get(call.operation.value)
        if view is None or kind is None:
            return self._unguarded(call, plan) or await send(call, route, step, account)
        if request is None:
            # An answer that is read later: its request was judged when it was made.
            request, plan = _nothing_asked(call), GuardPlan(after=plan.after)
        outbound = GuardOutbound(self.transports, policy or self.policy, account.caller, self.documents)
        judged = await self._before(call, route, plan, request, view, kind, outbound)
        if judged.failure is not None:
            return failed_answer(judged.failure, call)
        runs = judged.runs
        if denied(runs):
            return self._denied(_with_skipped(plan.before, runs), ())
        if judged.request is not None:
            call, route = _rewritten(call, route, judged.request)
        answer = await send(call, route, step, account)
        after = [hook for hook in plan.after if not hook.is_async] if kind in view.answered else []
        is_judged = 200 <= answer.status < 300 and answer.outcome.ok
        subject = functools.partial(answered, judged.subject, view, kind)
        aside = [hook for hook in plan.after if hook.is_async] if is_judged and kind in view.answered else []
        if answer.watch is not None:
            look_on = functools.partial(self._look_on, call, aside, outbound) if aside else None
            usage = call.dialect.replies.include_usage(request.body)
            guards = StreamGuards(
                after,
                runs,
                subject,
                view,
                kind,
                outbound,
                call.dialect,
                call.trace,
                usage,
                self.hides_all,
                look_on,
                judged.restoring,
            )
            return await self._streamed(answer, guards, call, is_strict=route.target.strict)
        if is_judged and (after or aside or judged.restoring is not None):
            return await self._after(call, answer, after, aside, judged, subject, outbound)
        return self._told(answer, runs, ())

    def start(self) -> None:
        """Requests bring the hooks."""

    async def stop(self) -> None:
        """Let the hooks that only look on end, for two seconds; give up those that don't, and count them as dropped."""
        if not self.aside:
            return
        _, late = await asyncio.wait(self.aside, timeout=_LAST_SECONDS)
        for task in late:
            self.verdicts.drop(*self.aside[task])
            task.cancel()
        if late:
            _LOG.warning("guards that look on were given up at the stop: %d", len(late))
            await asyncio.wait(late, timeout=_LAST_SECONDS / 4)

    # Before.

    async def _before(
        self,
        call: Call,
        route: TargetRoute,
        plan: GuardPlan,
        request: RequestBody,
        view: TextView,
        kind: str,
        outbound: Outbound,
    ) -> _Judged:
        """The request for a target, judged at the first attempt at it."""
        memory = call.guards
        if memory is None:
            memory = call.guards = GuardMemory()
        known = memory.targets.get(route.target.path)
        if known is not None:
            return known
        body = route.changes.filled(request.body) if route.changes.fills else request.body
        subject = _subject(call, route, body, view, kind, streams=request.stream)
        if any(hook.transforms for hook in plan.after) and asks_logprobs(body):
            refused = memory.targets[route.target.path] = _Judged([], subject, failure=_LOGPROBS)
            return refused
        hooks = [hook for hook in plan.before if not hook.is_async]
        self._look_on(call, [hook for hook in plan.before if hook.is_async], outbound, subject)
        note = functools.partial(self.verdicts.note, call.account)
        runs, changed = await _remembered(memory, hooks, subject, outbound, note)
        judged = memory.targets[route.target.path] = _Judged(runs, changed, restoring=restoring_of(runs))
        if changed is not subject:
            read = _new_request(call, changed, body)
            if isinstance(read, Failure):
                judged.failure = read
            else:
                judged.request = read
        return judged

    def _unguarded(self, call: Call, plan: GuardPlan) -> Answer | None:
        """The refusal of a request whose texts no guard can read, where a guard would deny or change texts."""
        hooks = (*plan.before, *plan.after)
        if call.operation in _WITHOUT_TEXTS or not any(hook.deny or hook.transforms for hook in hooks):
            return None
        if not self.refuses_unguarded and _evades(call):
            text = (
                "The guards of the config can't read a request that passes as it is: call the gateway's own endpoint "
                "for it, where they can (docs/endpoints.md)."
            )
            return failed_answer(Failure(Kind.UNSUPPORTED_OPERATION, text), call)
        if not self.refuses_unguarded:
            return None
        text = (
            f"The guards of the config can't read requests of this kind ({call.operation.value}), and the gateway's "
            "operator lets none through unread (guardrails.unguarded)."
        )
        return failed_answer(Failure(Kind.UNSUPPORTED_OPERATION, text), call)

    # After.

    async def _after(
        self,
        call: Call,
        answer: Answer,
        hooks: Sequence[Hook],
        aside: Sequence[Hook],
        judged: _Judged,
        answered: Callable[[bytes], Subject],
        outbound: Outbound,
    ) -> Answer:
        """A plain answer, judged, with what guards masked in the request put back."""
        before = judged.runs
        broken = await _collected(answer)
        if broken is not None:
            answer.close()
            return msgspec.structs.replace(answer, outcome=of_failure(broken), rest=None, broken=broken)
        answer.body = answer.body.removeprefix(BOM_UTF8)
        if answer.rest is not None:
            runs, changed = unjudged(hooks, "The answer is too large to be judged."), None
        elif not answer.body.lstrip().startswith(b"{"):
            runs, changed = unjudged(hooks, "The answer is no JSON object."), None
        else:
            subject = answered(answer.body)
            self._look_on(call, aside, outbound, subject)
            runs, changed = await run_hooks(hooks, subject, outbound)
        self.verdicts.note(call.account, runs)
        if denied(runs):
            answer.close()
            refusal = self._denied(before, runs, stored=answer.outcome.stored)
            refusal.usage, refusal.model, refusal.dropped = answer.usage, answer.model, answer.dropped
            refusal.cache_status = answer.cache_status
            return refusal
        if changed is not None:
            answer.body = changed.body.raw
        if judged.restoring is not None and answer.rest is None:
            answer.body = judged.restoring.answer(answered(answer.body).body)
        return self._told(answer, before, runs)

    async def _streamed(self, answer: Answer, guards: StreamGuards, call: Call, *, is_strict: bool) -> Answer:
        """A stream under the guards of its answer: judged up to its first text, and further as it arrives."""
        if not guards.hooks and guards.look_on is None and guards.restoring is None:
            self._marked(answer, guards.before, ())
            if guards.before and not is_strict:
                answer.body = guards.first_event() + answer.body
            return answer
        stream = GuardedStream(answer, guards, tells=not is_strict, denies=self._denied)
        answer, is_denied = await stream.begun()
        if is_denied:
            self.verdicts.note(call.account, stream.runs)
            return answer
        self._marked(answer, guards.before, stream.judged)
        answer.on_close = (*answer.on_close, lambda _: self._note_end(stream, call))
        return answer

    # What is told.

    def _denied(self, before: Sequence[HookRun], after: Sequence[HookRun], *, stored: bool = False) -> Answer:
        """Status 446: a hook refuses the request or the answer."""
        reasons = reasons_of((*before, *after)) if self.gives_reasons else ()
        body = denied_body(self.results(before, after, withheld=True), reasons)
        failure = Failure(Kind.HOOKS_FAILED, MESSAGE)
        outcome = Outcome(failure.status, failure, stored=stored, judged=bool(after) and not stored)
        return Answer(failure.status, [(b"content-type", JSON), NO_STORE], body, outcome)

    def results(self, before: Sequence[HookRun], after: Sequence[HookRun], *, withheld: bool) -> bytes:
        """``hook_results`` as JSON. ``withheld``: the caller does not get the answer."""
        hides = self.hides_all or (withheld and not self.shows_excerpts)
        return hook_results(before, after, hides=hides, hides_before=self.hides_all)

    def _told(self, answer: Answer, before: Sequence[HookRun], after: Sequence[HookRun]) -> Answer:
        """A plain answer with its results, marked if a verdict is false."""
        if not before and not after:
            return answer
        if answer.rest is None and answer.watch is None:
            body = with_results(answer.body, self.results(before, after, withheld=False))
            answer.body = answer.body if body is None else body
        self._marked(answer, before, after)
        return answer

    def _marked(self, answer: Answer, before: Sequence[HookRun], after: Sequence[HookRun]) -> None:
        """Status 246 for a good answer with a false verdict."""
        if 200 <= answer.status < 300 and failed((*before, *after)):
            answer.status = HOOKS_FAILED
            judged = failed(after) and not answer.outcome.stored
            answer.outcome = msgspec.structs.replace(answer.outcome, status=HOOKS_FAILED, judged=judged)

    # Hooks that only look on.

    def _look_on(self, call: Call, hooks: Sequence[Hook], outbound: Outbound, subject: Subject) -> None:
        if not hooks:
            return
        if len(self.aside) >= _MOST_ASIDE:
            self.verdicts.drop(call.account, hooks)
            return
        looking = self._looked_on(call.account, hooks, outbound, subject)
        task = asyncio.get_running_loop().create_task(looking, name="guards that look on")
        self.aside[task] = call.account, hooks
        task.add_done_callback(self.aside.pop)

    async def _looked_on(self, account: Account, hooks: Sequence[Hook], outbound: Outbound, subject: Subject) -> None:
        """The verdicts stand in metrics, and in the record where the request still lasts."""
        runs, _ = await run_hooks(hooks, subject, outbound)
        self.verdicts.note(account, [msgspec.structs.replace(run, can_deny=False) for run in undone(runs, _ASIDE)])

    def _note_end(self, stream: GuardedStream, call: Call) -> None:
        self.verdicts.note(call.account, stream.runs)
        if stream.is_denied:
            call.account.failure = Failure(Kind.HOOKS_FAILED, MESSAGE)


def _nothing_asked(call: Call) -> RequestBody:
    streams = _STREAMS in call.query.split("&")
    return RequestBody(Body({"stream": b"true"} if streams else {}), None, streams)


def _evades(call: Call) -> bool:
    """Whether a request passes as it is, though it has what a model is asked with: guards read it elsewhere."""
    if call.operation is not Operation.PROXY or call.resource is not None or call.request is None:
        return False
    return any(name in call.request.body for name in _ASKING)


async def _remembered(
    memory: GuardMemory,
    hooks: Sequence[Hook],
    subject: Subject,
    outbound: Outbound,
    note: Callable[[Sequence[HookRun]], None],
) -> tuple[list[HookRun], Subject]:
    """The runs of before-hooks. Where no hook changes the request, a hook that is written alike and has judged the same
    body is not asked again. ``note`` gets the runs that are new."""
    if any(hook.transforms for hook in hooks):
        runs, subject = await run_hooks(hooks, subject, outbound)
        note(runs)
        return runs, subject
    keys = [(hook.id, hook.fingerprint, _seen_by(hook, subject)) for hook in hooks]
    new = [hook for hook, key in zip(hooks, keys, strict=True) if key not in memory.runs]
    runs, subject = await run_hooks(new, subject, outbound)
    note(runs)
    for run in runs:
        memory.runs[run.hook.id, run.hook.fingerprint, _seen_by(run.hook, subject)] = run
    return [memory.runs[key] for key in keys], subject


def _seen_by(hook: Hook, subject: Subject) -> tuple[object, ...]:
    """What a hook's verdict depends on beside its parameters."""
    asks = any(each.prepared.ask is not None for each in hook.checks)
    return subject.request.raw, subject.provider if asks else ""


def _subject(call: Call, route: TargetRoute, body: Body, view: TextView, kind: str, *, streams: bool) -> Subject:
    def read(value: Any) -> Sequence[Segment]:
        return tuple(view.request(kind, value))

    def accepts(raw: bytes) -> str | None:
        new = call.dialect.read_body(raw)
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


def _new_request(call: Call, subject: Subject, old: Body) -> RequestBody | Failure:
    """The request that guards have made of another."""
    read = call.dialect.read_body(subject.request.raw)
    if isinstance(read, Failure) or read.body.raw("stream") == old.raw("stream"):
        return read
    return Failure(Kind.INVALID_REQUEST, "A guard changed whether the answer is streamed.", "stream")


def _rewritten(call: Call, route: TargetRoute, request: RequestBody) -> tuple[Call, TargetRoute]:
    """The call with the request that the guards made. The config's parameters are in it already."""
    call = msgspec.structs.replace(call, request=request, body=request.body.encode())
    if route.changes.fills:
        route = msgspec.structs.replace(route, changes=ParameterChanges(removes=route.changes.removes))
    return call, route


async def _collected(answer: Answer) -> Failure | None:
    """Read the rest of a plain answer that was too large to be looked at before. Returns why it broke off."""
    rest = answer.rest
    if rest is None:
        return None
    parts, size = [answer.body], len(answer.body)
    while size <= _LARGEST and (data := await rest.read()):
        parts.append(data)
        size += len(data)
    answer.body = b"".join(parts)
    if size <= _LARGEST:
        answer.rest = None
        rest.close()
    return rest.failure


def _with_skipped(hooks: Sequence[Hook], runs: Sequence[HookRun]) -> list[HookRun]:
    """The runs of a phase's hooks in their order, with those that did not run."""
    by_hook = {id(run.hook): run for run in runs}
    return [by_hook.get(id(hook)) or HookRun(hook, skipped=True) for hook in hooks]
