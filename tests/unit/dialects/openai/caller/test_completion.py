"""Events written as a completion."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from answering import CALLS, CAPTION, DETAILS, LOOSE, THOUGHTS, message, plain
from penstock.core.events import (
    Event,
    Extra,
    Fail,
    Refusal,
    Start,
    Stop,
    Text,
    Thinking,
    ToolArgs,
    ToolStart,
    collect,
    plain_reply,
)
from penstock.core.usage import Usage
from penstock.dialects.caller import Verdict
from penstock.dialects.openai.caller.chunks import ChunkWriter
from penstock.dialects.openai.caller.completion import completion, plain_completion, verdict
from penstock.dialects.openai.relay.judge import judge


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


COUNT = st.none() | st.integers(0, 9)
CHOICE_EVENTS = st.one_of(
    st.builds(Text, st.sampled_from(["", "Hi"]), st.integers(0, 1)),
    st.builds(Refusal, st.sampled_from(["", "No"]), st.integers(0, 1)),
    st.builds(Thinking, st.sampled_from(["", "Hm"])),
    st.builds(Stop, st.sampled_from(["stop", "length", "pause_turn", "error", "tool_calls"]), choice=st.integers(0, 1)),
    st.builds(ToolStart, st.just(0), st.just("f"), choice=st.integers(0, 1)),
    st.builds(Extra, st.sampled_from(["service_tier", "error", "x"]), st.sampled_from(["priority", None])),
    st.builds(Usage, *[COUNT] * 8, native=st.just({"a": 1})),
)


TEXT_EVENTS = st.one_of(
    st.builds(Start, st.sampled_from(["", "id"]), st.sampled_from(["", "m"]), st.integers(0, 1)),
    st.builds(Text, st.sampled_from(["", "Hi", "\ud800"]), block=st.integers(0, 1)),
    CHOICE_EVENTS,
)


@given(st.lists(CHOICE_EVENTS, max_size=7), st.booleans())
def test_what_a_completion_is_without_reading_it(events: list[Event], strict: bool) -> None:
    reply, caption = collect(events), msgspec.structs.replace(CAPTION, strict=strict)
    told = verdict(reply, caption)
    assert told is None or told == msgspec.structs.replace(judge(completion(reply, caption), "unit", True), usage=None)


@given(st.lists(TEXT_EVENTS, max_size=5), st.booleans())
def test_a_reply_that_is_text_alone_is_written_as_any_other(events: list[Event], strict: bool) -> None:
    caption = msgspec.structs.replace(CAPTION, strict=strict)
    text = plain_reply(events)
    written = None if text is None else plain_completion(text, caption)
    if written is None:
        assert not strict or text is None
    else:
        reply = collect(events)
        assert (written.body, written.verdict) == (completion(reply, caption), verdict(reply, caption))
        assert text is not None
        assert text.usage == reply.usage


def test_a_good_answer_need_not_be_read() -> None:
    told = verdict(collect([Text("Hi"), Stop("stop"), Usage(3, 2)]), CAPTION)
    assert told == Verdict(is_complete=True)


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
