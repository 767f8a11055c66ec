"""Messages, calls of tools and their results, read."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asking import parts, request
from matrix import MATRIX, called
from penstock.core.chat import (
    Owner,
    ReasoningPart,
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


@pytest.mark.parametrize(
    "message",
    [
        {"content": "Hi", "reasoning_content": "Hm"},
        {"content": "Hi", "reasoning": "Hm"},
        {"content": [{"type": "thinking", "thinking": "Hm"}, {"type": "text", "text": "Hi"}]},
    ],
)
def test_earlier_thoughts_are_parts(message: dict[str, Any]) -> None:
    assert parts({"role": "assistant", **message}) == (ReasoningPart("Hm"), TextPart("Hi"))


TEXTS = st.text(max_size=3) | st.sampled_from(["\ud800", "[", " \n"])
MESSAGES = st.fixed_dictionaries(
    {"role": st.sampled_from(["system", "developer", "user", "assistant"]), "content": TEXTS},
    optional={"name": st.just("n"), "tool_calls": st.just([])},
)
PICTURE = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x.y/z"}}]}


@given(st.lists(MESSAGES, min_size=1, max_size=4))
def test_prose_is_read_as_any_messages_are(messages: list[dict[str, Any]]) -> None:
    alone, beside = request({"messages": messages}), request({"messages": [*messages, PICTURE]})
    assert alone.messages == beside.messages[:-1]
    assert not beside.is_prose
    is_plain = all(len(each) == 2 and each["content"] != "\ud800" for each in messages)
    assert alone.is_prose is is_plain


def test_results_know_the_name_of_their_call() -> None:
    found = request(MATRIX["two_calls"]).messages
    assert [part.name for message in found for part in message.parts if isinstance(part, ToolResult)] == [
        "get_weather",
        "get_time",
    ]
