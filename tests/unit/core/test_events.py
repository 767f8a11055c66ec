"""A reply collected of its events: blocks in their order, calls with their arguments, the last counts."""

import pytest

from penstock.core.events import (
    Event,
    Extra,
    Fail,
    PlainReply,
    Refusal,
    Start,
    Stop,
    Text,
    ToolArgs,
    ToolStart,
    collect,
    is_cut,
    plain_reply,
)
from penstock.core.usage import Usage


def test_pieces_of_a_block_stay_together_and_choices_apart() -> None:
    reply = collect([Start("r", "m", 9), Text("He"), Text("!", choice=1), Text("llo"), Stop("stop", "end")])
    assert reply.start == Start("r", "m", 9)
    assert [[event.text for event in block] for block in reply.choice(0).blocks.values()] == [["He", "llo"]]  # type: ignore[union-attr]
    assert reply.choice(0).stop == Stop("stop", "end")
    assert reply.choice(1).stop is None


def test_arguments_belong_to_the_call_of_their_index() -> None:
    events: list[Event] = [
        ToolStart(0, "f", "a"),
        ToolStart(1, "g", "b"),
        ToolArgs('{"x"', 1),
        ToolArgs("{}", 0),
        ToolArgs(":1}", 1),
    ]
    calls = collect(events).choice(0).calls
    assert [(call.id, call.name, call.arguments) for call in calls] == [("a", "f", "{}"), ("b", "g", '{"x":1}')]


def test_counts_are_merged_and_a_failure_is_kept() -> None:
    reply = collect([Usage(5), Usage(completion=2), Refusal("No"), Extra("tier", "x"), Fail("Broken")])
    assert reply.usage == Usage(5, 2)
    assert reply.choice(0).refusal == "No"
    assert reply.extras == {"tier": "x"}
    assert reply.failure == Fail("Broken")


@pytest.mark.parametrize("events", [[], [Text("x")]])
def test_a_reply_may_lack_everything(events: list[Text]) -> None:
    reply = collect(list(events))
    assert (reply.usage, reply.failure) == (None, None)


@pytest.mark.parametrize(
    ("stop", "expected"),
    [(None, False), (Stop("stop"), False), (Stop("length"), True), (Stop("stop", detail="context"), True)],
)
def test_an_answer_that_its_limit_cut(stop: Stop | None, expected: bool) -> None:
    assert is_cut(stop) is expected


def test_a_reply_of_text_alone() -> None:
    events: list[Event] = [Start("i"), Text("H"), Extra("x", 1), Text("i"), Stop("stop"), Usage(1, 2)]
    assert plain_reply(events) == PlainReply("Hi", Start("i"), Stop("stop"), Usage(1, 2))


@pytest.mark.parametrize("other", [Refusal("No"), ToolStart(0, "c", "f"), Text("x", choice=1), Stop("stop", choice=1)])
def test_a_reply_that_says_more_is_none_of_text_alone(other: Event) -> None:
    assert plain_reply([Start("i"), Text("Hi"), other, Stop("stop")]) is None
