"""A dry run of a plan: the walk runs on a simulated clock, and no request is sent.

This module drives walk.py as pipeline/route.py does, and makes no routing decision. A ``Provider``
(pipeline/explain.py) supplies the result of each call; the walk's steps (trace.py) say why the next step follows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import assert_never

import msgspec

from penstock.core.outcome import DECISIVE, Outcome
from penstock.routing.conditions import View
from penstock.routing.health import Health
from penstock.routing.plan import Plan, most_attempts
from penstock.routing.trace import SkippedStep, Step
from penstock.routing.walk import MAX_ATTEMPTS, Attempt, Race, Raced, Wait, Walk, WalkContext, Walked, walk


class PlayedReply(msgspec.Struct, frozen=True):
    """The simulated result of one call.

    ``outcome`` is routing's view of the call, ``seconds`` the call's duration, ``status`` the status for the caller.
    """

    outcome: Outcome
    seconds: float
    status: int


Provider = Callable[[Attempt, float], PlayedReply]
"""(attempt, seconds since the start) -> the result of the attempt."""


class Attempted(msgspec.Struct, frozen=True, tag_field="step", tag="attempt"):
    """A call of a target.

    ``retry`` is 0 for the first try. ``at`` (since the start) and ``seconds`` (duration) are in seconds. ``result`` is
    a status or the kind of a failure, ``why`` the reasons for the next step.
    """

    target: str
    provider: str
    retry: int
    at: float
    seconds: float
    result: str = ""
    why: tuple[str, ...] = ()
    message: str | None = None
    """The reason why no request would be sent; None if one would be."""


class Waited(msgspec.Struct, frozen=True, tag_field="step", tag="wait"):
    """A pause before a retry of the same target."""

    target: str
    at: float
    seconds: float


class Hedged(msgspec.Struct, frozen=True, tag_field="step", tag="race"):
    """Both targets were called: the first target had no content after ``delay`` seconds.

    ``cancelled`` is the target whose call was cancelled after the other call succeeded; None if neither was.
    """

    targets: tuple[str, str]
    at: float
    delay: float
    cancelled: str | None = None


class LeftOut(msgspec.Struct, frozen=True, tag_field="step", tag="skip"):
    """A target that is skipped because its circuit is open."""

    target: str


class ExplainedGuard(msgspec.Struct, frozen=True):
    """A guard of a target. ``phase`` is ``before`` (the request) or ``after`` (the answer), ``manner`` how it judges:
    ``enforce``, ``parallel``, ``async``, ``shadow``. ``stream`` is the mode of an answer's guard. ``verdict``: passed,
    changed, failed, denied, would_deny, would_fail; unknown where a check asks another server; unread where no guard
    reads such requests; None where nothing was judged. ``changed`` is the text that the guard leaves of another."""

    target: str
    phase: str
    guard: str
    checks: tuple[str, ...]
    deny: bool
    manner: str
    stream: str | None = None
    verdict: str | None = None
    changed: str | None = None


Event = Attempted | Waited | Hedged | LeftOut


class Explanation(msgspec.Struct, frozen=True):
    """The result of a dry run. Times are in seconds, targets are named as in ``x-penstock-trace``: ``targets[0]``.

    ``status`` is the response's status, ``result`` the last attempt's status or kind of failure, ``retry_count`` the
    value of ``x-portkey-retry-attempt-count``. ``message`` says why no target was called; None if one was.
    """

    steps: tuple[Event, ...]
    status: int
    result: str
    target: str | None
    retry_count: int
    seconds: float
    waited: float
    attempts: int
    most_attempts: int
    message: str | None = None
    guards: tuple[ExplainedGuard, ...] = ()


def play(
    plan: Plan,
    view: View,
    provider: Provider,
    chance: Callable[[], float],
    deadline: float = math.inf,
    max_attempts: int = MAX_ATTEMPTS,
    timer: Callable[[], float] | None = None,
) -> Explanation:
    """Play a plan from its first step to its last. At the start every target is healthy.

    ``timer`` is that of ``WalkContext``: conditions take real time, also in a dry run.
    """
    player = _Player(provider)
    context = WalkContext(view, lambda: player.now, chance, Health(), deadline, max_attempts)
    if timer is not None:
        context.timer = timer
    with closing(walk(plan, context)) as walker:
        walked = player.follow(walker)
    failure, events = walked.failure, tuple(_merged(player.events, walked.steps))
    # The last attempt of the list is the attempt that counts, after a race as well.
    last_attempt = None if failure else next(event for event in reversed(events) if isinstance(event, Attempted))
    return Explanation(
        steps=events,
        status=failure.status if failure else player.final_status,
        result=failure.kind.value if failure else last_attempt.result if last_attempt else "",
        target=last_attempt.target if last_attempt else None,
        retry_count=walked.retry_count,
        seconds=_rounded(player.now),
        waited=_rounded(player.waited),
        attempts=walked.upstream_calls,
        most_attempts=min(most_attempts(plan), max_attempts),
        message=failure.message if failure else None,
    )


class _Player:
    """Follows a walk. ``events`` are its events in order; their ``result`` and ``why`` are still empty."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self.now = self.waited = 0.0
        self._last: tuple[str, PlayedReply] | None = None
        self._decisive: tuple[str, int] | None = None
        """The target and the status of the first error that decides the status of the answer
        (docs/errors.md#several-targets)."""
        self.events: list[Event] = []

    def follow(self, walker: Walk) -> Walked:
        try:
            step = next(walker)
            while True:
                step = walker.send(self._answer(step))
        except StopIteration as stop:
            walked: Walked = stop.value
            return walked

    def _answer(self, step: Attempt | Race | Wait) -> Outcome | Raced | None:
        match step:
            case Attempt():
                reply = self._provider(step, self.now)
                return self._made(step, reply, self.now)
            case Race():
                return self._race(step)
            case Wait():
                self.events.append(Waited(self._latest(), _rounded(self.now), _rounded(step.seconds)))
                self.now += step.seconds
                self.waited += step.seconds
                return None
            case _:
                assert_never(step)

    @property
    def final_status(self) -> int:
        """The status of the answer."""
        if self._last is None:
            return 0
        path, reply = self._last
        if self._decisive is None or reply.outcome.failure is None or reply.outcome.error in DECISIVE:
            return reply.status
        return reply.status if path == self._decisive[0] else self._decisive[1]

    def _made(self, step: Attempt, reply: PlayedReply, began: float, *, counts: bool = True) -> Outcome:
        """Record an attempt that was not cancelled, and move the clock to the attempt's end. ``counts``: it is not the
        loser of a race."""
        target, failure = step.target, reply.outcome.failure
        message = failure.message or None if failure else None
        seconds = _rounded(reply.seconds)
        event = Attempted(shown(target.path), target.provider, step.retry, _rounded(began), seconds, message=message)
        self.events.append(event)
        self.now = max(self.now, began + reply.seconds)
        if counts:
            self._last = target.path, reply
            if reply.outcome.error in DECISIVE and self._decisive is None:
                self._decisive = target.path, reply.status
        return reply.outcome

    def _race(self, race: Race) -> Raced:
        """Play two attempts as pipeline/route.py makes them."""
        began, joined = self.now, self.now + race.delay
        first = self._provider(race.first, began)
        if first.seconds <= race.delay:
            return Raced((self._made(race.first, first, began), None), 0, rival_ran=False)
        second = self._provider(race.second, joined)
        paths = shown(race.first.target.path), shown(race.second.target.path)
        runs = ((race.first, first, began), (race.second, second, joined))
        winner = _winner(first, second, race.delay)
        loser = 1 - winner
        ends = [start + reply.seconds for _, reply, start in runs]
        is_cancelled = runs[winner][1].outcome.ok and ends[winner] < ends[loser]
        self.events.append(Hedged(paths, _rounded(began), race.delay, paths[loser] if is_cancelled else None))
        outcomes: list[Outcome | None] = [None, None]
        for index in (winner,) if is_cancelled else (loser, winner):
            outcomes[index] = self._made(*runs[index], counts=index == winner)
        return Raced((outcomes[0], outcomes[1]), winner, rival_ran=True)

    def _latest(self) -> str:
        return next(event.target for event in reversed(self.events) if isinstance(event, Attempted))


def _winner(first: PlayedReply, second: PlayedReply, delay: float) -> int:
    """The index of the reply that counts: the first good reply; if both failed, the reply that failed last."""
    late = int(delay + second.seconds >= first.seconds)
    if not (first.outcome.ok or second.outcome.ok):
        return late
    if first.outcome.ok and second.outcome.ok:
        return 1 - late
    return 0 if first.outcome.ok else 1


def _merged(events: list[Event], steps: tuple[Step, ...]) -> Iterator[Event]:
    """The events, each attempt with the result and the reasons of its step in the walk, and the skipped targets."""
    rest = iter(events)
    for step in steps:
        if isinstance(step, SkippedStep):
            yield LeftOut(shown(step.path))
            continue
        for event in rest:
            if isinstance(event, Attempted):
                yield msgspec.structs.replace(event, result=step.result, why=tuple(step.why))
                break
            yield event


def shown(path: str) -> str:
    """A target's path as the trace header writes it: ``config.targets[0]`` -> ``targets[0]``."""
    return path.removeprefix("config.")


def _rounded(seconds: float) -> float:
    return round(seconds, 3)
