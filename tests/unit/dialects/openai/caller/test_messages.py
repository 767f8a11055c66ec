"""Messages, calls of tools and their results, read."""

from __future__ import annotations

from asking import parts, request
from matrix import MATRIX, called
from penstock.core.chat import (
    Owner,
    TextPart,
    ToolCall,
    ToolResult,
    UnknownPart,
)


def test_signatures_of_tool_calls_come_back_in_both_shapes() -> None:
    google = {"extra_content": {"google": {"thought_signature": "s"}}}
    portkey = {"function": {"name": "f", "arguments": "{}", "thought_signature": "s"}}
    for more in (google, portkey):
        call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}, **more}
        assert parts(called(call)) == (ToolCall("c", "f", "{}", "s", Owner.GOOGLE),)


def test_what_the_model_said_aloud_is_its_makers() -> None:
    spoken = {"id": "audio_1"}
    assert parts({"role": "assistant", "content": None, "audio": spoken}) == (UnknownPart("audio", spoken),)
    assert parts({"role": "assistant", "content": "Hi", "audio": spoken}) == (TextPart("Hi"),)


def test_results_know_the_name_of_their_call() -> None:
    found = request(MATRIX["two_calls"]).messages
    assert [part.name for message in found for part in message.parts if isinstance(part, ToolResult)] == [
        "get_weather",
        "get_time",
    ]
