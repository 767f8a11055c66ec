"""What callers are told of guards: the results in an answer, the mark of a false verdict, the denial in its place.

Source: docs/guardrails.md#results.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from penstock.core.outcome import Outcome
from penstock.guards.base import Phase
from penstock.guards.plan import Hook
from penstock.guards.results import (
    AFTER,
    BEFORE,
    HookRun,
    failed,
    hook_results,
    phase_object,
    reasons_of,
    with_results,
)
from penstock.pipeline.call import Answer, Call
from penstock.pipeline.guarding.denial import DENIED, is_soft, soft_denial, told_denial
from penstock.pipeline.target_route import TargetRoute

HOOKS_FAILED: Final = 246


class GuardResults(msgspec.Struct, frozen=True):
    """``shows_excerpts`` tells whether results of a denied answer quote it; ``hides_all`` that no results quote
    anything. ``gives_reasons``: status 446 names hooks and checks."""

    shows_excerpts: bool = False
    hides_all: bool = False
    gives_reasons: bool = False

    @property
    def hides_denied(self) -> bool:
        """Whether the results of a denied answer quote nothing of it."""
        return self.hides_all or not self.shows_excerpts

    def denial(
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
        results = hook_results(before, after, hides=self.hides_denied, hides_before=self.hides_all)
        outcome = Outcome(DENIED.status, DENIED, stored=stored, judged=bool(after) and not stored)
        if is_soft((*before, *after)):
            soft = soft_denial(call, results, is_answer=bool(after), is_strict=route.target.strict)
            if soft is not None:
                return Answer(200, soft[0], soft[1], outcome, cache_status="")
        reasons = reasons_of((*before, *after)) if self.gives_reasons else ()
        error = told_denial(call.dialect, results, reasons, call.trace, place)
        return Answer(error.status, list(error.headers), error.body, outcome, cache_status="")

    def told(self, call: Call, answer: Answer, before: Sequence[HookRun], after: Sequence[HookRun]) -> Answer:
        """A plain answer with its results, marked if a verdict is false."""
        if not before and not after:
            return answer
        if answer.rest is None and answer.watch is None:
            hides = self.hides_all
            body = with_results(answer.body, hook_results(before, after, hides=hides, hides_before=hides))
            answer.body = answer.body if body is None else body
        self.mark(call, answer, before, after)
        return answer

    def mark(self, call: Call, answer: Answer, before: Sequence[HookRun], after: Sequence[HookRun]) -> None:
        """Status 246 for a good answer with a false verdict."""
        has_failed = bool(after) and failed(after)
        if (has_failed or failed(before)) and 200 <= answer.status < 300:
            answer.status = call.dialect.errors.marked_status or answer.status
            judged = has_failed and not answer.outcome.stored
            answer.outcome = msgspec.structs.replace(answer.outcome, status=HOOKS_FAILED, judged=judged)


def with_passed(answer: Answer, call: Call, route: TargetRoute, before: bytes, after: bytes = b"[]") -> None:
    """Tell in an answer the results of hooks that let it and its request pass at a glance (at_a_glance.py)."""
    if answer.watch is None:
        if answer.rest is None:
            body = with_results(answer.body, BEFORE, before, AFTER, after, b"}")
            answer.body = answer.body if body is None else body
    elif not route.target.strict and call.dialect.texts is not None:
        answer.body = call.dialect.texts.with_results(phase_object(Phase.BEFORE, before), answer.body)


def with_cost(refusal: Answer, answer: Answer | None) -> Answer:
    """Status 446 in place of an answer, which has to be paid for: None where the provider had not answered yet."""
    if answer is None:
        refusal.is_cut = True
        return refusal
    refusal.usage, refusal.model, refusal.dropped = answer.usage, answer.model, answer.dropped
    refusal.cache_status, refusal.is_cut = answer.cache_status, answer.usage is None and answer.outcome.ok
    return refusal


def with_skipped(hooks: Sequence[Hook], runs: Sequence[HookRun]) -> list[HookRun]:
    """The runs of a phase's hooks in their order, with those that did not run."""
    by_hook = {id(run.hook): run for run in runs}
    return [by_hook.get(id(hook)) or HookRun(hook, skipped=True) for hook in hooks]
