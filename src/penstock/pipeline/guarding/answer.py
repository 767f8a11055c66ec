"""The answer to a guarded request: judged as a whole, or as a stream, before the caller gets it; told with its results.

Source: docs/guardrails.md.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import msgspec

from penstock.core.failure import Failure
from penstock.core.json_text import with_utf8
from penstock.core.outcome import failed as of_failure
from penstock.dialects.caller import RequestBody
from penstock.dialects.texts import TextView
from penstock.guards.base import Outbound
from penstock.guards.logprobs import asks_logprobs
from penstock.guards.plan import GuardPlan, Hook
from penstock.guards.results import denied
from penstock.pipeline.call import Answer, Call
from penstock.pipeline.guarding.aside import LookingOn
from penstock.pipeline.guarding.denial import DENIED
from penstock.pipeline.guarding.events import StreamGuards, unjudged
from penstock.pipeline.guarding.hooks import run_hooks
from penstock.pipeline.guarding.memory import JudgedRequest
from penstock.pipeline.guarding.results import GuardResults, with_cost
from penstock.pipeline.guarding.stream import GuardedStream
from penstock.pipeline.guarding.subject import Subject, answered, is_judged
from penstock.pipeline.target_route import TargetRoute

_LARGEST: Final = 32 << 20
"""Bytes of a plain answer that is judged."""


class GuardedAnswer(msgspec.Struct, frozen=True):
    """What judges the answer to one attempt, and tells what came of it."""

    call: Call
    route: TargetRoute
    plan: GuardPlan
    request: RequestBody
    judged: JudgedRequest
    view: TextView
    outbound: Outbound
    results: GuardResults
    looking_on: LookingOn

    async def given(self, answer: Answer) -> Answer:
        """The answer as the caller gets it."""
        may_judge = is_judged(answer)
        reads = self.judged.subject.request_type in self.view.answered
        hooks = self.plan.deciding_after if reads else ()
        aside = self.plan.looking_on_after if reads and may_judge else ()
        if answer.watch is not None:
            return await self._streamed(answer, hooks, aside)
        if may_judge and (hooks or aside or self.judged.restoring is not None):
            return await self._judged(answer, hooks, aside)
        return self.results.told(self.call, answer, self.judged.runs, ())

    def _subject(self, body: bytes) -> Subject:
        return answered(self.judged.subject, self.view, self.judged.subject.request_type, body)

    async def _judged(self, answer: Answer, hooks: Sequence[Hook], aside: Sequence[Hook]) -> Answer:
        """A plain answer, judged, with what guards masked in the request put back."""
        account, judged = self.call.account, self.judged
        broken = await _collected(answer)
        if broken is not None:
            answer.close()
            return msgspec.structs.replace(answer, outcome=of_failure(broken), rest=None, broken=broken)
        answer.body = with_utf8(answer.body.removeprefix(BOM_UTF8))
        if answer.rest is not None:
            runs, changed = unjudged(hooks, "The answer is too large to be judged."), None
        elif not answer.body.lstrip().startswith(b"{"):
            runs, changed = unjudged(hooks, "The answer is no JSON object."), None
        else:
            subject = self._subject(answer.body)
            if aside:
                await self.looking_on.run(account, aside, self.outbound, subject)
            runs, changed = await run_hooks(hooks, subject, self.outbound)
        self.looking_on.verdicts.note(account, runs)
        if denied(runs):
            answer.close()
            stored = answer.outcome.stored
            return with_cost(self.results.denial(self.call, self.route, judged.runs, runs, stored=stored), answer)
        if changed is not None:
            answer.body = changed.body.raw
        if judged.restoring is not None and answer.rest is None:
            answer.body = judged.restoring.answer(self._subject(answer.body).body)
        return self.results.told(self.call, answer, judged.runs, runs)

    async def _streamed(self, answer: Answer, hooks: Sequence[Hook], aside: Sequence[Hook]) -> Answer:
        """A stream under the guards of its answer: judged up to its first text, and further as it arrives."""
        call, judged, strict = self.call, self.judged, self.route.target.strict
        guards = StreamGuards(
            hooks,
            judged.runs,
            self._subject,
            self.view,
            judged.subject.request_type,
            self.outbound,
            call.dialect,
            call.trace,
            call.dialect.replies.include_usage(self.request.body),
            self.results.hides_all,
            self.results.hides_denied,
            self.results.gives_reasons,
            partial(self.looking_on.run, call.account, aside, self.outbound) if aside else None,
            judged.restoring,
            bool(hooks) and asks_logprobs(self.request.body),
        )
        if not hooks and not aside and judged.restoring is None:
            self.results.mark(call, answer, judged.runs, ())
            if judged.runs and not strict:
                answer.body = guards.with_first_event(answer.body)
            return answer
        denies: Callable[..., Answer] = partial(self.results.denial, call, self.route)
        stream = GuardedStream(answer, guards, tells=not strict, denies=denies)
        answer, is_denied = await stream.begun()
        if is_denied:
            self.looking_on.verdicts.note(call.account, stream.runs)
            return answer
        self.results.mark(call, answer, judged.runs, stream.judged)
        answer.on_close = (*answer.on_close, lambda _: self._note_end(stream))
        return answer

    def _note_end(self, stream: GuardedStream) -> None:
        self.looking_on.verdicts.note(self.call.account, stream.runs, stream.released)
        self.looking_on.verdicts.overflow(self.call.account, stream.overflowed)
        if stream.is_denied:
            self.call.account.failure = DENIED


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
