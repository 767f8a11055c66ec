"""What one delta or message says, as events."""

from typing import Any

import pytest

from penstock.core.events import (
    Citation,
    Event,
    Extra,
    Foreign,
    Media,
    Refusal,
    Text,
    Thinking,
    ToolArgs,
    ToolStart,
)
from penstock.dialects.function_names import LONGEST_IN_PIECES
from penstock.dialects.openai.provider.delta import ChoiceState, named, said


def events(*deltas: dict[str, Any]) -> list[Event]:
    """What the deltas of one choice say until its end."""
    state = ChoiceState()
    return [*(event for delta in deltas for event in said(delta, 0, state)), *named(0, state)]


def call(index: Any = None, call_id: Any = None, name: Any = None, arguments: Any = None) -> dict[str, Any]:
    given = {"index": index, "id": call_id}
    return {
        **{k: v for k, v in given.items() if v is not None},
        "type": "function",
        "function": {"name": name, "arguments": arguments},
    }


def calls(*made: dict[str, Any]) -> dict[str, Any]:
    return {"tool_calls": list(made)}


def test_parts_of_a_content() -> None:
    parts: list[dict[str, Any]] = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}]},
        {"type": "text", "text": "A"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        {"type": "image_url", "image_url": "https://x.example/a.png"},
        {"type": "reference", "reference_ids": [1]},
    ]
    assert events({"content": parts}) == [
        Thinking("Hm"),
        Text("A", block=1),
        Media("image/png", "AAAA", block=2),
        Media("image/*", url="https://x.example/a.png", block=2),
        Foreign(parts[4], block=3),
    ]


def test_refusal_annotations_images_and_sound() -> None:
    source = {
        "type": "url_citation",
        "url_citation": {"url": "https://x.example", "title": "X", "start_index": 0, "end_index": 2},
    }
    delta = {
        "content": "Hi",
        "refusal": "No.",
        "annotations": [source],
        "images": [{"image_url": {"url": "data:image/png;base64,AA"}}],
    }
    assert events(delta, {"audio": {"id": "a1", "data": "AAAA", "transcript": "Hi"}}) == [
        Text("Hi"),
        Refusal("No."),
        Media("image/png", "AA", block=1),
        Citation(source, "https://x.example", "X", 0, 2, block=1),
        Media("audio/*", "AAAA", block=1),
        Extra("audio", {"id": "a1", "transcript": "Hi"}, 0),
    ]


def test_reasoning_under_its_other_name() -> None:  # docs/quirks.md#q98
    assert events({"reasoning": "Hm"}, {"content": "A"}, {"reasoning": "Hm?"}) == [
        Thinking("Hm"),
        Text("A", block=1),
        Thinking("Hm?", block=2),
    ]


def test_a_legacy_function_call() -> None:  # docs/quirks.md#q7
    message = {"content": None, "function_call": {"name": "f", "arguments": "{}"}}
    assert events(message) == [ToolStart(0, "f"), ToolArgs("{}", 0)]


def test_empty_members_say_nothing() -> None:  # docs/quirks.md#q96
    delta = {
        "content": "Hi",
        "refusal": "",
        "function_call": {"name": "", "arguments": ""},
        "audio": {"id": "", "data": "", "expires_at": 0},
        "reasoning_details": [],
    }
    assert events(delta) == [Text("Hi")]


@pytest.mark.parametrize(
    ("deltas", "found"),
    [
        pytest.param(  # docs/quirks.md#q91
            [calls(call(0, "a", "f", "")), calls({"index": 0, "id": None, "function": {"name": None, "arguments": "{}"}})],
            [ToolStart(0, "f", "a"), ToolArgs("{}", 0)],
            id="later names are null",
        ),
        pytest.param(
            [calls(call(0, "a", "f", "")), calls(call(0, None, "", "{}"))],
            [ToolStart(0, "f", "a"), ToolArgs("{}", 0)],
            id="later names are empty",
        ),
        pytest.param(  # docs/quirks.md#q97
            [calls(call(None, "a", "f", "{")), calls(call(None, None, None, "}")), calls(call(None, "b", "g", "{}"))],
            [ToolStart(0, "f", "a"), ToolArgs("{", 0), ToolArgs("}", 0), ToolStart(1, "g", "b"), ToolArgs("{}", 1)],
            id="no index",
        ),
        pytest.param(
            [calls(call(None, "a", "f", "{")), calls(call(None, "b", "g", "{")), calls(call(None, "a", None, "}"))],
            [ToolStart(0, "f", "a"), ToolArgs("{", 0), ToolStart(1, "g", "b"), ToolArgs("{", 1), ToolArgs("}", 0)],
            id="no index but the id again",
        ),
        pytest.param(
            [calls(call(None, None, "f", "{}"), call(None, None, "f", "{}"))],
            [ToolStart(0, "f"), ToolArgs("{}", 0), ToolStart(1, "f"), ToolArgs("{}", 1)],
            id="neither index nor id",
        ),
        pytest.param(
            [calls(call(0, "a", "f", "{}")), calls(call(0, "b", "g", "{}"))],
            [ToolStart(0, "f", "a"), ToolArgs("{}", 0), ToolStart(1, "g", "b"), ToolArgs("{}", 1)],
            id="every index is 0",
        ),
        pytest.param(
            [calls(call(3, "a", "f", {"x": 1})), calls(call(1, "b", "g", None))],
            [ToolStart(0, "f", "a"), ToolArgs('{"x":1}', 0), ToolStart(1, "g", "b")],
            id="sparse indexes and an object for arguments",
        ),
        pytest.param(  # docs/quirks.md#repeated-call-ids
            [calls(call(None, "a", "f", "{}"), call(None, "a", "f", "[]")), calls(call(None, "a", None, " "))],
            [ToolStart(0, "f", "a"), ToolArgs("{}", 0), ToolStart(1, "f", "a"), ToolArgs("[]", 1), ToolArgs(" ", 1)],
            id="two items of one list under one id",
        ),
        pytest.param(
            [calls(call(None, "a", "f", "{")), calls(call(None, "a", "f", "}")), calls(call(None, "a", "g", "{}"))],
            [ToolStart(0, "f", "a"), ToolArgs("{", 0), ToolArgs("}", 0), ToolStart(1, "g", "a"), ToolArgs("{}", 1)],
            id="another name under one id",
        ),
        pytest.param(
            [calls(call(None, "a", None, "")), calls(call(None, "a", "f", "{}"))],
            [ToolStart(0, "f", "a"), ToolArgs("{}", 0)],
            id="an id before the name",
        ),
        pytest.param(
            [calls({"index": 0, "id": "a", "type": "custom", "custom": {"name": "sh", "input": "ls"}})],
            [ToolStart(0, "sh", "a"), ToolArgs("ls", 0)],
            id="custom",
        ),
    ],
)  # fmt: skip
def test_tool_calls(deltas: list[Any], found: list[Event]) -> None:
    assert events(*deltas) == found


@pytest.mark.parametrize(
    ("pieces", "found"),
    [
        pytest.param(
            [("get_", ""), ("weath", None), ("er", "{}")], "get_weather", id="three pieces, the last with more"
        ),
        pytest.param([("get_", ""), ("weather", ""), (None, "{}")], "get_weather", id="two pieces"),
        pytest.param([("f", ""), ("f", "{}")], "f", id="repeated with the arguments"),
        pytest.param([("f", "{"), ("f", "}")], "f", id="repeated with each piece of the arguments"),
        pytest.param([("get_", ""), ("f", ""), ("get_f", "{}")], "get_f", id="repeated when it is whole"),
        pytest.param([("f", "{}"), ("g", "")], "f", id="another one behind the arguments"),
        pytest.param([("", ""), ("f", ""), ("", "{}")], "f", id="an empty one first"),
    ],
)
@pytest.mark.parametrize("again", [None, "a"], ids=["one id", "repeated ids"])
def test_a_name_in_pieces(pieces: list[Any], found: str, again: Any) -> None:  # docs/quirks.md#names-in-pieces
    made = [call(0, again if at else "a", name, text) for at, (name, text) in enumerate(pieces)]
    arguments: list[Event] = [ToolArgs(text, 0) for _, text in pieces if text]
    assert events(*map(calls, made)) == [ToolStart(0, found, "a"), *arguments]


def test_a_call_is_told_when_something_else_follows_its_name() -> None:
    state = ChoiceState()
    assert list(said(calls(call(0, "a", "f", "")), 0, state)) == []
    assert list(said({"content": ""}, 0, state)) == []
    assert list(said(calls(call(1, "b", "g", "")), 0, state)) == [ToolStart(0, "f", "a")]
    assert list(said({"content": "Hi"}, 0, state)) == [ToolStart(1, "g", "b"), Text("Hi")]
    assert list(named(0, state)) == []


@pytest.mark.parametrize(
    ("pieces", "told_at", "name"),
    [
        pytest.param([("f", "")], 0, "f", id="no argument yet, or ever"),
        pytest.param([("f", None), ("f", "{}")], 0, "f", id="repeated afterwards"),
        pytest.param([("get", ""), ("_", ""), ("it", "")], 2, "get_it", id="pieces"),
        pytest.param([("get", ""), (None, "{}")], 1, "get", id="the beginning of another's name"),
        pytest.param([("odd", ""), (None, "{}")], 1, "odd", id="none that was offered"),
    ],
)
def test_a_call_is_told_at_once_under_the_whole_name_of_a_function(pieces: list[Any], told_at: int, name: str) -> None:
    state = ChoiceState(functions=("f", "get", "get_it"))
    for at, (piece, text) in enumerate(pieces):
        starts = [each for each in said(calls(call(0, "a", piece, text)), 0, state) if isinstance(each, ToolStart)]
        assert starts == ([ToolStart(0, name, "a")] if at == told_at else [])


def test_a_call_without_an_id_waits_for_what_follows() -> None:
    state = ChoiceState(functions=("f",))
    assert list(said(calls(call(0, None, "f", "")), 0, state)) == []
    assert list(named(0, state)) == [ToolStart(0, "f")]


def test_an_id_behind_the_name_is_that_of_the_call() -> None:
    for functions in ((), ("f",)):
        state = ChoiceState(functions=functions)
        pieces = [call(0, None, "f", ""), call(0, "a", None, ""), call(0, "a", None, "{}"), call(None, "a", None, " ")]
        found = [event for piece in pieces for event in said(calls(piece), 0, state)]
        assert found == [ToolStart(0, "f", "a"), ToolArgs("{}", 0), ToolArgs(" ", 0)]


def test_a_name_without_end_is_told_as_far_as_it_came() -> None:
    state, found = ChoiceState(), list[Event]()
    for _ in range(LONGEST_IN_PIECES + 9):
        found += said(calls(call(0, "a", "fg", "")), 0, state)
    assert found == []
    for number in range(LONGEST_IN_PIECES):
        found += said(calls(call(0, "a", f"{number % 10}", "")), 0, state)
    [start] = found
    assert isinstance(start, ToolStart)
    assert len(start.name) == LONGEST_IN_PIECES + 1
