"""Plan -> the attempts to make: a generator that yields ``Attempt``, ``Race`` and ``Wait`` and is sent their outcomes.

Every routing decision is made here and nowhere else. ``pipeline/route.py`` makes the attempts, ``routing/explain.py``
simulates them. The outcome of the last attempt is the answer. The caller passes clock, randomness and health in: equal
inputs give equal walks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from typing import Any, Final, assert_never

import msgspec

from penstock.core.failure import Failure, Kind
from penstock.core.outcome import DECISIVE, ErrorClass, Outcome
from penstock.routing.balance import pick
from penstock.routing.conditions import Evaluation, View
from penstock.routing.health import Health
from penstock.routing.plan import Balance, Choose, Fallback, HedgePolicy, Plan, Target, leaves
from penstock.routing.retry import RetryAfter, StopRetrying, decide, leads_on
from penstock.routing.trace import AttemptStep, SkippedStep, Step

MAX_ATTEMPTS: Final = 50
"""Attempts of a request, unless the setting ``routing.max_attempts`` says otherwise."""


class Attempt(msgspec.Struct, frozen=True):
    """Call this target now. ``retry`` is 0 for a first try, then counts the retries of the same target.

    ``until`` is the deadline for the first content of the answer, ``over`` for its last byte, both on the walk's clock.
    """

    target: Target
    retry: int = 0
    until: float = math.inf
    over: float = math.inf


class Race(msgspec.Struct, frozen=True):
    """Make the first attempt. If it has no content after ``delay`` seconds, make the second attempt as well.

    The first good outcome wins, and the other attempt is cancelled at once. The generator expects a ``Raced``.
    """

    first: Attempt
    second: Attempt
    delay: float


class Raced(msgspec.Struct, frozen=True):
    """The result of a race: the outcome of each attempt (None: not started or cancelled), the index of the winner, and
    whether the second attempt was started."""

    outcomes: tuple[Outcome | None, Outcome | None]
    winner: int
    rival_ran: bool


class Wait(msgspec.Struct, frozen=True):
    """Let this many seconds pass before the next step."""

    seconds: float


class Walked(msgspec.Struct, frozen=True):
    """The result of a walk.

    ``retry_count`` is the value of ``x-portkey-retry-attempt-count`` (docs/portkey.md#retry-count). ``failure`` is the
    answer if the plan has no target for the request, else None. ``upstream_calls`` is the number of attempts made.
    ``line`` is the steps' line in the trace, where it was written before; empty where it wasn't.
    """

    retry_count: int = 0
    steps: tuple[Step, ...] = ()
    failure: Failure | None = None
    upstream_calls: int = 0
    line: str = ""


Walk = Generator[Attempt | Race | Wait, Any, Walked]
Part = Generator[Attempt | Race | Wait, Any, Outcome]


def _no_timer() -> float:
    return 0.0


class WalkContext(msgspec.Struct):
    """The inputs of a walk besides its plan. ``deadline`` ends all attempts and waits, a moment of the walk's clock;
    after ``max_attempts`` the outcome of the last attempt is the answer.

    ``clock`` returns seconds, ``random`` a number from 0 up to, not including, 1. ``timer`` returns the seconds of
    computing time used so far, which limits the time for conditions. ``is_counted``: the budget of retries knows of the
    first attempt (first_attempt.py).
    """

    view: View
    clock: Callable[[], float]
    random: Callable[[], float]
    health: Health
    deadline: float = math.inf
    max_attempts: int = MAX_ATTEMPTS
    timer: Callable[[], float] = _no_timer
    is_counted: bool = False


class _NoTarget(Exception):
    """The plan has no target for this request."""

    def __init__(self, failure: Failure) -> None:
        self.failure = failure


def walk(plan: Plan, context: WalkContext) -> Walk:
    """The steps for a plan. Send the ``Outcome`` after each ``Attempt``, a ``Raced`` after a ``Race``."""
    walker = _Walker(context)
    try:
        yield from walker.node(plan, context.deadline, math.inf, alternative=False)
    except _NoTarget as no_target:
        return Walked(steps=tuple(walker.steps), failure=no_target.failure, upstream_calls=walker.calls)
    return Walked(walker.retry_count, tuple(walker.steps), None, walker.calls)


def attempt_step(target: Target, outcome: Outcome, seconds: float) -> AttemptStep:
    """An attempt, as the trace tells it."""
    failure, error = outcome.failure, outcome.error
    named = failure is not None and failure.kind is not Kind.UPSTREAM_STATUS
    result = failure.kind.value if failure is not None and named else str(outcome.status)
    step = AttemptStep(target.path, "cached" if outcome.stored else result, seconds * 1000)
    if error is not None and error in DECISIVE:
        step.why.append(error.value)
    return step


class _Walker:
    def __init__(self, context: WalkContext) -> None:
        self._context = context
        self._clock = context.clock
        self._health = context.health
        self._is_counted = context.is_counted
        self._evaluation: Evaluation | None = None
        """One for all conditional routers of the walk: they share a limit of time."""
        self.steps: list[Step] = []
        self.retry_count = 0
        self.calls = 0
        self.rival_ran = False
        """Whether the last race started its second attempt."""

    def node(self, plan: Plan, until: float, over: float, *, alternative: bool) -> Part:
        match plan:
            case Target():
                return self._tries(plan, until, over, alternative=alternative)
            case Fallback():
                return self._fallback(plan, until, over, alternative=alternative)
            case Balance():
                over = self._bounded(over, plan.total)
                return self.node(plan.targets[self._pick(plan)], until, over, alternative=alternative)
            case Choose():
                over = self._bounded(over, plan.total)
                return self.node(plan.targets[self._choose(plan)], until, over, alternative=alternative)
            case _:
                assert_never(plan)

    def _left(self) -> int:
        """How many attempts may still be made."""
        return self._context.max_attempts - self.calls

    def _bounded(self, over: float, total: float | None) -> float:
        return over if total is None else min(over, self._clock() + total)

    # One target: its attempts and the waits between them.

    def _tries(
        self,
        target: Target,
        until: float,
        over: float,
        *,
        alternative: bool,
        rival: Target | None = None,
        delay: float = 0.0,
    ) -> Part:
        """Try the target, raced against ``rival`` the first time. ``rival_ran`` is set if the rival was started: the
        race's outcome is final then."""
        self.rival_ran = False
        rivals_over = over
        if target.timeouts.total is not None:
            over = self._bounded(over, target.timeouts.total)
        tries, waited = 0, 0.0
        if target.retry is not None and not self._is_counted:
            self._health.count_attempt(target.address, self._clock())
        self._is_counted = False
        while True:
            attempt = Attempt(target, tries, until, over)
            if tries == 0 and rival is not None:
                total = rival.timeouts.total
                rivals_over = self._bounded(rivals_over, None if total is None else delay + total)
                outcome = yield from self._race(attempt, Attempt(rival, 0, until, rivals_over), delay)
            elif target.is_tracked:
                outcome = yield from self._tracked(attempt)
            else:
                began = self._clock()
                self.calls += 1
                outcome = yield attempt
                self._made(target, outcome, began)
            if target.retry is None or self.rival_ran:
                self.retry_count = 0
                return outcome
            step = decide(target.retry, outcome, tries, waited, self._context.random(), alternative=alternative)
            step = self._affordable(step, target, min(until, over), alternative=alternative)
            if isinstance(step, StopRetrying):
                self.retry_count = step.count
                self._explain(step.why)
                return outcome
            self._explain(f"retry in {step.seconds:.3g}s")
            tries += 1
            waited += step.requested
            yield Wait(step.seconds)

    def _affordable(
        self, step: RetryAfter | StopRetrying, target: Target, end: float, *, alternative: bool
    ) -> RetryAfter | StopRetrying:
        if isinstance(step, StopRetrying):
            return step
        if self._left() <= 0:
            return StopRetrying(-1, _NO_ATTEMPTS_LEFT)
        now, breaker = self._clock(), target.breaker
        if alternative and breaker is not None and not self._health.admits(target.identity, breaker, now):
            return StopRetrying(-1, "circuit open")
        if now + step.seconds >= end:
            return StopRetrying(-1, "no time left")
        if not self._health.may_retry(target.address, now):
            return StopRetrying(-1, "retry budget spent")
        return step

    def _tracked(self, attempt: Attempt) -> Part:
        """Make an attempt, counted in the target's health."""
        target, began = attempt.target, self._clock()
        self.calls += 1
        probe = self._health.attempt_started(target.identity, target.breaker, began)
        status: int | None = None
        first_token: float | None = None
        try:
            outcome: Outcome = yield attempt
            status = _judged(outcome)
            first_token = self._clock() - began
        finally:
            self._health.attempt_ended(
                target.identity, target.breaker, self._clock(), status=status, first_token=first_token, probe=probe
            )
        self._made(target, outcome, began)
        return outcome

    def _race(self, first: Attempt, second: Attempt, delay: float) -> Part:
        """The outcome is the winner's. Sets ``rival_ran``."""
        began, health = self._clock(), self._health
        tracked = [attempt.target for attempt in (first, second) if attempt.target.is_tracked]
        probes = [health.attempt_started(target.identity, target.breaker, began) for target in tracked]
        raced = Raced((None, None), 0, rival_ran=False)
        try:
            raced = yield Race(first, second, delay)
        finally:
            outcomes = dict(zip((first.target.path, second.target.path), raced.outcomes, strict=True))
            now = self._clock()
            for target, probe in zip(tracked, probes, strict=True):
                outcome = outcomes[target.path]
                status = None if outcome is None else _judged(outcome)
                took = None if outcome is None else now - began
                health.attempt_ended(target.identity, target.breaker, now, status=status, first_token=took, probe=probe)
        self.calls += 2 if raced.rival_ran else 1
        for index, attempt in enumerate((first, second)):
            outcome = raced.outcomes[index]
            if outcome is not None and index != raced.winner:
                self._made(attempt.target, outcome, began)
        counted: Outcome | None = raced.outcomes[raced.winner]
        if counted is None:
            raise ValueError("a race whose winner has no outcome")
        self._made((first, second)[raced.winner].target, counted, began)
        if raced.rival_ran:
            self._explain("hedged")
        self.rival_ran = raced.rival_ran
        return counted

    # Several targets.

    def _fallback(self, plan: Fallback, until: float, over: float, *, alternative: bool) -> Part:
        over = self._bounded(over, plan.total)
        order = self._admitted(plan, tuple(range(len(plan.targets))))
        hedge, at = plan.hedge, 0
        while True:
            target, last = plan.targets[order[at]], at + 1 == len(order)
            may_hedge = hedge is not None and at == 0 and not last and self._left() > 1
            rival = plan.targets[order[1]] if may_hedge else None
            if hedge is not None and isinstance(target, Target) and isinstance(rival, Target):
                outcome = yield from self._hedged(target, rival, hedge, until, over)
                if self.rival_ran:
                    at += 1
                    last = at + 1 == len(order)
            else:
                outcome = yield from self.node(target, until, over, alternative=alternative or not last)
            if last or not leads_on(plan, outcome):
                return outcome
            if self._left() <= 0:
                self._explain(_NO_ATTEMPTS_LEFT)
                return outcome
            if self._clock() >= min(until, over):
                self._explain("no time left")
                return outcome
            self._explain("next")
            at += 1

    def _hedged(self, first: Target, rival: Target, hedge: HedgePolicy, until: float, over: float) -> Part:
        """The first target, raced against the second target if the hedge budget allows it."""
        health, now, node = self._health, self._clock(), first.path + first.identity
        health.count_hedgeable(node, hedge.percent, now)
        may_hedge = health.may_hedge(node, hedge.percent, now)
        outcome = yield from self._tries(
            first, until, over, alternative=True, rival=rival if may_hedge else None, delay=hedge.delay
        )
        # If the caller disconnects, this line isn't reached: the rival may have been started, so the hedge counts.
        if may_hedge and not self.rival_ran:
            health.return_hedge(node, self._clock())
        return outcome

    def _admitted(self, plan: Fallback | Balance, every: tuple[int, ...]) -> tuple[int, ...]:
        """The indexes of the targets that their breakers admit; all indexes if no breaker admits its target
        (docs/portkey.md#circuit-breaker)."""
        if not plan.is_guarded:
            return every
        now = self._clock()
        admitted = tuple(index for index in every if self._is_admitted(plan.targets[index], now))
        if not admitted:
            return every
        for index in every:
            if index not in admitted:
                self.steps.append(SkippedStep(plan.targets[index].path))
        return admitted

    def _is_admitted(self, plan: Plan, now: float) -> bool:
        """Whether a breaker admits one target at least of those that the plan leads to."""
        return any(
            not leaf.is_open and (leaf.breaker is None or self._health.admits(leaf.identity, leaf.breaker, now))
            for leaf in leaves(plan)
        )

    def _pick(self, plan: Balance) -> int:
        """The index of the balancer's target for this request."""
        context, candidates = self._context, list(self._admitted(plan, plan.eligible))
        return pick(plan, candidates, context.view, self._health, self._clock(), context.random)

    def _choose(self, plan: Choose) -> int:
        """The index of the conditional router's target for this request (docs/portkey.md#conditions)."""
        name, index = plan.default, plan.default_target
        if self._evaluation is None:
            self._evaluation = Evaluation(self._context.view, self._context.timer)
        for case in plan.cases:
            if case.condition.matches(self._evaluation):
                name, index = case.then, case.target
                break
        if index is not None:
            return index
        if name is None:
            plain = "Query router did not resolve to any valid target"
            text = f"No condition of {plan.path}.strategy holds for this request, and it has no default: add one."
        else:
            plain = f"Invalid target name found in the query router: {name}"
            text = f"{plan.path}.strategy leads to '{name[:64]}', but none of its targets has that name."
        raise _NoTarget(Failure(Kind.NO_MATCHING_TARGET, text, f"{plan.path}.strategy", plain))

    # The steps for the trace.

    def _made(self, target: Target, outcome: Outcome, began: float) -> None:
        self.steps.append(attempt_step(target, outcome, self._clock() - began))

    def _explain(self, why: str) -> None:
        """Add a reason to the latest step: why another step follows, or why none does."""
        last = self.steps[-1]
        if why and isinstance(last, AttemptStep):
            last.why.append(why)


_NO_ATTEMPTS_LEFT: Final = "max_attempts reached"


def _judged(outcome: Outcome) -> int | None:
    """The status that health counts for an attempt; None if the attempt says nothing about the target."""
    failure = outcome.failure
    if outcome.stored or (failure is not None and not failure.sent and not outcome.is_network):
        return None
    if outcome.error is ErrorClass.TIMEOUT or outcome.is_network:
        return 504
    return 502 if failure is not None and outcome.status < 400 else outcome.status
