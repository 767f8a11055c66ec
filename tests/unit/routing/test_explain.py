"""Playing a plan: what the steps are, how the clock runs, how a race ends."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.address import AddressPolicy
from penstock.core.failure import Failure, Kind
from penstock.core.outcome import Outcome, failed
from penstock.core.secret import Secret
from penstock.routing.conditions import MISSING
from penstock.routing.explain import Attempted, Explanation, Hedged, LeftOut, PlayedReply, Provider, Waited, play
from penstock.routing.parse import HeaderSettings, Rules, parse
from penstock.routing.plan import Plan
from penstock.routing.walk import Attempt

RULES = Rules(("openai", "groq"), AddressPolicy())
ONE = {"provider": "openai"}
OTHER = {"provider": "groq", "api_key": "k"}


class Nothing:
    """A request that says nothing."""

    pathname = "/v1/chat/completions"

    def param(self, name: str) -> Any:
        return MISSING

    def metadata(self, name: str) -> Any:
        return MISSING


def plan(config: Any) -> Plan:
    made = parse(json.dumps(config).encode(), HeaderSettings(authorization=Secret("k")), RULES)
    assert not isinstance(made, Failure), made
    return made


def answer(status: int, seconds: float = 0.0) -> PlayedReply:
    failure = None if status == 200 else Failure(Kind.UPSTREAM_STATUS, "", sent=True)
    return PlayedReply(Outcome(status, failure), seconds, status)


def scripted(**replies: list[PlayedReply]) -> Provider:
    """By provider: what its calls come to in turn, then 200."""
    rest = {name: list(each) for name, each in replies.items()}

    def reply(step: Attempt, _: float) -> PlayedReply:
        told = rest.get(step.target.provider)
        return told.pop(0) if told else answer(200)

    return reply


def played(
    config: Any, chance: Callable[[], float] = lambda: 0.5, deadline: float = 1e9, **replies: list[PlayedReply]
) -> Explanation:
    return play(plan(config), Nothing(), scripted(**replies), chance, deadline)


def test_attempts_and_waits_in_order() -> None:
    config = {"strategy": {"mode": "fallback"}, "targets": [{**ONE, "retry": {"attempts": 2}}, OTHER]}
    said = played(config, openai=[answer(429, 0.25), answer(503), answer(503)])
    assert said == Explanation(
        (
            Attempted("targets[0]", "openai", 0, 0.0, 0.25, "429", ("retry in 1s",)),
            Waited("targets[0]", 0.25, 1.0),
            Attempted("targets[0]", "openai", 1, 1.25, 0.0, "503", ("retry in 2s",)),
            Waited("targets[0]", 1.25, 2.0),
            Attempted("targets[0]", "openai", 2, 3.25, 0.0, "503", ("attempts spent", "next")),
            Attempted("targets[1]", "groq", 0, 3.25, 0.0, "200"),
        ),
        status=200, result="200", target="targets[1]", retry_count=0, seconds=3.25, waited=3.0, attempts=4, most_attempts=4,
    )  # fmt: skip


def test_the_deadline_is_one_of_the_played_clock() -> None:
    said = played({**ONE, "retry": {"attempts": 5}}, openai=[answer(500)] * 6, deadline=2.0)
    assert [step.why for step in said.steps if isinstance(step, Attempted)] == [("retry in 1s",), ("no time left",)]
    assert (said.status, said.retry_count, said.attempts, said.most_attempts) == (500, -1, 2, 6)


def test_a_target_that_its_breaker_keeps_away() -> None:
    said = played({"strategy": {"mode": "fallback"}, "targets": [{**ONE, "is_open": True}, OTHER]})
    assert said.steps == (LeftOut("targets[0]"), Attempted("targets[1]", "groq", 0, 0.0, 0.0, "200"))


def test_no_target_for_a_request() -> None:
    conditions = [{"query": {"params.model": "x"}, "then": "a"}]
    config = {"strategy": {"mode": "conditional", "conditions": conditions}, "targets": [{**ONE, "name": "a"}]}
    inner = {"strategy": {"mode": "fallback"}, "targets": [OTHER, config]}
    said = played(inner, groq=[answer(500)])
    assert (said.status, said.result, said.target) == (400, "no_matching_target", None)
    assert said.attempts == len(said.steps) == 1
    assert "No condition" in (said.message or "")


def test_why_there_was_no_call() -> None:
    lacking = Failure(Kind.MISSING_API_KEY, "It needs a key.")
    said = played(ONE, openai=[PlayedReply(failed(lacking), 0.0, 401)])
    assert said.steps == (Attempted("config", "openai", 0, 0.0, 0.0, "missing_api_key", message="It needs a key."),)
    assert said.status == 401


HEDGED = {"strategy": {"mode": "fallback", "hedge": {"delay": 2, "percent": 100}}, "targets": [ONE, OTHER]}


@pytest.mark.parametrize(
    ("first", "second", "target", "seconds", "cancelled"),
    [
        (answer(200, 3), answer(200, 5), "targets[0]", 3, "targets[1]"),
        (answer(200, 5), answer(200, 1), "targets[1]", 3, "targets[0]"),
        (answer(500, 3), answer(200, 5), "targets[1]", 7, None),
        (answer(200, 9), answer(500, 1), "targets[0]", 9, None),
        (answer(500, 5), answer(503, 1), "targets[0]", 5, None),
        (answer(500, 3), answer(503, 5), "targets[1]", 7, None),
        (answer(200, 3), answer(200, 1), "targets[0]", 3, None),
        (answer(500, 3), answer(503, 1), "targets[1]", 3, None),
    ],
)
def test_races(first: PlayedReply, second: PlayedReply, target: str, seconds: float, cancelled: str | None) -> None:
    said = played(HEDGED, openai=[first], groq=[second])
    assert said.steps[0] == Hedged(("targets[0]", "targets[1]"), 0.0, 2.0, cancelled)
    assert (said.target, said.seconds, said.attempts) == (target, seconds, 2)
    assert len(said.steps) == (3 if cancelled is None else 2)
    last = said.steps[-1]
    assert isinstance(last, Attempted)
    assert (last.target, last.at + last.seconds, last.result) == (target, seconds, said.result)
    assert said.status == int(said.result)


def test_a_first_target_in_time_has_no_rival() -> None:
    said = played(HEDGED, openai=[answer(200, 2)])
    assert said.steps == (Attempted("targets[0]", "openai", 0, 0.0, 2.0, "200"),)


@given(st.lists(st.tuples(st.sampled_from([200, 400, 429, 500, 503]), st.floats(0, 100)), max_size=12), st.randoms())
def test_the_account_adds_up(replies: list[tuple[int, float]], random: Any) -> None:
    config = {"strategy": {"mode": "fallback"}, "retry": {"attempts": 3}, "targets": [ONE, OTHER, ONE]}
    said = played(config, random.random, openai=[answer(*each) for each in replies], groq=[answer(500)] * 9)
    made = [step for step in said.steps if isinstance(step, Attempted)]
    waits = [step.seconds for step in said.steps if isinstance(step, Waited)]
    assert len(made) == said.attempts <= said.most_attempts == 12
    assert said.waited == pytest.approx(sum(waits), abs=0.01)
    assert said.seconds == pytest.approx(said.waited + sum(step.seconds for step in made), abs=0.05)
    assert (made[-1].target, made[-1].result) == (said.target, str(said.status))
    moments = [step.at for step in said.steps if isinstance(step, Attempted | Waited)]
    assert moments == sorted(moments)
