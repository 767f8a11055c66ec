"""Events written as a completion."""

from __future__ import annotations

from answering import CALLS, CAPTION, DETAILS, LOOSE, THOUGHTS, message, plain
from penstock.core.events import (
    Fail,
    Start,
    Stop,
    Text,
    ToolArgs,
    ToolStart,
)
from penstock.core.usage import Usage
from penstock.dialects.openai.caller.chunks import ChunkWriter


def test_a_plain_answer() -> None:
    found = plain([Start("msg_1", "real-model", 7), Text("Hel"), Text("lo"), Stop("stop", "end_turn"), Usage(3, 2)])
    assert found == {
        "id": "msg_1",
        "object": "chat.completion",
        "created": 7,
        "model": "real-model",
        "provider": "unit",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hello", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
    }


def test_what_the_provider_does_not_say_the_caption_says() -> None:
    found = plain([Text("x")])
    assert (found["id"], found["model"], found["created"]) == ("chatcmpl-1", "asked-model", 1700000000)
    assert "usage" not in found
    assert found["choices"][0]["finish_reason"] is None


def test_tool_calls() -> None:
    found = message(CALLS)
    assert found["content"] == "Look:"
    first, second = found["tool_calls"]
    assert first == {
        "id": "call_a",
        "type": "function",
        "function": {"name": "weather", "arguments": '{"city":"Rome"}'},
    }
    assert second["function"] == {"name": "time", "arguments": "{}"}, "a call without arguments has none"
    assert plain(CALLS)["choices"][0]["finish_reason"] == "tool_calls"
    assert plain(CALLS, LOOSE)["choices"][0]["finish_reason"] == "STOP"


def test_no_content_beside_tool_calls_is_null() -> None:
    assert message([ToolStart(0, "f", "c"), ToolArgs("{}", 0)])["content"] is None


def test_reasoning_in_both_shapes() -> None:
    strict, loose = message(THOUGHTS), message(THOUGHTS, LOOSE)
    assert strict["reasoning_content"] == "Hmm.More." == loose["reasoning_content"]
    assert strict["reasoning_details"] == DETAILS == loose["reasoning_details"]
    assert "content_blocks" not in strict
    assert loose["content_blocks"] == [
        {"type": "thinking", "thinking": "Hmm.", "signature": "sig"},
        {"type": "redacted_thinking", "data": "enc"},
        {"type": "thinking", "thinking": "More."},
        {"type": "text", "text": "Hi"},
    ]


def test_a_failure_is_remembered() -> None:
    writer = ChunkWriter(CAPTION)
    writer.write([Text("x"), Fail("broke", broken=True)])
    assert writer.failed == Fail("broke", broken=True)
