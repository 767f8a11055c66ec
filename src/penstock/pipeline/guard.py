"""Stage, around an attempt: the target's guards judge the request before it is sent, and the answer before it is given.

Before-hooks run once for each target, and hooks that are written alike once for a request. Cached are answers as they
came from the provider, so a stored answer is judged like any other. Source: docs/guardrails.md.
"""

from __future__ import annotations

import functools
from codecs import BOM_UTF8
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, ClassVar, Final

import msgspec

from penstock.core.address import AddressPolicy
from penstock.core.body import Body
from penstock.core.failure import Failure, Kind
from penstock.core.outcome import Outcome
from penstock.core.outcome import failed as of_failure
from penstock.dialects.caller import RequestBody
from penstock.dialects.texts import NO_TEXTS, TextView
from penstock.guards.base import Outbound
from penstock.guards.logprobs import asks_logprobs
from penstock.guards.plan import GuardPlan, Hook
from penstock.guards.restore import restoring_of
from penstock.guards.results import (
    MESSAGE,
    HookRun,
    denied,
    failed,
    hook_results,
    reasons_of,
    with_results,
)
from penstock.pipeline.account import AttemptAccount
from penstock.pipeline.attempt import failed as failed_answer
from penstock.pipeline.call import Answer, Call
from penstock.pipeline.guard_aside import LookingOn
from penstock.pipeline.guard_breaker import HostBreaker
from penstock.pipeline.guard_denial import is_soft, soft_denial, told_denial
from penstock.pipeline.guard_documents import KeptDocuments
from penstock.pipeline.guard_hooks import Subject, run_hooks
from penstock.pipeline.guard_memory import GuardMemory, JudgedRequest, judged_aside, known_runs, remembered
from penstock.pipeline.guard_model import GuardModels
from penstock.pipeline.guard_outbound import GuardOutbound, Knows
from penstock.pipeline.guard_parallel import judged_beside
from penstock.pipeline.guard_pieces import Unreadable, judged_pieces
from penstock.pipeline.guard_stream import GuardedStream, StreamGuards, unjudged
from penstock.pipeline.guard_subject import (
    answered,
    asked,
    new_request,
    nothing_asked,
    rewritten,
    with_body,
    with_headers,
)
from penstock.pipeline.guard_tasks import GuardTasks
from penstock.pipeline.guard_types import hooks_without_texts, request_type
from penstock.pipeline.guard_unread import refusal_of_unread, refusal_of_unreadable
from penstock.pipeline.guard_verdicts import GuardVerdicts
from penstock.pipeline.target_route import TargetRoute
from penstock.pipeline.upstream import Upstream
from penstock.routing.walk import Attempt

Send = Callable[[Call, TargetRoute, Attempt, AttemptAccount], Coroutine[Any, Any, Answer]]

HOOKS_FAILED: Final = 246
_LARGEST: Final = 32 << 20
"""Bytes of a plain answer that is judged."""
_LOGPROBS: Final = Failure(
    Kind.INVALID_REQUEST,
    "A guard of the config changes texts of answers and can't change their log probabilities: ask without logprobs.",
    "logprobs",
)


class Guarding(msgspec.Struct, frozen=True):
    """Runs the guards of targets. ``shows_excerpts`` tells whether results of a denied answer quote it; ``hides_all``
    that no results quote anything. ``gives_reasons``: status 446 names hooks and checks. ``refuses_unguarded``: a
    request whose texts no guard can read is refused where a guard would deny. ``environment`` is the operator's, None
    where the gateway's own identity is not lent. ``answers_checks``: callers on this machine may ask single checks."""

    stop_seconds: ClassVar[float] = 6.0
    """How long ``stop`` may take (server/gateway.py)."""

    upstream: Upstream
    policy: AddressPolicy
    shows_excerpts: bool = False
    hides_all: bool = False
    gives_reasons: bool = False
    refuses_unguarded: bool = False
    environment: Mapping[str, str] | None = None
    breaker: HostBreaker = msgspec.field(default_factory=HostBreaker)
    documents: KeptDocuments = msgspec.field(default_factory=KeptDocuments)
    looking_on: LookingOn = msgspec.field(default_factory=LookingOn)
    telling: GuardTasks = msgspec.field(default_factory=GuardTasks)
    models: GuardModels | None = None
    answers_checks: bool = False
    knows: Knows | None = None

    @property
    def verdicts(self) -> GuardVerdicts:
        return self.looking_on.verdicts

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
        outbound = self._outbound(call, policy or self.policy, account.caller)
        if view is None or kind is None or request is None:
            runs = await self._caller_runs(call, route, plan, outbound)
            if denied(runs):
                return self._denied(call, route, runs, ())
            call, route = with_headers(call, route, runs)
        if view is None or kind is None:
            passed = await self._passed(call, route, plan, outbound)
            return passed if isinstance(passed, Answer) else await send(passed[0], passed[1], step, account)
        if request is None:
            # An answer that is read later: its request's texts were judged when it was made.
            request, plan = nothing_asked(call), GuardPlan(after=plan.after)
        judged = await self._before(call, route, plan, request, view, kind, outbound)
        if judged.failure is not None:
            return failed_answer(judged.failure, call)
        if denied(judged.runs):
            return self._denied(
                call, route, _with_skipped([hook for hook in plan.before if not hook.is_shadow], judged.runs), ()
            )
        if judged.request is not None:
            call, route = rewritten(call, route, judged.request)
        call, route = with_headers(call, route, judged.runs)
        beside = [] if judged.is_whole else [hook for hook in plan.before if hook.parallel and not hook.looks_on]
        sending, judged.is_whole = send(call, route, step, account), True
        answer = await (self._sent_beside(call, route, beside, judged, outbound, sending) if beside else sending)
        if denied(judged.runs):
            return answer
        return await self._judged(call, route, plan, request, judged, answer, outbound)

    async def _judged(
        self,
        call: Call,
        route: TargetRoute,
        plan: GuardPlan,
        request: RequestBody,
        judged: JudgedRequest,
        answer: Answer,
        outbound: Outbound,
    ) -> Answer:
        """The answer to a request that the guards let pass, under the guards of answers."""
        view, kind, runs = call.dialect.texts, judged.subject.request_type, judged.runs
        if view is None:
            return answer
        after = [hook for hook in plan.after if not hook.looks_on] if kind in view.answered else []
        is_judged = 200 <= answer.status < 300 and answer.outcome.ok
        subject = functools.partial(answered, judged.subject, view, kind)
        aside = [hook for hook in plan.after if hook.looks_on] if is_judged and kind in view.answered else []
        if answer.watch is not None:
            look_on = functools.partial(self.looking_on.run, call.account, aside, outbound) if aside else None
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
            return await self._streamed(answer, guards, call, route)
        if is_judged and (after or aside or judged.restoring is not None):
            return await self._after(call, route, answer, after, aside, judged, subject, outbound)
        return self._told(call, answer, runs, ())

    def _outbound(self, call: Call, policy: AddressPolicy, caller: str) -> GuardOutbound:
        models = None if self.models is None else functools.partial(self.models.ask, call)
        return GuardOutbound(
            self.upstream,
            policy,
            caller,
            self.breaker,
            self.environment,
            self.documents,
            models,
            self.telling,
            self.knows,
        )

    def outbound(self) -> GuardOutbound:
        """The way out for a check that judges no request."""
        return GuardOutbound(
            self.upstream,
            self.policy,
            breaker=self.breaker,
            documents=self.documents,
            telling=self.telling,
            knows=self.knows,
        )

    def start(self) -> None:
        """Requests bring the hooks."""

    async def stop(self) -> None:
        """Let the hooks that only look on end."""
        await self.looking_on.stop()
        await self.telling.stop()

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
    ) -> JudgedRequest:
        """The request for a target, judged at the first attempt at it."""
        memory = call.guards
        if memory is None:
            memory = call.guards = GuardMemory()
        known = memory.targets.get(route.target.path)
        if known is not None:
            return known
        body = route.changes.filled(request.body) if route.changes.fills else request.body
        subject = asked(call, route, body, view, kind, streams=request.stream)
        if any(hook.transforms for hook in plan.after) and asks_logprobs(body):
            refused = memory.targets[route.target.path] = JudgedRequest([], subject, failure=_LOGPROBS)
            return refused
        hooks = [hook for hook in plan.before if not (hook.looks_on or hook.parallel)]
        await self.looking_on.run(call.account, [hook for hook in plan.before if hook.looks_on], outbound, subject)
        note = functools.partial(self.verdicts.note, call.account)
        runs, changed = await remembered(memory, hooks, subject, outbound, note)
        judged = memory.targets[route.target.path] = JudgedRequest(runs, changed, restoring=restoring_of(runs))
        if changed is not subject:
            read = new_request(call, changed, body)
            if isinstance(read, Failure):
                judged.failure = read
            else:
                judged.request = read
        return judged

    async def _sent_beside(
        self,
        call: Call,
        route: TargetRoute,
        hooks: Sequence[Hook],
        judged: JudgedRequest,
        outbound: Outbound,
        sending: Coroutine[Any, Any, Answer],
    ) -> Answer:
        """The provider's answer, which is made while hooks judge the request; status 446 if they deny it."""
        memory = call.guards or GuardMemory()
        answer, runs = None, known_runs(memory, hooks, judged.subject)
        if denied(runs):
            sending.close()
        else:
            note = functools.partial(self.verdicts.note, call.account)
            judging = judged_aside(memory, hooks, judged.subject, outbound, note)
            answer, runs = await judged_beside(judging, sending, denied)
        by_hook = {id(run.hook): run for run in (*judged.runs, *runs)}
        before = route.target.guards.before if isinstance(route.target.guards, GuardPlan) else ()
        judged.runs = [by_hook[id(hook)] for hook in before if id(hook) in by_hook]
        if answer is not None and not denied(runs):
            return answer
        refusal = self._denied(call, route, judged.runs, ())
        return _told_cost(refusal, answer)

    async def _caller_runs(
        self, call: Call, route: TargetRoute, plan: GuardPlan, outbound: Outbound
    ) -> Sequence[HookRun]:
        """The runs, for a request without texts that a guard can read, of the checks that need none: who asks, for
        which model, for which kind of thing."""
        hooks = [] if call.operation.lists_models else hooks_without_texts(plan.before, call)
        if not hooks:
            return ()
        memory = call.guards
        if memory is None:
            memory = call.guards = GuardMemory()
        body = Body({}) if call.request is None else route.changes.filled(call.request.body)
        streams = call.request is not None and call.request.stream
        subject = asked(call, route, body, NO_TEXTS, request_type(call), streams=streams)
        note = functools.partial(self.verdicts.note, call.account)
        return (await remembered(memory, hooks, subject, outbound, note))[0]

    async def _passed(
        self, call: Call, route: TargetRoute, plan: GuardPlan, outbound: Outbound
    ) -> Answer | tuple[Call, TargetRoute]:
        """A request that passes as it is, with the requests inside it as the guards left them; or the refusal."""
        note = functools.partial(self.verdicts.note, call.account)
        memory = call.guards
        if memory is None:
            memory = call.guards = GuardMemory()
        try:
            judged = memory.pieces.get(route.target.path) or await judged_pieces(
                call, route, plan.before, outbound, note
            )
        except Unreadable as error:
            return failed_answer(refusal_of_unreadable(str(error)), call)
        if judged is not None:
            memory.pieces[route.target.path] = judged
        if judged is not None and judged.runs:
            return self._denied(call, route, judged.runs, (), place=judged.place)
        left = plan if judged is None else GuardPlan(after=plan.after)
        unread = refusal_of_unread(call, left, self.verdicts, refuses=self.refuses_unguarded)
        if unread is not None:
            return failed_answer(unread, call)
        return (call, route) if judged is None or judged.body is None else with_body(call, route, judged.body)

    # After.

    async def _after(
        self,
        call: Call,
        route: TargetRoute,
        answer: Answer,
        hooks: Sequence[Hook],
        aside: Sequence[Hook],
        judged: JudgedRequest,
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
            await self.looking_on.run(call.account, aside, outbound, subject)
            runs, changed = await run_hooks(hooks, subject, outbound)
        self.verdicts.note(call.account, runs)
        if denied(runs):
            answer.close()
            return _told_cost(self._denied(call, route, before, runs, stored=answer.outcome.stored), answer)
        if changed is not None:
            answer.body = changed.body.raw
        if judged.restoring is not None and answer.rest is None:
            answer.body = judged.restoring.answer(answered(answer.body).body)
        return self._told(call, answer, before, runs)

    async def _streamed(self, answer: Answer, guards: StreamGuards, call: Call, route: TargetRoute) -> Answer:
        """A stream under the guards of its answer: judged up to its first text, and further as it arrives."""
        if not guards.hooks and guards.look_on is None and guards.restoring is None:
            self._marked(call, answer, guards.before, ())
            if guards.before and not route.target.strict:
                answer.body = guards.with_first_event(answer.body)
            return answer
        denies = functools.partial(self._denied, call, route)
        stream = GuardedStream(answer, guards, tells=not route.target.strict, denies=denies)
        answer, is_denied = await stream.begun()
        if is_denied:
            self.verdicts.note(call.account, stream.runs)
            return answer
        self._marked(call, answer, guards.before, stream.judged)
        answer.on_close = (*answer.on_close, lambda _: self._note_end(stream, call))
        return answer

    # What is told.

    def _denied(
        self,
        call: Call,
        route: TargetRoute,
        before: Sequence[HookRun],
        after: Sequence[HookRun],
        *,
        stored: bool = False,
        place: str = "",
    ) -> Answer:
        """A hook refuses the request or the answer: to routing that is status 446, however it is told."""
        results = self.results(before, after, withheld=True)
        failure = Failure(Kind.HOOKS_FAILED, MESSAGE)
        outcome = Outcome(failure.status, failure, stored=stored, judged=bool(after) and not stored)
        if is_soft((*before, *after)):
            hides = self.hides_all or not self.shows_excerpts
            soft = soft_denial(call, before, after, results, is_strict=route.target.strict, hides=hides)
            if soft is not None:
                return Answer(200, soft[0], soft[1], outcome)
        reasons = reasons_of((*before, *after)) if self.gives_reasons else ()
        told = told_denial(call.dialect, results, reasons, call.trace, place)
        return Answer(told.status, list(told.headers), told.body, outcome)

    def results(self, before: Sequence[HookRun], after: Sequence[HookRun], *, withheld: bool) -> bytes:
        """``hook_results`` as JSON. ``withheld``: the caller does not get the answer."""
        hides = self.hides_all or (withheld and not self.shows_excerpts)
        return hook_results(before, after, hides=hides, hides_before=self.hides_all)

    def _told(self, call: Call, answer: Answer, before: Sequence[HookRun], after: Sequence[HookRun]) -> Answer:
        """A plain answer with its results, marked if a verdict is false."""
        if not before and not after:
            return answer
        if answer.rest is None and answer.watch is None:
            body = with_results(answer.body, self.results(before, after, withheld=False))
            answer.body = answer.body if body is None else body
        self._marked(call, answer, before, after)
        return answer

    def _marked(self, call: Call, answer: Answer, before: Sequence[HookRun], after: Sequence[HookRun]) -> None:
        """Status 246 for a good answer with a false verdict."""
        if 200 <= answer.status < 300 and failed((*before, *after)):
            answer.status = call.dialect.errors.marked_status or answer.status
            judged = failed(after) and not answer.outcome.stored
            answer.outcome = msgspec.structs.replace(answer.outcome, status=HOOKS_FAILED, judged=judged)

    def _note_end(self, stream: GuardedStream, call: Call) -> None:
        self.verdicts.note(call.account, stream.runs)
        if stream.is_denied:
            call.account.failure = Failure(Kind.HOOKS_FAILED, MESSAGE)


def _told_cost(refusal: Answer, answer: Answer | None) -> Answer:
    """Status 446 in place of an answer, which has to be paid for: None where the provider had not answered yet."""
    if answer is None:
        refusal.is_cut = True
        return refusal
    refusal.usage, refusal.model, refusal.dropped = answer.usage, answer.model, answer.dropped
    refusal.cache_status, refusal.is_cut = answer.cache_status, answer.usage is None and answer.outcome.ok
    return refusal


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
