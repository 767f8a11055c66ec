"""Parameters handed out one by one: what nobody takes is named, save where it says what holds anyway."""

from typing import Any

import pytest

from penstock.core.chat import ChatRequest
from penstock.core.parameters import Parameters


def parameters(**given: Any) -> Parameters:
    return Parameters(ChatRequest("m", (), given))


def test_what_nobody_took_is_dropped_in_the_callers_order() -> None:
    left = parameters(seed=1, temperature=0.5, top_k=3, user=None)
    assert left.value("temperature") == 0.5
    assert left.value("temperature") is None
    assert left.dropped() == ("seed", "top_k")


@pytest.mark.parametrize(
    "given", [{"n": 1}, {"logprobs": False}, {"stop": []}, {"tools": ()}, {"service_tier": "auto"}, {"seed": None}]
)
def test_what_holds_anyway_is_not_named(given: dict[str, Any]) -> None:
    assert parameters(**given).dropped() == ()


def test_what_is_refused_is_named_once_after_the_rest() -> None:
    left = parameters(seed=1)
    for _ in range(2):
        left.unsupported("messages[0].content[1]")
    assert left.dropped() == ("seed", "messages[0].content[1]")


def test_a_peek_takes_nothing() -> None:
    left = parameters(seed=1)
    assert (left.peek("seed"), left.dropped()) == (1, ("seed",))


def test_of_several_spellings_the_first_counts_and_the_others_are_dropped() -> None:
    left = parameters(topK=4, top_k=3)
    assert left.given({"top_k", "topK", "other"}) == ["topK", "top_k"]
    assert left.first("top_k", "topK") == 3
    assert left.dropped() == ("topK",)


@pytest.mark.parametrize(
    ("given", "limit"),
    [
        ({}, None),
        ({"max_tokens": 5}, 5),
        ({"max_completion_tokens": 6}, 6),
        ({"max_tokens": 5, "max_completion_tokens": 6}, 6),
    ],
)
def test_the_newer_limit_wins_and_both_are_taken(given: dict[str, int], limit: int | None) -> None:
    left = parameters(**given)
    assert (left.max_tokens(), left.dropped()) == (limit, ())


@pytest.mark.parametrize(("given", "stop"), [({}, []), ({"stop": "x"}, ["x"]), ({"stop": ["x", "y"]}, ["x", "y"])])
def test_stop_sequences_are_a_list(given: dict[str, Any], stop: list[str]) -> None:
    assert parameters(**given).stop() == stop
