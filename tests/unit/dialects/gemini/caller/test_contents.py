"""Gemini's contents become messages: chunks are one turn, results stand with their calls."""

from typing import Any

import pytest

from gemini_caller import HI, asked, call, model, refused
from penstock.core.chat import (
    ReasoningPart,
    TextPart,
    ToolCall,
    ToolResult,
)


def test_roles_and_sugar() -> None:
    assert [message.role for message in asked(HI, model({"text": "a"}), {"parts": [{"text": "b"}]}).messages] == [
        "user",
        "assistant",
        "user",
    ]
    for contents in ("Hi", HI, {"parts": {"text": "Hi"}}, {"parts": ["Hi"]}):
        assert asked(contents=contents).messages[0].parts == (TextPart("Hi"),)


def test_chunks_of_a_stream_are_one_turn() -> None:
    """Google's SDK keeps each chunk as a content, also the last, in which nothing is said after the call."""
    chunks = [model({"text": "Hm", "thought": True}), model({"text": "m", "thought": True}), model({"text": "I lo"})]
    chunks += [model({"text": "ok."}, {"text": " And"}), model(call("f")), {"role": "model"}, model({"text": ""})]
    result = {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"output": "x"}}}]}
    messages = asked(HI, *chunks, result).messages
    assert [message.role for message in messages] == ["user", "assistant", "tool"]
    thought, text, called = messages[1].parts
    assert (thought, text) == (ReasoningPart("Hmm"), TextPart("I look. And"))
    assert isinstance(called, ToolCall)
    assert messages[2].parts == (ToolResult(called.id, (TextPart("x"),), "f"),)


def test_results_answer_by_id_or_by_name_and_order() -> None:
    calls = model(call("f", {"n": 1}), {"function_call": {"id": "own", "name": "g"}}, call("f"))
    results = {
        "role": "function",
        "parts": [
            {"functionResponse": {"id": "own", "name": "other", "response": {"result": [1]}}},
            {"functionResponse": {"name": "f", "response": {"output": "one"}}},
            {"text": "beside"},
            {"function_response": {"name": "f", "response": {"error": "two"}, "parts": []}},
        ],
    }
    _, said, *told = asked(HI, calls, results).messages
    ids = [part.id for part in said.parts if isinstance(part, ToolCall)]
    assert ids[1] == "own"
    assert len(set(ids)) == 3
    assert [message.parts[0] for message in told[:3]] == [
        ToolResult("own", (TextPart("[1]"),), "g"),
        ToolResult(ids[0], (TextPart("one"),), "f"),
        ToolResult(ids[2], (TextPart("two"),), "f", is_error=True),
    ]
    assert (told[3].role, told[3].parts) == ("user", (TextPart("beside"),))


@pytest.mark.parametrize(
    ("content", "param"),
    [
        ({"role": "nobody"}, "contents[0].role"),
        ({"parts": 3}, "contents[0].parts"),
        (model({"functionCall": {"args": {}, "id": "x"}}), "contents[0].parts[0].functionCall.name"),
        (model({"functionCall": {"name": "f", "args": []}}), "contents[0].parts[0].functionCall.args"),
        ({"parts": [{"inlineData": {"mimeType": "image/png"}}]}, "contents[0].parts[0].inlineData.data"),
        ({"parts": [{"fileData": {"mimeType": "image/png"}}]}, "contents[0].parts[0].fileData.fileUri"),
        ({"parts": []}, "contents"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(content: Any, param: str) -> None:
    assert refused(content).param == param
