"""The weather of a run, and the verdict on an answer."""

from __future__ import annotations

import pytest
from bench import disconnects
from bench.disconnects import Answer, Fate, Leave
from bench.upstream import Behaviour

DONE = b"data: [DONE]\n\n"
EVENT = b'data: {"choices":[]}\n\n'
REPLY = b'{"object":"chat.completion"}'
ERROR = b'{"error":{"message":"no"}}'


def test_the_weather_is_the_same_for_every_run_and_holds_everything() -> None:
    plans = list(disconnects.plans(1000, seed=1))
    assert plans == list(disconnects.plans(1000, seed=1))
    assert plans != list(disconnects.plans(1000, seed=2))
    assert {plan.leave for plan in plans} == set(Leave)
    assert {plan.behaviour for plan in plans} == {Behaviour.BRIEF, Behaviour.RESET, Behaviour.CUT, Behaviour.STALL}


@pytest.mark.parametrize(
    ("answer", "stream", "fate"),
    [
        (Answer(200, REPLY, complete=True), False, Fate.COMPLETE),
        (Answer(200, EVENT + DONE, complete=True), True, Fate.COMPLETE),
        (Answer(502, ERROR, complete=True), False, Fate.CLEAN_ERROR),
        (Answer(200, EVENT + b"data: " + ERROR + b"\n\n", complete=True), True, Fate.CLEAN_ERROR),
        (Answer(200, EVENT, complete=True), True, Fate.BROKEN),
        (Answer(200, EVENT + DONE, complete=False), True, Fate.BROKEN),
        (Answer(502, ERROR, complete=False), False, Fate.BROKEN),
        (Answer(200, b"", complete=True), False, Fate.BROKEN),
        (Answer(), False, Fate.BROKEN),
    ],
)
def test_an_answer_is_complete_a_clean_error_or_broken(answer: Answer, stream: bool, fate: Fate) -> None:
    assert disconnects.judge(answer, stream=stream) is fate
