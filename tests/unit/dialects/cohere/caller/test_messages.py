"""Cohere's messages."""

from typing import Any

import pytest

from own_wires import COHERE, HI, asked, refused
from penstock.core.chat import ImagePart, Inline, Link, ReasoningPart, TextPart, ToolCall, ToolResult, UnknownPart

CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}


def parts(message: dict[str, Any]) -> tuple[Any, ...]:
    return asked(COHERE, messages=[HI, message]).messages[-1].parts


def test_a_turn_plans_and_calls() -> None:
    said = parts({"role": "assistant", "tool_plan": "I will", "tool_calls": [CALL]})
    assert said == (TextPart("I will"), ToolCall("c", "f", '{"a":1}'))
    blocks = [{"type": "thinking", "thinking": "Hm"}, {"type": "text", "text": "So"}, {"type": "text", "text": ""}]
    assert parts({"role": "assistant", "content": blocks}) == (ReasoningPart("Hm"), TextPart("So"))


def test_sources_of_an_earlier_answer_are_on_its_text() -> None:
    cited = {"start": 0, "end": 2, "text": "So", "sources": [], "type": "TEXT_CONTENT"}
    said = parts({"role": "assistant", "content": "So", "citations": [cited, 7]})
    assert said == (TextPart("So", None, ({"start": 0, "end": 2, "text": "So", "sources": []},)),)
    assert parts({"role": "assistant", "content": "So", "citations": []}) == (TextPart("So"),)
    assert parts({"role": "assistant", "tool_calls": [CALL], "citations": [cited]})[0].name == "f"


def test_results_have_the_names_of_their_calls() -> None:
    document = {"type": "document", "document": {"data": '{"t":1}', "id": "0"}}
    turn = {"role": "assistant", "tool_calls": [CALL]}
    result = {"role": "tool", "tool_call_id": "c", "content": [document, {"type": "text", "text": "x"}]}
    *_, message = asked(COHERE, messages=[HI, turn, result]).messages
    assert message.parts == (ToolResult("c", (TextPart('{"t":1}'), TextPart("x")), "f"),)


def test_images_and_what_is_not_known() -> None:
    inline, link = {"url": "data:image/png;base64,AA", "detail": "low"}, "https://x/a.png"
    blocks = [
        {"type": "image_url", "image_url": inline},
        {"type": "image_url", "image_url": link},
        {"type": "new"},
        "a",
    ]
    assert parts({"role": "USER", "content": blocks}) == (
        ImagePart(Inline("image/png", "AA"), "low"),
        ImagePart(Link(link)),
        UnknownPart("new", {"type": "new"}),
        TextPart("a"),
    )


@pytest.mark.parametrize(
    ("message", "path"),
    [
        (3, "messages[0]"),
        ({"role": 3}, "messages[0].role"),
        ({"role": "user", "content": 3}, "messages[0].content"),
        ({"role": "user", "content": [3]}, "messages[0].content[0]"),
        ({"role": "user", "content": [{"type": "text"}]}, "messages[0].content[0].text"),
        ({"role": "user", "content": [{"type": "image_url"}]}, "messages[0].content[0].image_url.url"),
        ({"role": "tool", "content": "x"}, "messages[0].tool_call_id"),
        ({"role": "assistant", "tool_calls": 3}, "messages[0].tool_calls"),
        ({"role": "assistant", "tool_calls": [{"id": "c"}]}, "messages[0].tool_calls[0].function.name"),
    ],
)
def test_what_is_wrong(message: Any, path: str) -> None:
    assert refused(COHERE, messages=[message]).param == path
