"""Stage: carry out a plan. This module drives the generator of ``routing/walk.py``: it makes the attempts and waits
that the generator yields."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine
from time import monotonic, thread_time
from typing import Any, Final

import msgspec

from penstock.core.failure import Failure, Kind
from penstock.core.outcome import DECISIVE, Outcome
from penstock.dialects.caller_errors import TargetError
from penstock.pipeline.account import AttemptAccount, Reserved
from penstock.pipeline.attempt import attempt, failed
from penstock.pipeline.cache import HIT, Caching, stored_answer
from penstock.pipeline.call import NO_CACHE, Answer, Call, RequestView
from penstock.pipeline.compile import Compiler
from penstock.pipeline.compiled_plan import CompiledPlan
from penstock.pipeline.guarding.guard import Guarding
from penstock.pipeline.models.model_alias import profile_url
from penstock.pipeline.repeated_call import RepeatedCall, RepeatedCalls
from penstock.pipeline.replies.decisive_error import target_error, tell_decisive
from penstock.pipeline.target_route import TargetRoute
from penstock.pipeline.upload import hold_upload, passes
from penstock.pipeline.upstream import Upstream
from penstock.routing.first_attempt import first_attempt, walked_at_once
from penstock.routing.health import Health
from penstock.routing.plan import Target
from penstock.routing.walk import MAX_ATTEMPTS, Attempt, Race, Raced, Wait, Walk, WalkContext, Walked, walk

_NO_ATTEMPT: Final = Failure(Kind.INTERNAL, "The plan led to no attempt: this is a defect of the gateway.")
_NO_GUARDING: Final = Failure(Kind.INTERNAL, "The config has guards, and this gateway can't run them.")
_UNGUARDED: Final = Failure(
    Kind.UNSUPPORTED_OPERATION,
    "The config has guards, and guards don't judge what is said in a WebSocket: use a config without them for it.",
)
_Runner = asyncio.Task[Answer]


class _Begun(msgspec.Struct, frozen=True):
    """A first attempt that the walk did not ask for: when it was begun, and its answer."""

    at: float
    answer: Answer


class _Clock:
    """The clock of a walk. It stands still while the walk comes to an attempt that was made before."""

    __slots__ = ("stopped_at",)

    def __init__(self) -> None:
        self.stopped_at: float | None = None

    def __call__(self) -> float:
        return monotonic() if self.stopped_at is None else self.stopped_at


def _step_after(begun: _Begun, walker: Walk, clock: _Clock) -> Attempt | Race | Wait:
    """What the walk wants next, after it was told of a first attempt that it did not ask for."""
    clock.stopped_at = begun.at
    next(walker)
    clock.stopped_at = None
    return walker.send(begun.answer.outcome)


class Router(msgspec.Struct, frozen=True):
    """Carries out plans.

    ``deadline`` is the time in seconds for all attempts and waits of a request, 0 for no limit. ``sleep`` performs the
    waits between attempts (``asyncio.sleep``; tests replace it). ``max_attempts`` bounds the attempts of a request.
    ``guarding`` runs the guards of targets.
    """

    compiler: Compiler
    upstream: Upstream
    health: Health
    caching: Caching
    deadline: float = 0.0
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    max_attempts: int = MAX_ATTEMPTS
    guarding: Guarding | None = None
    repeated: RepeatedCalls = msgspec.field(default_factory=RepeatedCalls)

    def attempts_of(self, call: Call) -> int:
        """How many attempts a request has: a quarter for each gateway that it has passed, and at least one.

        A config can lead a request through the gateway again and again, to another part of itself each time. With all
        attempts each time, their number would be multiplied.
        """
        return max(1, self.max_attempts >> 2 * call.hops)

    async def answer(self, call: Call, compiled: CompiledPlan) -> tuple[Answer, Walked]:
        """The answer of the last attempt, and the account of the walk. Answers of earlier attempts are closed."""
        began = monotonic()
        deadline = began + (self.deadline or 1e9)
        first = first_attempt(compiled.plan, deadline, began)
        if first is None:
            return await self._walk(call, compiled, deadline)
        if first.target.retry is not None:
            self._health_of(call, compiled).count_attempt(first.target.address, began)
        answer = await self._try(call, compiled, first)
        walked = walked_at_once(compiled.plan, first.target, answer.outcome, monotonic() - began)
        if walked is None:
            return await self._walk(call, compiled, deadline, _Begun(began, answer))
        if answer.outcome is HIT and call.memo is not None:
            route = compiled.routes.get((first.target.path, call.operation))
            if isinstance(route, TargetRoute):
                self.repeated.remember(call, compiled, route, self.caching)
        return answer, walked

    def answer_again(self, call: Call, repeated: RepeatedCall) -> tuple[Answer, Walked] | None:
        """As ``answer``, at once: the stored answer of a repeated call. None where the general way has to look."""
        account, target = call.account, repeated.route.target
        stored = self.repeated.stored(repeated)
        answer = None if stored is None else stored_answer(stored.entry, repeated.prepared)
        if answer is None:
            return None
        attempted, reservation = account.attempt(target), account.reservation
        if reservation is not None:
            if not reservation.begin_first(target, attempted):
                account.attempts.clear()
                return None
            reservation.answered(attempted, answer)
        if target.retry is not None:
            self._health_of(call, repeated.compiled).count_attempt(target.address, monotonic())
        attempted.model, attempted.lane = repeated.prepared.model, repeated.prepared.lane
        return _recorded(answer, call, target, attempted), repeated.walked

    def _health_of(self, call: Call, compiled: CompiledPlan) -> Health:
        return self.health.of(call.caller.tenant, saved=compiled.config is not None)

    async def _walk(
        self, call: Call, compiled: CompiledPlan, deadline: float, begun: _Begun | None = None
    ) -> tuple[Answer, Walked]:
        """``answer`` by the walk, which goes on from a first attempt if that was made (``begun``)."""
        health, clock = self._health_of(call, compiled), _Clock()
        attempts = call.attempts_left(self.attempts_of(call) if call.hops else self.max_attempts)
        context = WalkContext(
            RequestView(call), clock, random.random, health, deadline, attempts, thread_time, begun is not None
        )
        walker = walk(compiled.plan, context)
        answer: Answer | None = None if begun is None else begun.answer
        decisive: TargetError | None = None
        try:
            step = next(walker) if begun is None else _step_after(begun, walker, clock)
            while True:
                if answer is not None and answer.outcome.error in DECISIVE:
                    decisive = decisive or target_error(answer)
                _close(answer)
                if isinstance(step, Attempt):
                    answer = await self._try(call, compiled, step)
                    context.max_attempts = call.attempts_left(context.max_attempts)
                    step = walker.send(answer.outcome)
                elif isinstance(step, Race):
                    answer, raced = await self._race(step, call, compiled)
                    step = walker.send(raced)
                else:
                    await self.sleep(step.seconds)
                    step = walker.send(None)
        except StopIteration as stop:
            walked: Walked = stop.value
        except BaseException:
            _close(answer)
            walker.close()
            raise
        if walked.failure is not None or answer is None:
            _close(answer)
            return failed(walked.failure or _NO_ATTEMPT, call), walked
        if decisive is not None and answer.failure is not None:
            tell_decisive(decisive, answer, call)
        if answer.rest is not None and answer.target is not None and answer.target.is_tracked:
            _follow(answer, answer.target, health)
        return answer, walked

    async def _race(self, step: Race, call: Call, compiled: CompiledPlan) -> tuple[Answer, Raced]:
        began = len(call.account.attempts)
        answer, raced = await race(step, lambda each: self._try(call, compiled, each))
        for account in call.account.attempts[began:]:
            account.is_hedge_loser = account is not answer.attempt
        return answer, raced

    def _try(self, call: Call, compiled: CompiledPlan, step: Attempt) -> Coroutine[Any, Any, Answer]:
        """Make one attempt, within what its request has reserved."""
        account, reservation = call.account.attempt(step.target), call.account.reservation
        if reservation is None or reservation.begin_first(step.target, account):
            return self._attempt(call, compiled, step, account, reservation)
        return self._attempt_within(reservation, call, compiled, step, account)

    async def _attempt_within(
        self, reservation: Reserved, call: Call, compiled: CompiledPlan, step: Attempt, account: AttemptAccount
    ) -> Answer:
        """As ``_attempt``, if the limits have room: otherwise the attempt fails with the limit's status."""
        refused = await reservation.begin_attempt(step.target, account)
        if refused is not None:
            return _recorded(failed(refused, call), call, step.target, account)
        return await self._attempt(call, compiled, step, account, reservation)

    async def _attempt(
        self, call: Call, compiled: CompiledPlan, step: Attempt, account: AttemptAccount, reservation: Reserved | None
    ) -> Answer:
        """``reservation`` is told of the attempt's answer, as it was told of its beginning."""
        answer: Answer | None = None
        route = compiled.routes.get((step.target.path, call.operation))
        try:
            route = route or await self.compiler.bound(compiled, step.target, call.operation)
            if call.upload is not None and not isinstance(route, Failure) and not passes(call, route):
                route = await hold_upload(call) or route
            if not isinstance(route, TargetRoute):
                answer = failed(route, call)
            else:
                if route.provider.profiles is not None and profile_url(call, route) is not None:
                    route = await self.upstream.model_aliases.resolve(call, route, step.until)
                if call.operation.is_session:
                    answer = await self._open_session(call, route, step, account)
                elif route.target.guards is not None and not call.is_unguarded:
                    guarding = self.guarding
                    passed = None if guarding is None else guarding.passed_at_a_glance(call, route)
                    if guarding is None or passed is None:
                        answer = await self._guarded(call, compiled, route, step, account)
                    else:
                        sent = await self._send(call, route, step, account)
                        is_whole = guarding.tells_passed(sent, call, route, passed)
                        answer = sent if is_whole else await guarding.given(sent, call, route)
                elif route.target.cache is not None and self.caching.applies(route):
                    answer = await self.caching.attempt(call, route, step, account)
                else:
                    answer = await attempt(call, route, step, self.upstream, account)
        except asyncio.CancelledError:
            account.ended = call.account.elapsed()
            raise
        finally:
            if reservation is not None:
                reservation.answered(account, None if answer is not None and answer.is_cut else answer)
        return _recorded(answer, call, step.target, account)

    async def _open_session(self, call: Call, route: TargetRoute, step: Attempt, account: AttemptAccount) -> Answer:
        """A WebSocket, which is never cached. What is said in it passes no guard, so that a target with guards has
        none."""
        if route.target.guards is not None:
            return failed(_UNGUARDED, call)
        answer = await attempt(call, route, step, self.upstream, account)
        answer.model_lists = route.model_lists
        return answer

    def _guarded(
        self, call: Call, compiled: CompiledPlan, route: TargetRoute, step: Attempt, account: AttemptAccount
    ) -> Coroutine[Any, Any, Answer]:
        """An attempt at a target with guards. A router that can't run them makes none."""
        if self.guarding is None:
            return _refused(_NO_GUARDING, call)
        return self.guarding.attempt(call, route, step, account, self._send, compiled.grants.policy)

    def _send(
        self, call: Call, route: TargetRoute, step: Attempt, account: AttemptAccount
    ) -> Coroutine[Any, Any, Answer]:
        """The attempt that the guards of a target surround."""
        if route.target.cache is not None and self.caching.applies(route):
            return self.caching.attempt(call, route, step, account)
        return attempt(call, route, step, self.upstream, account)


async def _refused(failure: Failure, call: Call) -> Answer:
    return failed(failure, call)


def _recorded(answer: Answer, call: Call, target: Target, account: AttemptAccount) -> Answer:
    """The answer of an attempt, which is recorded in the attempt's account."""
    answer.target, answer.attempt = target, account
    outcome = answer.outcome
    account.status, account.failure, account.usage = outcome.status, outcome.failure, answer.usage
    account.cache = None if answer.cache_status in NO_CACHE else answer.cache_status
    account.first_content = monotonic() - call.account.arrived
    if answer.rest is None:
        account.ended = account.first_content
    return answer


def _follow(answer: Answer, target: Target, health: Health) -> None:
    """Count an answer that is still arriving as a running call of its target until the answer is closed."""
    health.attempt_started(target.identity, None, monotonic())

    def closed(broken: Failure | None) -> None:
        # What a guard cut is no failure of the target.
        status = None if broken is None or broken.kind is Kind.HOOKS_FAILED else 502
        health.attempt_ended(target.identity, target.breaker, monotonic(), status=status, first_token=None, probe=False)

    answer.on_close = (*answer.on_close, closed)


def _close(answer: Answer | None) -> None:
    if answer is not None:
        answer.close()


# Two attempts side by side (hedging): the first successful attempt wins, the other attempt is cancelled at once.


async def race(step: Race, attempt: Callable[[Attempt], Coroutine[Any, Any, Answer]]) -> tuple[Answer, Raced]:
    """Run a race. Returns the winner's answer and the results of both attempts. The second attempt starts after
    ``step.delay`` seconds."""
    loop = asyncio.get_running_loop()
    first = loop.create_task(attempt(step.first))
    runners = [first]
    try:
        await asyncio.wait(runners, timeout=step.delay)
        if first.done():
            answer = first.result()
            return answer, Raced((answer.outcome, None), 0, rival_ran=False)
        second = loop.create_task(attempt(step.second))
        runners.append(second)
        winner = await _winner(first, second)
        answer = winner.result()
        loser = second if winner is first else first
        lost = await _outcome_of_loser(loser)
    except BaseException:
        for runner in runners:
            _give_up(runner)
        raise
    outcomes = (answer.outcome, lost) if winner is first else (lost, answer.outcome)
    return answer, Raced(outcomes, 0 if winner is first else 1, rival_ran=True)


async def _winner(first: _Runner, second: _Runner) -> _Runner:
    """The first attempt that succeeds; if both fail, the attempt that failed last."""
    await asyncio.wait({first, second}, return_when=asyncio.FIRST_COMPLETED)
    for runner in (first, second):
        if runner.done() and runner.result().outcome.ok:
            return runner
    late = second if first.done() else first
    await asyncio.wait({late})
    return late


async def _outcome_of_loser(loser: _Runner) -> Outcome | None:
    """The outcome of the loser, None when it was cancelled. Closes the loser's answer."""
    loser.cancel()
    await asyncio.wait({loser})
    if loser.cancelled():
        return None
    answer = loser.result()
    answer.close()
    return answer.outcome


def _give_up(runner: _Runner) -> None:
    if not runner.done():
        runner.cancel()
    elif not runner.cancelled() and runner.exception() is None:
        runner.result().close()
