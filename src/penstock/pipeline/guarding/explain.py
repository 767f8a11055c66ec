"""Explain the guards of a call without sending anything: which judge at each target, and what those say that ask
nobody.

The verdicts of checks that ask other servers are unknown, unless the caller tells them (``penstock test``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from time import thread_time
from typing import Final

import msgspec

from penstock.core.failure import Failure, Kind
from penstock.core.json_text import write_json
from penstock.core.outcome import Outcome
from penstock.dialects.texts import TextView
from penstock.guards.base import Phase
from penstock.guards.plan import GuardPlan, Hook, HookCheck
from penstock.guards.results import HookRun, denied, failed
from penstock.pipeline.call import Call
from penstock.pipeline.guarding.at_once import Stub, judged_at_once
from penstock.pipeline.guarding.check import answer_of_text
from penstock.pipeline.guarding.denial import is_soft
from penstock.pipeline.guarding.subject import Subject, answered, asked
from penstock.pipeline.target_route import TargetRoute
from penstock.routing.explain import ExplainedGuard, PlayedReply, shown
from penstock.routing.plan import Target

_MARKED: Final = 246
_MOST_CHECKS: Final = 200
"""Checks that judge in one explanation, while nothing else is served; the verdicts of further guards are not told."""
_LONGEST_JUDGED: Final = 16 << 10
"""Bytes of a body that they judge where their time is limited: one check of a longer text may take too long alone."""
_UNSENT: Final = "A guard denies the request: nobody is asked."


def nobody(_: HookCheck) -> None:
    """No verdict is known of checks that ask other servers."""


class PlayedGuards:
    """The guards of a call's targets. ``answer`` is what the targets answer, a body in the caller's wire or a text;
    None: the guards of answers judge nothing. ``stub`` tells the verdicts of checks that ask other servers. ``seconds``
    of computing time are for all guards; what takes longer has no verdict."""

    def __init__(
        self, call: Call, answer: bytes | str | None = None, stub: Stub = nobody, seconds: float = math.inf
    ) -> None:
        self._call = call
        self._view = call.dialect.texts
        self._kind = None if self._view is None else self._view.request_types.get(call.operation)
        self._answer = answer
        self._stub = stub
        self._left, self._seconds = _MOST_CHECKS, seconds
        self._runs: dict[tuple[str, Phase], list[HookRun]] = {}
        self._subjects: dict[tuple[str, Phase], tuple[Subject, Subject]] = {}

    def before(self, route: TargetRoute) -> PlayedReply | None:
        """The denial of the request for a target; None if it would be sent."""
        plan, request = route.target.guards, self._call.request
        if not isinstance(plan, GuardPlan) or request is None or self._view is None or self._kind is None:
            return None
        if (route.target.path, Phase.BEFORE) not in self._runs:
            body = route.changes.filled(request.body) if route.changes.fills else request.body
            subject = asked(self._call, route, body, self._view, self._kind, streams=request.stream)
            self._judge(route.target, plan.before, Phase.BEFORE, subject)
        runs = self._runs[route.target.path, Phase.BEFORE]
        return self._denial(runs, 0.0) if denied(_deciding(runs)) else None

    def after(self, route: TargetRoute, reply: PlayedReply) -> PlayedReply:
        """A target's reply under the guards: as it is, marked, or denied."""
        plan, path = route.target.guards, route.target.path
        if not isinstance(plan, GuardPlan) or not reply.outcome.ok or not 200 <= reply.status < 300:
            return reply
        before = _deciding(self._runs.get((path, Phase.BEFORE), ()))
        after: Sequence[HookRun] = ()
        if self._answer is not None and self._view is not None and (path, Phase.BEFORE) in self._runs:
            self._judge(route.target, plan.after, Phase.AFTER, self._answered(path, self._view, self._answer))
            after = _deciding(self._runs[path, Phase.AFTER])
        if denied(after):
            return self._denial(after, reply.seconds)
        if not failed((*before, *after)):
            return reply
        outcome = msgspec.structs.replace(reply.outcome, status=_MARKED, judged=failed(after))
        return PlayedReply(outcome, reply.seconds, self._call.dialect.errors.marked_status or reply.status)

    def explained(self, targets: Sequence[Target]) -> tuple[ExplainedGuard, ...]:
        """The guards of all targets, in the order in which they judge."""
        return tuple(
            self._explained(target, hook, phase)
            for target in targets
            if isinstance(target.guards, GuardPlan)
            for phase, hooks in ((Phase.BEFORE, target.guards.before), (Phase.AFTER, target.guards.after))
            for hook in hooks
        )

    def _answered(self, path: str, view: TextView, answer: bytes | str) -> Subject:
        kind = self._kind or ""
        raw = write_json(answer_of_text(kind, answer)) if isinstance(answer, str) else answer
        return answered(self._subjects[path, Phase.BEFORE][1], view, kind, raw)

    def _judge(self, target: Target, hooks: Sequence[Hook], phase: Phase, subject: Subject) -> None:
        self._left -= sum(len(hook.checks) for hook in hooks)
        is_too_long = self._seconds < math.inf and len(subject.body.raw) > _LONGEST_JUDGED
        if self._left < 0 or is_too_long:
            hooks = ()
        began = thread_time()
        runs, changed = judged_at_once(hooks, subject, self._stub, self._seconds)
        self._seconds -= thread_time() - began
        self._runs[target.path, phase] = runs
        self._subjects[target.path, phase] = subject, changed

    def _denial(self, runs: Sequence[HookRun], seconds: float) -> PlayedReply:
        is_after = any(run.denies and run.hook.phase is Phase.AFTER for run in runs)
        failure = Failure(Kind.HOOKS_FAILED, "" if is_after else _UNSENT, sent=is_after)
        status = 200 if is_soft(runs) else self._call.dialect.errors.denied_status
        return PlayedReply(Outcome(failure.status, failure, judged=is_after), seconds, status)

    def _explained(self, target: Target, hook: Hook, phase: Phase) -> ExplainedGuard:
        runs = self._runs.get((target.path, phase))
        run = None if runs is None else next((each for each in runs if each.hook is hook), None)
        changed = None
        if run is not None and run.transformed:
            subject = self._subjects[target.path, phase][1]
            changed = subject.context(hook.checks[0].scope, 0.0).text
        return ExplainedGuard(
            target=shown(target.path),
            phase="before" if phase is Phase.BEFORE else "after",
            guard=hook.id,
            checks=tuple([each.id for each in hook.checks]),
            deny=hook.deny,
            manner=_manner(hook),
            stream=hook.stream.value if phase is Phase.AFTER else None,
            verdict="unread" if self._is_unread(phase) else None if run is None else _verdict(run),
            changed=changed,
        )

    def _is_unread(self, phase: Phase) -> bool:
        """Whether no guard reads requests, or answers, of this kind."""
        if self._view is None or self._kind is None:
            return True
        return phase is Phase.AFTER and self._kind not in self._view.answered


def _deciding(runs: Sequence[HookRun]) -> list[HookRun]:
    """The runs of hooks that the request waits for."""
    return [run for run in runs if not run.hook.looks_on]


def _manner(hook: Hook) -> str:
    """How a hook judges: beside the request, beside the provider, or before anything goes on."""
    if hook.is_shadow:
        return "shadow"
    if hook.is_async:
        return "async"
    return "parallel" if hook.parallel else "enforce"


def _verdict(run: HookRun) -> str:
    if any(check.skipped for check in run.checks) and run.verdict:
        return "unknown"
    if run.hook.looks_on:
        return "passed" if run.verdict else "would_deny" if run.hook.deny else "would_fail"
    if run.denies:
        return "denied"
    return ("changed" if run.transformed else "passed") if run.verdict else "failed"
