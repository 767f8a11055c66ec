"""Stage, around an attempt: the target's guards judge the request before it is sent, and the answer before it is given.

Before-hooks run once for each target, and hooks that are written alike once for a request. Cached are answers as they
came from the provider, so a stored answer is judged like any other. Source: docs/guardrails.md.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, ClassVar, Final

import msgspec

from penstock.core.address import AddressPolicy
from penstock.core.body import Body
from penstock.core.failure import Failure, Kind
from penstock.core.parameter_changes import NO_CHANGES
from penstock.dialects.caller import RequestBody
from penstock.dialects.texts import NO_TEXTS, TextView
from penstock.guards.base import Outbound
from penstock.guards.logprobs import asks_logprobs
from penstock.guards.plan import GuardPlan, Hook
from penstock.guards.restore import restoring_of
from penstock.guards.results import HookRun, denied
from penstock.pipeline.account import AttemptAccount
from penstock.pipeline.attempt import failed as failed_answer
from penstock.pipeline.call import Answer, Call
from penstock.pipeline.guarding.aside import LookingOn
from penstock.pipeline.guarding.at_a_glance import passed_answer, passed_request
from penstock.pipeline.guarding.at_once import judged_in_turns
from penstock.pipeline.guarding.breaker import HostBreaker
from penstock.pipeline.guarding.documents import KeptDocuments
from penstock.pipeline.guarding.memory import (
    GuardMemory,
    JudgedRequest,
    judged_aside,
    known_runs,
    remembered,
)
from penstock.pipeline.guarding.model import GuardModels
from penstock.pipeline.guarding.outbound import GuardOutbound, Knows
from penstock.pipeline.guarding.parallel import judged_beside
from penstock.pipeline.guarding.request_types import hooks_without_texts, request_type
from penstock.pipeline.guarding.results import GuardResults, with_cost, with_passed, with_skipped
from penstock.pipeline.guarding.subject import (
    Subject,
    asked,
    is_judged,
    new_request,
    nothing_asked,
    rewritten,
    with_body,
    with_headers,
)
from penstock.pipeline.guarding.tasks import GuardTasks
from penstock.pipeline.guarding.unread import refusal_of_hidden, refusal_of_unread, refusal_of_unreadable
from penstock.pipeline.guarding.verdicts import GuardVerdicts
from penstock.pipeline.off_loop.thread import JUDGED, LARGE, off_loop
from penstock.pipeline.target_route import TargetRoute
from penstock.pipeline.upstream import Upstream
from penstock.routing.walk import Attempt

if TYPE_CHECKING:
    from penstock.pipeline.guarding.answer import GuardedAnswer

Send = Callable[[Call, TargetRoute, Attempt, AttemptAccount], Coroutine[Any, Any, Answer]]
Sending = Callable[[Call, TargetRoute], Coroutine[Any, Any, Answer]]
_LOGPROBS: Final = Failure(
    Kind.INVALID_REQUEST,
    "A guard of the config changes texts of answers and can't change their log probabilities: ask without logprobs.",
    "logprobs",
)


class Guarding(msgspec.Struct, frozen=True, dict=True):
    """Runs the guards of targets. ``results`` tells callers what came of them. ``refuses_unguarded``: a request whose
    texts no guard can read is refused where a guard would deny. ``environment`` is the operator's, None where the
    gateway's own identity is not lent. ``answers_checks``: callers on this machine may ask single checks."""

    stop_seconds: ClassVar[float] = 6.0
    """How long ``stop`` may take (server/gateway.py)."""

    upstream: Upstream
    policy: AddressPolicy
    results: GuardResults = GuardResults()
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

    def attempt(
        self,
        call: Call,
        route: TargetRoute,
        step: Attempt,
        account: AttemptAccount,
        send: Send,
        policy: AddressPolicy | None,
    ) -> Coroutine[Any, Any, Answer]:
        """One attempt at a guarded target; ``send`` makes it. ``policy`` says which hosts the checks may reach."""
        plan, view, request = route.target.guards, call.dialect.texts, call.request
        if not isinstance(plan, GuardPlan):
            return send(call, route, step, account)
        kind = None if view is None else view.request_types.get(call.operation)
        outbound = self.outbound if plan.is_local else self._outbound(call, policy or self.policy, account.caller)

        def sending(call: Call, route: TargetRoute) -> Coroutine[Any, Any, Answer]:
            return send(call, route, step, account)

        if view is None or kind is None or request is None:
            return self._unread(call, route, sending, plan, kind, outbound)
        if call.operation.counts_tokens:
            plan = GuardPlan(before=plan.before)
        return self._guarded(call, route, sending, plan, view, kind, request, outbound)

    async def _unread(
        self, call: Call, route: TargetRoute, send: Sending, plan: GuardPlan, kind: str | None, outbound: Outbound
    ) -> Answer:
        """An attempt for a request without texts that a guard can read."""
        runs = await self._caller_runs(call, route, plan, outbound)
        if denied(runs):
            return self.results.denial(call, route, runs, ())
        call, route = with_headers(call, route, runs)
        view = call.dialect.texts
        if view is None or kind is None:
            passed = await self._passed(call, route, plan, outbound)
            return passed if isinstance(passed, Answer) else await send(*passed)
        # An answer that is read later: its request's texts were judged when it was made.
        plan = GuardPlan(after=plan.after)
        return await self._guarded(call, route, send, plan, view, kind, nothing_asked(call), outbound)

    async def _guarded(
        self,
        call: Call,
        route: TargetRoute,
        send: Sending,
        plan: GuardPlan,
        view: TextView,
        kind: str,
        request: RequestBody,
        outbound: Outbound,
    ) -> Answer:
        """An attempt whose request is judged before it, and whose answer after it."""
        memory = await self._memory(call, view, kind, request)
        judged = memory.targets.get(route.target.path)
        if judged is None:
            judged = await self._request_judged(call, route, plan, view, kind, request, outbound, memory)
            memory.targets[route.target.path] = judged
        if judged.failure is not None:
            return failed_answer(judged.failure, call)
        if denied(judged.runs):
            enforced = [hook for hook in plan.before if not hook.is_shadow]
            return self.results.denial(call, route, with_skipped(enforced, judged.runs), ())
        if judged.request is not None:
            call, route = rewritten(call, route, judged.request)
        if plan.told_headers:
            call, route = with_headers(call, route, judged.runs)
        if plan.beside and not judged.is_whole:
            answer = await self._sent_beside(call, route, plan.beside, judged, outbound, send(call, route))
            judged.is_whole = True
            if denied(judged.runs):
                return answer
        else:
            answer = await send(call, route)
        if answer.watch is None and not plan.after and judged.restoring is None:
            return self.results.told(call, answer, judged.runs, ())
        guarded = self._guarded_answer(
            call, route, plan, request, judged, view, outbound, self.results, self.looking_on
        )
        return await guarded.given(answer)

    @cached_property
    def _guarded_answer(self) -> type[GuardedAnswer]:
        # Most gateways judge no answers, and every start would pay for what reads streams.
        from penstock.pipeline.guarding.answer import GuardedAnswer

        return GuardedAnswer

    def _outbound(self, call: Call, policy: AddressPolicy, caller: str) -> GuardOutbound:
        models = None if self.models is None else partial(self.models.ask, call)
        return GuardOutbound(
            upstream=self.upstream,
            policy=policy,
            caller=caller,
            breaker=self.breaker,
            environment=self.environment,
            documents=self.documents,
            models=models,
            telling=self.telling,
            knows=self.knows,
        )

    @cached_property
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

    def passed_at_a_glance(self, call: Call, route: TargetRoute) -> bytes | None:
        """The results of the hooks of a request for its first target, which all pass at a glance, as a JSON array; None
        for any other request, and where a stream's hooks need more."""
        plan, view, request = route.target.guards, call.dialect.texts, call.request
        if not isinstance(plan, GuardPlan) or view is None or request is None or (plan.after and request.stream):
            return None
        glances, read = plan.glances, view.read_plain_chat
        if glances is None or read is None or call.passed is not None or call.guards is not None:
            return None
        if not call.operation.is_chat or len(call.body) > JUDGED or self.results.hides_all:
            return None
        body = request.body if route.changes is NO_CHANGES else _filled(route, request)
        results = passed_request(glances, read, body)
        if results is not None:
            self.looking_on.verdicts.passed[glances.check_ids] += 1
            call.passed = route
        return results

    def tells_passed(self, answer: Answer, call: Call, route: TargetRoute, passed: bytes) -> bool:
        """Tell in the answer to a request that passed at a glance what its hooks found (``passed_at_a_glance``), and
        what those of the answer did: False, and nothing is done, where these have to look."""
        plan, view = route.target.guards, call.dialect.texts
        if not isinstance(plan, GuardPlan) or not plan.after or not is_judged(answer):
            with_passed(answer, call, route, passed)
            return True
        glances, read = plan.glances_after, None if view is None else view.read_plain_answer
        if glances is None or read is None or answer.watch is not None or answer.rest is not None:
            return False
        after = passed_answer(glances, read, answer.body)
        if after is None:
            return False
        self.looking_on.verdicts.passed[glances.check_ids] += 1
        with_passed(answer, call, route, passed, after)
        return True

    async def given(self, answer: Answer, call: Call, route: TargetRoute) -> Answer:
        """The answer to a request that passed at a glance, as the caller gets it of hooks that look at it."""
        plan, view, request = route.target.guards, call.dialect.texts, call.request
        kind = None if view is None else view.request_types.get(call.operation)
        if not isinstance(plan, GuardPlan) or view is None or request is None or kind is None:
            return answer
        judged = await _judged_again(call, route, plan, view, kind, request)
        guarded = self._guarded_answer(
            call, route, plan, request, judged, view, self.outbound, self.results, self.looking_on
        )
        return await guarded.given(answer)

    @staticmethod
    async def _memory(call: Call, view: TextView, kind: str, request: RequestBody) -> GuardMemory:
        """What guards found so far. A request that passed its first target at a glance and is attempted again is judged
        once more, for all that is to be known of it; its verdicts are counted already."""
        memory, passed = call.guards, call.passed
        if memory is None:
            memory = call.guards = GuardMemory()
            if passed is not None and isinstance(passed.target.guards, GuardPlan):
                judged = await _judged_again(call, passed, passed.target.guards, view, kind, request)
                memory.targets[passed.target.path] = judged
                memory.judged.append(judged)
        return memory

    async def _request_judged(
        self,
        call: Call,
        route: TargetRoute,
        plan: GuardPlan,
        view: TextView,
        kind: str,
        request: RequestBody,
        outbound: Outbound,
        memory: GuardMemory,
    ) -> JudgedRequest:
        """The request for a target, which is refused where a guard can't read what it should judge."""
        body = _filled(route, request)
        subject = asked(call, route, body, view, kind, streams=request.stream)
        is_large = len(call.body) > LARGE
        failure = await off_loop(lambda: refusal_of_hidden(plan, subject.request)) if is_large else None
        failure = failure or refusal_of_hidden(plan, subject.request, request.form)
        if failure is not None:
            return JudgedRequest([], subject, failure=failure)
        if len(call.body) > JUDGED or memory.judged or not plan.judges_at_once:
            judged = await self._judged(call, plan, memory, subject, body, outbound)
        else:
            runs, _ = await judged_in_turns(plan.deciding, subject)
            self.looking_on.verdicts.note(call.account, runs)
            judged = JudgedRequest(runs, subject)
            memory.judged.append(judged)
        # A check may be the first to see that a body is no JSON: one that reads more of it than its texts.
        failure = refusal_of_hidden(plan, subject.request)
        return judged if failure is None else JudgedRequest([], subject, failure=failure)

    async def _judged(
        self, call: Call, plan: GuardPlan, memory: GuardMemory, subject: Subject, body: Body, outbound: Outbound
    ) -> JudgedRequest:
        """The request for a target, judged at the first attempt at it."""
        if plan.changes_answers and asks_logprobs(body):
            return JudgedRequest([], subject, failure=_LOGPROBS)
        if plan.looking_on:
            await self.looking_on.run(call.account, plan.looking_on, outbound, subject)
        note = partial(self.verdicts.note, call.account)
        runs, changed = await remembered(memory, plan.deciding, subject, outbound, note)
        judged = JudgedRequest(runs, changed, restoring=restoring_of(runs))
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
            note = partial(self.verdicts.note, call.account)
            judging = judged_aside(memory, hooks, judged.subject, outbound, note)
            answer, runs = await judged_beside(judging, sending, denied)
        by_hook = {id(run.hook): run for run in (*judged.runs, *runs)}
        before = route.target.guards.before if isinstance(route.target.guards, GuardPlan) else ()
        judged.runs = [by_hook[id(hook)] for hook in before if id(hook) in by_hook]
        if answer is not None and not denied(runs):
            return answer
        return with_cost(self.results.denial(call, route, judged.runs, ()), answer)

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
        note = partial(self.verdicts.note, call.account)
        return (await remembered(memory, hooks, subject, outbound, note))[0]

    async def _passed(
        self, call: Call, route: TargetRoute, plan: GuardPlan, outbound: Outbound
    ) -> Answer | tuple[Call, TargetRoute]:
        """A request that passes as it is, with the requests inside it as the guards left them; or the refusal."""
        # Few gateways judge batches, and every start would pay for it.
        from penstock.pipeline.guarding.pieces import Unreadable, judged_pieces

        note = partial(self.verdicts.note, call.account)
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
            return self.results.denial(call, route, judged.runs, (), place=judged.place)
        left = plan if judged is None else GuardPlan(after=plan.after)
        unread = await refusal_of_unread(call, left, self.verdicts, refuses=self.refuses_unguarded)
        if unread is not None:
            return failed_answer(unread, call)
        return (call, route) if judged is None or judged.body is None else with_body(call, route, judged.body)


def _filled(route: TargetRoute, request: RequestBody) -> Body:
    """The body for a target, with what its config fills in."""
    return route.changes.filled(request.body) if route.changes.fills else request.body


async def _judged_again(
    call: Call, route: TargetRoute, plan: GuardPlan, view: TextView, kind: str, request: RequestBody
) -> JudgedRequest:
    """A request that passed at a glance, for all that is to be known of it. Its verdicts are counted already."""
    subject = asked(call, route, _filled(route, request), view, kind, streams=request.stream)
    runs, _ = await judged_in_turns(plan.deciding, subject)
    return JudgedRequest(runs, subject)
