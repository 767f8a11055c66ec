"""Streams for Anthropic's callers: one block open at a time, in order."""

from __future__ import annotations

from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from anthropic_caller_replies import CAPTION, CLAUDE, ENDS, WORDS, folded, kinds, parsed, streamed
from penstock.core.chat import Owner
from penstock.core.events import (
    Citation,
    Event,
    Fail,
    Foreign,
    Refusal,
    Start,
    Stop,
    Text,
    Thinking,
    ToolArgs,
    ToolStart,
)
from penstock.core.usage import Usage
from penstock.dialects.anthropic.caller.stream import PING, MessageWriter
from penstock.dialects.anthropic.relay.reshape import to_plain


def test_a_stream() -> None:
    events = streamed(Start("x", "real-model"), Text("Hel"), Text("lo"), Stop("length"), Usage(3, 2, 5))
    assert kinds(events) == [
        "message_start",
        "ping",
        "content_block_start 0 text",
        "content_block_delta 0 text_delta",
        "content_block_delta 0 text_delta",
        "content_block_stop 0",
        "message_delta",
        "message_stop",
    ]
    assert events[0]["message"]["content"] == []
    assert events[0]["message"]["usage"] == {"input_tokens": 0, "output_tokens": 0}
    assert events[6]["delta"] == {"stop_reason": "max_tokens", "stop_sequence": None}
    assert events[6]["usage"]["input_tokens"] == 3


def test_calls_at_once_are_told_one_after_the_other() -> None:
    events = (
        ToolStart(0, "f", "a"),
        ToolStart(1, "g", "b"),
        ToolArgs('{"x', 0),
        ToolArgs('{"y"', 1),
        Text("meanwhile"),
        ToolArgs('": 1}', 0),
        ToolArgs(": 2}", 1),
    )
    assert kinds(streamed(*events)) == [
        "message_start",
        "ping",
        "content_block_start 0 tool_use",
        "content_block_delta 0 input_json_delta",
        "content_block_delta 0 input_json_delta",
        "content_block_stop 0",
        "content_block_start 1 tool_use",
        "content_block_delta 1 input_json_delta",
        "content_block_delta 1 input_json_delta",
        "content_block_stop 1",
        "content_block_start 2 text",
        "content_block_delta 2 text_delta",
        "content_block_stop 2",
        "message_delta",
        "message_stop",
    ]


def test_calls_without_arguments_follow_each_other() -> None:
    content = folded(*(ToolStart(n, "f", str(n)) for n in range(3)), Text("x"))["content"]
    assert [block.get("id", "text") for block in content] == ["0", "1", "2", "text"]


def test_what_waits_is_bounded() -> None:
    writer = MessageWriter(CAPTION)
    writer.write([ToolStart(0, "f", "a")])
    for _ in range(100):
        writer.write([Text("x" * 100_000)])
    assert writer.failed is not None
    assert writer.failed.broken


def test_a_call_that_ended_does_not_go_on() -> None:
    writer = MessageWriter(CAPTION)
    writer.write([ToolStart(0, "f", "a"), ToolArgs("{}", 0), Text("x"), ToolArgs(" ", 0)])
    assert writer.failed is None
    writer.write([ToolArgs("{}", 0)])
    assert writer.failed is not None


def test_a_failure_ends_it() -> None:
    writer = MessageWriter(CAPTION)
    sent = writer.write([Text("x"), Fail("no", "overloaded_error"), Text("y")])
    assert writer.failed == Fail("no", "overloaded_error")
    assert b'"y"' not in sent


ANY_EVENT: Final = st.one_of(
    st.builds(Text, WORDS, st.integers(0, 1), st.integers(0, 3)),
    st.builds(
        Thinking, WORDS, WORDS, WORDS, st.sampled_from(["", CLAUDE, Owner.GOOGLE]), st.just(0), st.integers(0, 3)
    ),
    st.builds(ToolArgs, st.sampled_from(["{", "}", '{"a": 1}', "", " ", "x"]), st.integers(0, 3)),
    st.builds(ToolStart, st.integers(0, 3), WORDS, WORDS),
    st.builds(Refusal, WORDS),
    st.builds(Citation, st.just({}), WORDS),
    st.builds(Foreign, st.just({"type": "server_tool_use", "input": {"a": 1}})),
    ENDS,
)


@given(st.lists(ANY_EVENT, max_size=15))
def test_any_events_make_a_stream_in_order(events: list[Event]) -> None:
    writer = MessageWriter(CAPTION)
    sent = writer.write(events) + writer.finish()
    opened: int | None = None
    following = 0
    told = parsed(sent)
    assert told[0]["type"] == "message_start"
    assert sent.count(PING) == 1
    for event in told:
        match event["type"]:
            case "content_block_start":
                assert opened is None
                assert event["index"] == following
                opened, following = following, following + 1
            case "content_block_delta":
                assert event["index"] == opened
            case "content_block_stop":
                assert event["index"] == opened
                opened = None
            case _:
                pass
    if writer.failed is None:
        assert opened is None
        assert told[-1]["type"] == "message_stop"
        assert to_plain(sent) is not None
    else:
        # Who holds the writer writes the error.
        assert told[-1]["type"] != "message_stop"
