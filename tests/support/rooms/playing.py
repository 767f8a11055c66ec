"""Walks played on a simulated clock: what pipeline/route.py does, without network, tasks or sleep."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from penstock.core.address import LOOPBACK_NAMES, AddressPolicy
from penstock.core.failure import Failure, Kind
from penstock.core.outcome import ErrorClass, Outcome, class_of_status, failed
from penstock.routing.conditions import MISSING
from penstock.routing.health import Health
from penstock.routing.parse import HeaderSettings, Rules, parse
from penstock.routing.plan import Plan
from penstock.routing.walk import MAX_ATTEMPTS, Attempt, Race, Raced, Wait, WalkContext, Walked, walk

RULES: Final = Rules(("openai", "groq", "azure-openai", "echo"), AddressPolicy(LOOPBACK_NAMES))
OK: Final = Outcome(200)


def compiled(config: Any, **given: Any) -> Plan:
    """The plan for a config that must be a good one."""
    result = parse(json.dumps(config).encode(), HeaderSettings(**given), RULES)
    assert not isinstance(result, Failure), result
    return result


def answered(status: int, retry_after: float | None = None, error: ErrorClass | None = None) -> Outcome:
    """The outcome of a provider's error status."""
    failure = Failure(Kind.UPSTREAM_STATUS, "It said no.", sent=True)
    return Outcome(status, failure, error=error or class_of_status(status), retry_after=retry_after)


def broken(kind: Kind, *, sent: bool = True) -> Outcome:
    """The outcome of an attempt without an answer."""
    return failed(Failure(kind, "It broke.", sent=sent))


class Asked:
    """A request as conditions and sticky balancers see it."""

    def __init__(
        self, params: Mapping[str, Any] | None = None, metadata: Mapping[str, Any] | None = None, pathname: str = ""
    ) -> None:
        self._params = params or {}
        self._metadata = metadata or {}
        self.pathname = pathname

    def param(self, name: str) -> Any:
        return self._params.get(name, MISSING)

    def metadata(self, name: str) -> Any:
        return self._metadata.get(name, MISSING)


Script = Callable[[Attempt], tuple[Outcome, float]]
"""What comes of an attempt, and after how many seconds."""


def in_turn(outcomes: Iterable[Outcome], took: float = 0.0) -> Script:
    """One outcome after the other, whichever target is asked."""
    rest = iter(outcomes)
    return lambda _: (next(rest), took)


class Called(NamedTuple):
    """An attempt that was made ``at`` a moment, as the walk's ``number``-th; ``outcome`` is None when it was cancelled.

    ``rival``: whether it ran beside another one.
    """

    attempt: Attempt
    number: int
    at: float
    outcome: Outcome | None
    rival: bool = False

    @property
    def path(self) -> str:
        return self.attempt.target.path


class Played(NamedTuple):
    """What a walk did. ``calls`` are in the order of their ends, so that the last one is the one that counted.

    ``waits`` are the index of the call that each followed, its beginning and its seconds. ``walked`` is None when the
    walk was closed before its end.
    """

    plan: Plan
    calls: list[Called]
    waits: list[tuple[int, float, float]]
    walked: Walked | None

    @property
    def races(self) -> int:
        return sum(call.rival for call in self.calls) // 2

    @property
    def paths(self) -> list[str]:
        """The targets called, with the part of their paths that tells them apart."""
        return [call.path.removeprefix("config.") for call in self.calls]

    @property
    def result(self) -> Walked:
        assert self.walked is not None
        return self.walked


class Player:
    """Plays one walk after the other, all on one clock and with one ``Health``."""

    def __init__(self, script: Script, *, seed: int = 0, health: Health | None = None) -> None:
        self.script = script
        self.health = health or Health()
        self.now = 0.0
        self._random = random.Random(seed)

    def play(
        self,
        plan: Plan,
        *,
        patience: float = math.inf,
        view: Asked | None = None,
        stop_after: int | None = None,
        max_attempts: int = MAX_ATTEMPTS,
    ) -> Played:
        """Follow a plan, for at most ``patience`` seconds; with ``stop_after``, close it at that step."""
        context = WalkContext(
            view or Asked(), lambda: self.now, self._random.random, self.health, self.now + patience, max_attempts
        )
        walker = walk(plan, context)
        calls: list[Called] = []
        waits: list[tuple[int, float, float]] = []
        taken = 0
        answer: Outcome | Raced | None = None
        while True:
            try:
                step = walker.send(answer)
            except StopIteration as stop:
                return Played(plan, calls, waits, stop.value)
            if taken == stop_after:
                walker.close()
                return Played(plan, calls, waits, None)
            taken += 1
            match step:
                case Attempt():
                    answer = self._attempt(step, calls)
                case Race():
                    answer = self._race(step, calls)
                case Wait(seconds):
                    waits.append((len(calls) - 1, self.now, seconds))
                    self.now += seconds
                    answer = None

    def _attempt(self, step: Attempt, calls: list[Called]) -> Outcome:
        began = self.now
        outcome, took = self._ask(step, began)
        self.now += took
        calls.append(Called(step, len(calls), began, outcome))
        return outcome

    def _ask(self, step: Attempt, began: float) -> tuple[Outcome, float]:
        """What comes of an attempt within the time that it has, as pipeline/attempt.py sees to it."""
        outcome, took = self.script(step)
        left = min(step.until, step.over) - began
        if took <= left:
            return outcome, took
        return broken(Kind.FIRST_BYTE_TIMEOUT if step.until < step.over else Kind.TOTAL_TIMEOUT), left

    def _race(self, step: Race, calls: list[Called]) -> Raced:
        began = self.now
        first, took = self._ask(step.first, began)
        if took <= step.delay:
            self.now += took
            calls.append(Called(step.first, len(calls), began, first))
            return Raced((first, None), 0, rival_ran=False)
        second, took_second = self._ask(step.second, began + step.delay)
        ends = (took, step.delay + took_second)
        # While two are running, nothing of either goes to the caller.
        outcomes = [msgspec.structs.replace(outcome, committed=False) for outcome in (first, second)]
        early, late = (0, 1) if ends[0] <= ends[1] else (1, 0)
        cancels = outcomes[early].ok
        winner, loser = (early, late) if cancels else (late, early)
        self.now += ends[winner]
        ran = [
            Called(step.first, len(calls), began, outcomes[0], rival=True),
            Called(step.second, len(calls) + 1, began + step.delay, outcomes[1], rival=True),
        ]
        if cancels:
            ran[loser] = ran[loser]._replace(outcome=None)
        calls.extend((ran[loser], ran[winner]))
        return Raced((ran[0].outcome, ran[1].outcome), winner, rival_ran=True)
