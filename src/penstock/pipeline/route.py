"""Stage: carry out a plan. The driver of ``routing/walk.py``, which says what to attempt and how long to wait."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Final

import msgspec

from penstock.core.failure import Failure, Kind
from penstock.pipeline.attempt import Upstream, attempt, failed
from penstock.pipeline.cache import Caching
from penstock.pipeline.call import Answer, Call, RequestView
from penstock.pipeline.compile import CompiledPlan, Compiler
from penstock.pipeline.race import race
from penstock.routing.health import Health
from penstock.routing.plan import Target
from penstock.routing.walk import Attempt, Race, Wait, WalkContext, Walked, walk

_NOTHING: Final = failed(Failure(Kind.INTERNAL, "The plan led to no attempt: this is a defect of the gateway."))

Try = Callable[[Attempt], Awaitable[Answer]]


class Router(msgspec.Struct, frozen=True):
    """Carries out plans.

    ``deadline`` is the time that all attempts and waits of a request may take, 0 for no limit. ``sleep`` is how waits
    between attempts pass.
    """

    compiler: Compiler
    upstream: Upstream
    health: Health
    caching: Caching
    deadline: float = 0.0
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def answer(self, call: Call, compiled: CompiledPlan) -> tuple[Answer, Walked]:
        """The answer of the last attempt. Answers that routing passes over are closed."""
        deadline = monotonic() + (self.deadline or 1e9)
        walker = walk(compiled.plan, WalkContext(RequestView(call), monotonic, random.random, self.health, deadline))
        answer = _NOTHING
        try:
            step = next(walker)
            while True:
                match step:
                    case Attempt():
                        answer.close()
                        answer = await self._try(call, compiled, step)
                        step = walker.send(answer.outcome)
                    case Race():
                        answer.close()
                        answer, raced = await race(step, lambda each: self._try(call, compiled, each))
                        step = walker.send(raced)
                    case Wait(seconds):
                        answer.close()
                        await self.sleep(seconds)
                        step = walker.send(None)
        except StopIteration as stop:
            walked: Walked = stop.value
        except BaseException:
            answer.close()
            walker.close()
            raise
        if walked.failure is not None:
            answer.close()
            return failed(walked.failure), walked
        if answer.rest is not None and answer.target is not None and answer.target.is_tracked:
            self._follow(answer, answer.target)
        return answer, walked

    async def _try(self, call: Call, compiled: CompiledPlan, step: Attempt) -> Answer:
        ready = self.compiler.route(compiled, step.target, call.operation)
        if isinstance(ready, Failure):
            answer = failed(ready)
        else:
            if ready.provider.profiles is not None:
                ready = await self.upstream.model_aliases.resolve(call, ready, step.until)
            if self.caching.applies(ready):
                answer = await self.caching.attempt(call, compiled.caller.tenant, ready, step)
            else:
                answer = await attempt(call, ready, step, self.upstream)
        answer.target = step.target
        return answer

    def _follow(self, answer: Answer, target: Target) -> None:
        """Keep an answer that is still arriving in the books until it is closed."""
        health = self.health
        health.attempt_started(target.identity, None, monotonic())

        def released(broken: Failure | None) -> None:
            status = None if broken is None else 502
            health.end(target.identity, target.breaker, monotonic(), status=status, first_token=None, probe=False)

        answer.released = released
