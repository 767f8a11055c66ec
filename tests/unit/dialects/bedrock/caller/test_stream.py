"""Converse's stream: its grammar, whatever the provider does."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from converse_caller import CAPTION, parsed, streamed
from penstock.core.chat import Owner
from penstock.core.events import Citation, Event, Foreign, Media, Refusal, Stop, Text, Thinking, ToolArgs, ToolStart
from penstock.core.usage import Usage
from penstock.dialects.bedrock.caller.stream import ConverseWriter


def test_the_events_of_a_stream() -> None:
    told = parsed(
        streamed(Text("H"), Text("i"), ToolStart(0, "f", "t"), ToolArgs('{"a":1}', 0), Stop("stop"), Usage(3, 2))
    )
    assert told == [
        ("messageStart", {"role": "assistant"}),
        ("contentBlockDelta", {"delta": {"text": "H"}, "contentBlockIndex": 0}),
        ("contentBlockDelta", {"delta": {"text": "i"}, "contentBlockIndex": 0}),
        ("contentBlockStop", {"contentBlockIndex": 0}),
        ("contentBlockStart", {"start": {"toolUse": {"toolUseId": "t", "name": "f"}}, "contentBlockIndex": 1}),
        ("contentBlockDelta", {"delta": {"toolUse": {"input": '{"a":1}'}}, "contentBlockIndex": 1}),
        ("contentBlockStop", {"contentBlockIndex": 1}),
        ("messageStop", {"stopReason": "tool_use"}),
        ("metadata", {"usage": {"inputTokens": 3, "outputTokens": 2, "totalTokens": 5}, "metrics": {"latencyMs": 250}}),
    ]  # fmt: skip


def test_thoughts_sources_and_images() -> None:
    told = parsed(
        streamed(
            Thinking("hm", owner=Owner.ANTHROPIC),
            Thinking(signature="sig", owner=Owner.ANTHROPIC),
            Thinking(data="x", owner=Owner.ANTHROPIC, block=1),
            Text("a", block=2),
            Citation({}, "https://x.org", "X", block=2),
            Media("image/png", "AA==", block=3),
            Media("audio/wav", "AA==", block=4),
            Stop("stop"),
        )
    )
    kinds = [next(iter(value["delta"])) for name, value in told if name == "contentBlockDelta"]
    assert kinds == ["reasoningContent"] * 3 + ["text", "citation", "image", "text"]


def test_a_call_that_can_not_be_told_fails() -> None:
    writer = ConverseWriter(CAPTION)
    sent = writer.write([ToolStart(0, "f"), ToolArgs("{", 0), Stop("stop")]) + writer.finish()
    assert writer.failed is not None
    assert b"messageStop" not in sent


WORDS = st.sampled_from(["", "a", "é"])
ANY = st.one_of(
    st.builds(Text, WORDS, st.integers(0, 1), st.integers(0, 3)),
    st.builds(Thinking, WORDS, WORDS, WORDS, st.sampled_from(["", "anthropic", "openai"]), block=st.integers(0, 3)),
    st.builds(ToolArgs, st.sampled_from(["{", "}", '{"a": 1}', "", " ", "x"]), st.integers(0, 3)),
    st.builds(ToolStart, st.integers(0, 3), WORDS, WORDS),
    st.builds(Refusal, WORDS),
    st.builds(Citation, st.just({}), WORDS),
    st.builds(Media, st.sampled_from(["image/png", "x/y"]), WORDS),
    st.builds(Foreign, st.just({"type": "server_tool_use"})),
    st.builds(Stop, st.sampled_from(["stop", "length"])),
)


@given(st.lists(ANY, max_size=15))
def test_any_events_make_a_stream_in_order(events: list[Event]) -> None:
    writer = ConverseWriter(CAPTION)
    sent = b"".join(writer.write([event]) for event in events) + writer.finish()
    told = parsed(sent)
    assert told[0] == ("messageStart", {"role": "assistant"})
    ended = -1
    for name, value in told[1:]:
        index = value.get("contentBlockIndex")
        if index is not None:
            assert index == ended + 1
            ended += name == "contentBlockStop"
    names = [name for name, _ in told]
    assert (names[-2:] == ["messageStop", "metadata"]) == (writer.failed is None)
