"""A whole reply as Converse's; its stream says the same."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from converse_caller import CAPTION, blocks, plain, streamed
from penstock.core.chat import Owner
from penstock.core.events import Citation, Event, Media, Refusal, Stop, Text, Thinking, ToolArgs, ToolStart, collect
from penstock.core.failure import Failure
from penstock.core.usage import Usage
from penstock.dialects.bedrock.caller.reply import write_reply
from penstock.dialects.bedrock.relay.reshape import to_plain

URL = "https://x.org"


def test_all_of_a_reply() -> None:
    told = plain(Text("Hi"), Stop("stop"), Usage(13, 2, 15, 4, 6))
    assert told == {
        "output": {"message": {"role": "assistant", "content": [{"text": "Hi"}]}},
        "stopReason": "end_turn",
        "usage": {
            "inputTokens": 3,
            "outputTokens": 2,
            "totalTokens": 15,
            "cacheReadInputTokens": 4,
            "cacheWriteInputTokens": 6,
        },
        "metrics": {"latencyMs": 250},
    }


def test_an_empty_answer_has_all_members() -> None:
    told = plain()
    assert (blocks(told), told["stopReason"]) == ([], "unknown")
    assert told["usage"] == {"inputTokens": 0, "outputTokens": 0, "totalTokens": 0}


def test_blocks_in_their_order() -> None:
    told = plain(
        Thinking("hm", "sig", owner=Owner.ANTHROPIC, block=0),
        Thinking(data="secret", owner=Owner.ANTHROPIC, block=1),
        Text("a", block=2),
        ToolStart(0, "f", "t1"),
        ToolArgs('{"a": 1e400}', 0),
        Text("b", block=3),
        Citation({}, URL, "X", block=3),
        Media("image/png", "AA==", block=4),
        Media("audio/wav", "AA==", block=5),
        Refusal("no"),
        Stop("tool_calls"),
    )
    text = json.dumps(blocks(told))
    assert [next(iter(block)) for block in blocks(told)] == [
        "reasoningContent", "reasoningContent", "text", "toolUse", "citationsContent", "image", "text", "text",
    ]  # fmt: skip
    assert '"redactedContent": "c2VjcmV0"' in text
    assert '"signature": "sig"' in text


def test_arguments_keep_their_digits() -> None:
    written = write_reply(collect([ToolStart(0, "f", "t"), ToolArgs('{"a": 1.10}', 0)]), CAPTION)
    assert isinstance(written, bytes)
    assert b'"input":{"a": 1.10}' in written


def test_what_other_makers_signed_is_in_envelopes() -> None:
    told = plain(
        Thinking("hm", "enc", owner=Owner.OPENAI), ToolStart(0, "f", "t", "sig", Owner.GOOGLE), Stop("tool_calls")
    )
    thought, before, call = blocks(told)
    for block in (thought, before):
        assert block["reasoningContent"]["reasoningText"]["signature"].startswith("cG5zdGsx")
    assert call["toolUse"]["input"] == {}


@pytest.mark.parametrize("arguments", ["{", "[]", "text"])
def test_broken_arguments_are_a_failure(arguments: str) -> None:
    events: list[Event] = [ToolStart(0, "f"), ToolArgs(arguments, 0), Stop("tool_calls")]
    assert isinstance(write_reply(collect(events), CAPTION), Failure)
    assert blocks(plain(*events[:2], Stop("length"))) == []


WORDS = st.sampled_from(["a", "é", "", "\n"])
EVENTS = st.one_of(
    st.builds(Text, WORDS, st.just(0), st.integers(0, 2)),
    st.builds(Thinking, WORDS, st.sampled_from(["", "s"]), block=st.integers(3, 4), owner=st.just(Owner.ANTHROPIC)),
)


@given(st.lists(EVENTS, max_size=8), st.booleans())
def test_a_stream_says_the_same(events: list[Event], calls: bool) -> None:
    # A block's events stand together, as all providers tell them.
    events = sorted(events, key=lambda event: getattr(event, "block", 0))
    made: list[Event] = [ToolStart(0, "f", "t"), ToolArgs('{"a":', 0), ToolArgs("1}", 0)] if calls else []
    whole = [*events, *made, Stop("stop"), Usage(3, 2, 5)]
    shown = to_plain(streamed(*whole))
    assert shown is not None
    one, other = json.loads(shown), plain(*whole)
    assert (one["stopReason"], one["usage"]) == (other["stopReason"], other["usage"])
    assert [block for block in one["output"]["message"]["content"] if block != {"text": ""}] == [
        block for block in blocks(other) if block != {"reasoningContent": {"reasoningText": {"text": ""}}}
    ]
