"""The text of an answer as the arguments of the call that was forced."""

from __future__ import annotations

import pytest

from penstock.core.chat import Tool
from penstock.core.events import Event, Start, Stop, Text, Thinking, ToolArgs, ToolStart
from penstock.core.usage import Usage
from penstock.dialects.forced_call import ForcedCall, arguments_in_words


def test_text_in_any_pieces_is_one_call() -> None:
    call = ForcedCall("f")
    first = call.told([Start(), Thinking("Hm"), Text('{"a"')])
    assert first == [Start(), Thinking("Hm"), ToolStart(0, "f"), ToolArgs('{"a"', 0)]
    assert call.told([Text(": 1}")]) == [ToolArgs(": 1}", 0)]
    assert call.told([Usage(1, 2), Stop("stop", "stop")]) == [Usage(1, 2), Stop("tool_calls", "stop")]


@pytest.mark.parametrize(
    ("events", "told"),
    [
        ([Stop("stop")], [Stop("stop")]),
        ([Text(" "), Stop("stop")], [Text(" "), Stop("stop")]),
        ([Text("{"), Stop("length")], [ToolStart(0, "f"), ToolArgs("{", 0), Stop("length")]),
    ],
)
def test_what_is_no_whole_answer_keeps_its_end(events: list[Event], told: list[Event]) -> None:
    assert ForcedCall("f").told(events) == told


@pytest.mark.parametrize("pieces", [["Hi"], [" ", "\n", "Hi", "{}"], ["[1]"], [" "] * 1100, ["\n" * 5000], [""] * 1100])
def test_text_that_begins_no_object_stays_text(pieces: list[str]) -> None:
    call = ForcedCall("f")
    told = [event for piece in pieces for event in call.told([Text(piece)])]
    assert {type(event) for event in told} == {Text}
    assert call.told([Stop("stop")]) == [Stop("stop")]
    assert "".join(event.text for event in told if isinstance(event, Text)) == "".join(pieces)


def test_little_space_is_held() -> None:
    """A host may send nothing else, in pieces of any size."""
    call = ForcedCall("f")
    assert call.told([Text(" " * 1000), Text("\n" * 20)]) == []
    assert [type(event) for event in call.told([Text(" " * 5), Text("{")])] == [Text, Text, Text, Text]


def test_space_before_the_object_is_no_text() -> None:
    call = ForcedCall("f")
    assert call.told([Text("\n "), Text("")]) == []
    assert call.told([Text(" {"), Text(" }")]) == [ToolStart(0, "f"), ToolArgs("{", 0), ToolArgs(" }", 0)]


def test_the_model_is_told_what_for_and_by_which_schema() -> None:
    words = arguments_in_words(Tool("find", "Finds things", b'{"properties":{"q":{}}}'))
    assert "the function find. Finds things" in words
    assert words.endswith('{"type":"object","properties":{"q":{}}}')
