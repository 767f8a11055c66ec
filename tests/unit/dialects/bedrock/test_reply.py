"""Converse's replies, whole and streamed, as events: what recordings of real traffic showed, and what they didn't."""

from __future__ import annotations

import base64
import itertools
import json
import struct
import zlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.core.chat import Owner
from penstock.core.events import (
    Citation,
    Event,
    Extra,
    Fail,
    Foreign,
    Media,
    Stop,
    Text,
    Thinking,
    ToolArgs,
    ToolStart,
    collect,
)
from penstock.core.traits import Traits
from penstock.core.usage import Usage
from penstock.dialects.bedrock import DIALECT
from penstock.dialects.bedrock import reply as bedrock_reply
from penstock.dialects.dialect import WriteContext

CLAUDE = WriteContext("anthropic.claude", traits=Traits(family="claude", owner=Owner.ANTHROPIC))
NOVA = WriteContext("amazon.nova", traits=Traits(family="nova", owner=Owner.AMAZON))
USAGE = {"inputTokens": 10, "outputTokens": 5, "totalTokens": 15}
TOKENS = Usage(10, 5, 15, native=USAGE)
METRICS = Extra("metrics", {"latencyMs": 7})


def frame(payload: bytes, **headers: str) -> bytes:
    """One frame; header names without their colon, dashes as underscores."""
    block = b"".join(
        struct.pack(">B", len(name) + 1) + f":{name.replace('_', '-')}".encode() + b"\x07"
        + struct.pack(">H", len(value)) + value.encode()
        for name, value in headers.items()
    )  # fmt: skip
    lengths = struct.pack(">II", len(block) + len(payload) + 16, len(block))
    unsigned = lengths + struct.pack(">I", zlib.crc32(lengths)) + block + payload
    return unsigned + struct.pack(">I", zlib.crc32(unsigned))


def event(kind: str, **members: Any) -> bytes:
    """An event as it is framed. docs/quirks.md#q58: with padding, which says nothing."""
    payload = json.dumps({**members, "p": "abcdefghijk"}).encode()
    return frame(payload, event_type=kind, content_type="application/json", message_type="event")


def start(index: int, **kind: Any) -> bytes:
    return event("contentBlockStart", contentBlockIndex=index, start=kind)


def delta(index: int, **kind: Any) -> bytes:
    return event("contentBlockDelta", contentBlockIndex=index, delta=kind)


def stop(index: int) -> bytes:
    return event("contentBlockStop", contentBlockIndex=index)


def end(reason: str = "end_turn", **members: Any) -> bytes:
    """The end of a message, and what comes after it. docs/quirks.md#q57: the counts."""
    return event("messageStop", stopReason=reason) + event("metadata", usage=USAGE, metrics={"latencyMs": 7}, **members)


BEGIN = event("messageStart", role="assistant")


def ending(native: str = "end_turn", reason: str = "stop") -> list[Event]:
    return [Stop(reason, native), METRICS, TOKENS]


def streamed(data: bytes, context: WriteContext = CLAUDE, cuts: list[int] | None = None) -> list[Event]:
    reader = DIALECT.reader(context)
    bounds = [0, *(cuts or []), len(data)]
    found = [event for a, b in itertools.pairwise(bounds) for event in reader.feed(data[a:b])]
    return [*found, *reader.finish()]


def whole(*content: Any, context: WriteContext = CLAUDE, reason: str = "end_turn", **members: Any) -> list[Event]:
    output = {"message": {"role": "assistant", "content": list(content)}}
    body = {"metrics": {"latencyMs": 7}, "output": output, "stopReason": reason, "usage": USAGE, **members}
    return DIALECT.read_reply(json.dumps(body).encode(), context)


def merged(events: list[Event]) -> Any:
    """A reply apart from how its text was cut."""
    reply = collect(events)
    choice = reply.choice(0)
    text = {
        block: "".join(event.text for event in found if isinstance(event, Text | Thinking))
        for block, found in choice.blocks.items()
    }
    rest = {
        block: [event for event in found if not isinstance(event, Text) and not getattr(event, "text", "")]
        for block, found in choice.blocks.items()
    }
    calls = [(call.id, call.name, json.loads(call.arguments or "{}")) for call in choice.calls]
    return text, rest, calls, choice.stop, reply.usage, reply.extras


# Streams.


def test_text_has_no_start_of_its_own() -> None:  # docs/quirks.md#q56, #q57, #q58
    data = BEGIN + delta(0, text="Hel") + delta(0, text="") + delta(0, text="lo") + stop(0) + end()
    assert streamed(data) == [Text("Hel"), Text("lo"), *ending()]


def test_blocks_keep_their_numbers_whatever_is_empty() -> None:  # docs/quirks.md#q56
    data = BEGIN + delta(0, text="") + stop(0) + delta(1, reasoningContent={"text": "Hm."}) + stop(1)
    data += delta(2, text="Hi") + stop(2) + end()
    assert streamed(data) == [Thinking("Hm.", owner="anthropic", block=1), Text("Hi", block=2), *ending()]


def test_calls_are_counted_apart_from_blocks() -> None:
    data = BEGIN + delta(0, text="Let me see.") + stop(0)
    data += start(1, toolUse={"name": "get_weather", "toolUseId": "tooluse_1"}) + delta(1, toolUse={"input": ""})
    data += delta(1, toolUse={"input": '{"city":'}) + delta(1, toolUse={"input": '"Rome"}'}) + stop(1)
    data += start(2, toolUse={"name": "get_time", "toolUseId": "tooluse_2", "type": None}) + stop(2) + end("tool_use")
    assert streamed(data) == [
        Text("Let me see."),
        ToolStart(0, "get_weather", "tooluse_1"),
        ToolArgs('{"city":', 0),
        ToolArgs('"Rome"}', 0),
        ToolStart(1, "get_time", "tooluse_2"),
        *ending("tool_use", "tool_calls"),
    ]


def test_tools_of_the_provider_are_none_of_the_callers() -> None:  # docs/quirks.md#q59
    own = {"name": "nova_code_interpreter", "toolUseId": "t1", "type": "server_tool_use"}
    answer = {"toolUseId": "t1", "type": "nova_code_interpreter_result", "status": "success"}
    data = BEGIN + start(0, toolUse=own) + delta(0, toolUse={"input": '{"snippet":'})
    data += delta(0, toolUse={"input": '"1+1"}'}) + stop(0) + start(1, toolResult=answer)
    data += delta(1, toolResult=[{"text": "tw"}]) + delta(1, toolResult=[{"text": "o"}, {"json": {"exitCode": 0}}])
    data += stop(1) + start(2, toolUse={"name": "final", "toolUseId": "t2", "type": "tool_use"})
    data += delta(2, toolUse={"input": '{"result":2.0}'}) + stop(2) + end("tool_use")
    called = {"toolUse": {**own, "input": {"snippet": "1+1"}}}
    answered = {"toolResult": {**answer, "content": [{"text": "two"}, {"json": {"exitCode": 0}}]}}
    assert streamed(data, NOVA) == [
        Foreign(called),
        Foreign(answered, block=1),
        ToolStart(0, "final", "t2"),
        ToolArgs('{"result":2.0}', 0),
        *ending("tool_use", "tool_calls"),
    ]
    final = {"toolUse": {"name": "final", "toolUseId": "t2", "type": "tool_use", "input": {"result": 2.0}}}
    assert merged(whole(called, answered, final, context=NOVA, reason="tool_use")) == merged(streamed(data, NOVA))


def test_redacted_reasoning_is_told_as_its_maker_has_it() -> None:  # docs/quirks.md#q60
    sent = base64.b64encode(b"EtkECkgIBx==").decode()
    data = BEGIN + delta(0, reasoningContent={"redactedContent": sent}) + stop(0) + end()
    expected = [Thinking(data="EtkECkgIBx==", owner="anthropic"), *ending()]
    assert streamed(data) == expected
    assert merged(whole({"reasoningContent": {"redactedContent": sent}})) == merged(expected)
    assert streamed(data, NOVA)[0] == Thinking(data=sent, owner="amazon")
    for odd in ("!", base64.b64encode(b"\xff").decode()):
        assert whole({"reasoningContent": {"redactedContent": odd}})[0] == Thinking(data=odd, owner="anthropic")


def test_redacted_reasoning_in_pieces_is_one() -> None:
    pieces = [base64.b64encode(piece).decode() for piece in (b"EtkE", b"Ckg=")]
    data = BEGIN + b"".join(delta(0, reasoningContent={"redactedContent": piece}) for piece in pieces) + end()
    assert streamed(data)[0] == Thinking(data="EtkECkg=", owner="anthropic")


def test_reasoning_is_signed_at_its_end() -> None:
    data = BEGIN + delta(0, reasoningContent={"text": "Let"}) + delta(0, reasoningContent={"text": " me"})
    data += delta(0, reasoningContent={"signature": "c2ln"}) + stop(0) + delta(1, text="Hi") + end()
    assert streamed(data)[:3] == [
        Thinking("Let", owner="anthropic"),
        Thinking(" me", owner="anthropic"),
        Thinking("", "c2ln", owner="anthropic"),
    ]
    signed = {"reasoningContent": {"reasoningText": {"text": "Let me", "signature": "c2ln"}}}
    assert whole(signed)[0] == Thinking("Let me", "c2ln", owner="anthropic")


def test_ids_of_calls_are_whatever_their_maker_likes() -> None:  # docs/quirks.md#q61
    kimi = WriteContext("moonshot.kimi-k2-thinking", traits=Traits(family="kimi"))
    thought = {"reasoningContent": {"reasoningText": {"text": " Look it up."}}}
    used = {"toolUse": {"input": {"city": "London"}, "name": "f", "toolUseId": "functions.f:0"}}
    assert whole(thought, used, context=kimi, reason="tool_use")[:3] == [
        Thinking(" Look it up."),
        ToolStart(0, "f", "functions.f:0"),
        ToolArgs('{"city": "London"}', 0),
    ]


def test_what_nova_thinks_aloud_stays_text() -> None:  # docs/quirks.md#q62
    text = "<thinking> I need the capital. </thinking>\n"
    used = {"toolUse": {"input": {}, "name": "get_capital", "toolUseId": "tooluse_1"}}
    found = whole({"text": text}, used, context=NOVA, reason="tool_use")
    assert found[:3] == [Text(text), ToolStart(0, "get_capital", "tooluse_1"), ToolArgs("{}", 0)]


def test_a_guardrail_says_why() -> None:  # docs/quirks.md#q63
    trace = {"guardrail": {"modelOutput": ["x"]}}
    data = BEGIN + delta(0, text="{ADDRESS}") + stop(0) + end("guardrail_intervened", trace=trace)
    stopped = Stop("content_filter", "guardrail_intervened")
    assert streamed(data) == [Text("{ADDRESS}"), stopped, METRICS, Extra("trace", trace), TOKENS]
    assert merged(whole({"text": "{ADDRESS}"}, reason="guardrail_intervened", trace=trace)) == merged(streamed(data))


def test_the_prompt_includes_what_the_cache_knew() -> None:  # docs/quirks.md#q64
    usage = {**USAGE, "inputTokens": 3, "cacheReadInputTokens": 1712, "cacheWriteInputTokens": 236, "totalTokens": 1956}
    assert collect(whole(usage=usage)).usage == Usage(1951, 5, 1956, 1712, 236, native=usage)
    partial = {"inputTokens": 3, "outputTokens": 5, "cacheReadInputTokens": 2}
    assert collect(whole(usage=partial)).usage == Usage(5, 5, 10, 2, native=partial)
    odd = {"inputTokens": True, "outputTokens": "5"}
    assert collect(whole(usage=odd)).usage == Usage(native=odd)
    assert collect(whole(usage=None)).usage is None


def test_a_citation_is_of_the_whole_block_it_stands_in() -> None:  # docs/quirks.md#q65
    place = {"documentChar": {"documentIndex": 0, "start": 0, "end": 47}}
    cited = {"location": place, "sourceContent": [{"text": "Thirty days."}], "title": "Document 1"}
    found = {"location": {"web": {"url": "https://example.com"}}, "title": "Example"}
    searched = {"source": "https://example.org/a", "location": {"searchResultLocation": {"start": 0}}}
    data = BEGIN + delta(0, citation=cited) + delta(0, text="Thirty") + delta(0, text=" days.") + stop(0)
    data += delta(1, text="Yes.") + delta(1, citation=found) + delta(1, citation=searched) + stop(1) + end()
    expected = [
        Text("Thirty"),
        Text(" days."),
        Citation(cited, "", "Document 1"),
        Text("Yes.", block=1),
        Citation(found, "https://example.com", "Example", block=1),
        Citation(searched, "https://example.org/a", block=1),
        *ending(),
    ]
    assert streamed(data) == expected
    blocks = [
        {"citationsContent": {"content": [{"text": "Thirty days."}], "citations": [cited]}},
        {"citationsContent": {"content": [{"text": "Yes."}], "citations": [found, searched]}},
    ]
    assert merged(whole(*blocks)) == merged(expected)


def test_an_image_comes_whole() -> None:
    data = BEGIN + start(0, image={"format": "png"}) + delta(0, image={"source": {"bytes": "AAE="}})
    data += delta(0, image={"source": {"bytes": "Ag=="}}) + stop(0) + end()
    assert streamed(data)[0] == Media("image/png", "AAEC")
    assert whole({"image": {"format": "png", "source": {"bytes": "AAEC"}}})[0] == Media("image/png", "AAEC")
    stored = {"video": {"format": "three_gp", "source": {"s3Location": {"uri": "s3://b/v"}}}}
    assert whole(stored)[0] == Media("video/3gpp", url="s3://b/v")
    sound = {"audio": {"format": "x-aac", "source": {"bytes": "AAEC"}}}
    assert whole(sound)[0] == Media("audio/x-aac", "AAEC")


def test_an_image_that_failed_is_told_as_it_is() -> None:
    error = {"error": {"message": "too rude"}}
    data = BEGIN + start(0, image={"format": "png"}) + delta(0, image=error) + stop(0) + end()
    assert streamed(data)[0] == Foreign({"image": {"format": "png", **error}})
    odd = delta(0, image={"source": {"bytes": "A"}}) + delta(0, image={"source": {"bytes": "B"}})
    assert streamed(BEGIN + odd + end())[0] == Foreign({"image": {"source": {"bytes": "AB"}}})


def test_blocks_without_an_end_are_told_when_the_message_ends() -> None:
    data = BEGIN + start(3, toolUse={"name": "s", "toolUseId": "t", "type": "server_tool_use"})
    data += delta(3, toolUse={"input": "{broken"}) + start(1, hologram={"size": 1}) + end()
    used = {"toolUse": {"name": "s", "toolUseId": "t", "type": "server_tool_use", "input": "{broken"}}
    assert streamed(data) == [Foreign({"hologram": {"size": 1}}, block=1), Foreign(used, block=3), *ending()]


def test_what_nobody_knows_is_kept() -> None:
    data = BEGIN + delta(0, hologram={"x": 1}) + event("heartbeat") + event("weather", sunny=True)
    data += event("contentBlockAside", contentBlockIndex=2, aside="psst")
    data += event("messageStop", stopReason="end_turn", additionalModelResponseFields={"/stop_sequence": "END"})
    data += event("metadata", usage=USAGE, serviceTier={"type": "flex"}, performanceConfig={"latency": "standard"})
    assert streamed(data) == [
        Foreign({"hologram": {"x": 1}}),
        Extra("weather", {"sunny": True}),
        Foreign({"contentBlockAside": {"contentBlockIndex": 2, "aside": "psst"}}, block=2),
        Extra("additionalModelResponseFields", {"/stop_sequence": "END"}),
        Stop("stop", "end_turn"),
        Extra("serviceTier", {"type": "flex"}),
        Extra("performanceConfig", {"latency": "standard"}),
        TOKENS,
    ]


@pytest.mark.parametrize(
    ("native", "reason"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("malformed_model_output", "stop"),
        ("malformed_tool_use", "stop"),
        ("tool_use", "tool_calls"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("guardrail_intervened", "content_filter"),
        ("content_filtered", "content_filter"),
        ("bored", "stop"),
        ("", "stop"),
    ],
)
def test_why_an_answer_ended(native: str, reason: str) -> None:
    assert collect(streamed(BEGIN + end(native))).choice(0).stop == Stop(reason, native)
    assert collect(whole(reason=native)).choice(0).stop == Stop(reason, native)


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("internalServerException", 500),
        ("modelStreamErrorException", 424),
        ("validationException", 400),
        ("throttlingException", 429),
        ("serviceUnavailableException", 503),
        ("modelTimeoutException", 408),
        ("newException", 0),
    ],
)
def test_an_exception_ends_the_stream(kind: str, status: int) -> None:
    payload = b'{"message":"Not now."}'
    raised = frame(payload, exception_type=kind, content_type="application/json", message_type="exception")
    data = BEGIN + delta(0, text="Hel") + raised
    expected = [Text("Hel"), Fail("Not now.", kind, "", status, payload)]
    assert streamed(data + delta(0, text="lo")) == expected
    assert streamed(data, cuts=list(range(1, len(data)))) == expected


def test_an_error_is_told_in_headers() -> None:
    told = frame(b"", message_type="error", error_code="InternalFailure", error_message="Something broke.")
    assert streamed(told) == [Fail("Something broke.", "InternalFailure")]
    silent = frame(b"[1", message_type="exception", exception_type="validationException")
    (failed,) = streamed(silent)
    assert failed == Fail("the provider tells of an error without a message", "validationException", "", 400, b"[1")


def test_an_error_in_place_of_a_whole_reply() -> None:  # docs/quirks.md#q66
    raw = b'{"message":"Too many requests, please wait before trying again."}'
    assert DIALECT.read_reply(raw, CLAUDE) == [Fail("Too many requests, please wait before trying again.", raw=raw)]


def test_streams_that_break() -> None:
    good = BEGIN + delta(0, text="Hi")
    for data, reason in (
        (b"", "ended before"),
        (good, "ended before"),
        (good + stop(0)[:-3], "cut off"),
        (good + b"\x00" * 16, "can't be read"),
        (good + frame(b"{", event_type="contentBlockDelta"), "no JSON object"),
        (good + frame(b"[]", event_type="contentBlockDelta"), "no JSON object"),
        (good + delta(4, toolUse={"input": "{}"}) + end(), "never began"),
    ):
        found = streamed(data)
        assert isinstance(found[-1], Fail)
        assert found[-1].broken
        assert reason in found[-1].message
        assert found[:-1] == ([Text("Hi")] if data else [])
        assert streamed(data, cuts=list(range(1, len(data)))) == found


def test_an_answer_without_counts_is_one() -> None:
    data = BEGIN + delta(0, text="Hi") + event("messageStop", stopReason="end_turn")
    assert streamed(data) == [Text("Hi"), Stop("stop", "end_turn")]
    assert streamed(data + event("metadata", usage=USAGE)[:-2]) == [Text("Hi"), Stop("stop", "end_turn")]


def test_a_reader_that_has_ended_says_nothing_more() -> None:
    reader = DIALECT.reader(CLAUDE)
    assert reader.feed(b"\x00" * 16)
    assert reader.feed(BEGIN) == []
    assert reader.finish() == []


def test_blocks_that_are_held_back_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bedrock_reply, "MAX_FRAME", 1000)
    data = BEGIN + b"".join(delta(0, image={"source": {"bytes": "AAAA" * 50}}) for _ in range(9))
    (found,) = streamed(data)
    assert isinstance(found, Fail)
    assert found.broken


@pytest.mark.parametrize(
    "data", [b"", b"<html>", b"[]", b"{}", b'{"output":{"message":{"content":"x"}}}', b'{"output":1}']
)
def test_replies_that_are_none(data: bytes) -> None:
    (found,) = DIALECT.read_reply(data, CLAUDE)
    assert isinstance(found, Fail)
    assert found.broken
    assert found.raw == data


def test_arguments_keep_their_bytes() -> None:
    arguments = b'{"n": 123456789012345678901234,  "x": 1.10}'
    used = b'{"toolUse":{"toolUseId":"t","name":"f","input":' + arguments + b"}}"
    data = b'{"output":{"message":{"content":[{"text":"Hi"},' + used + b']}},"stopReason":"tool_use"}'
    assert DIALECT.read_reply(data, CLAUDE)[2] == ToolArgs(arguments.decode(), 0)
    # A neighbour of the wrong type costs the bytes, not the call.
    odd = data.replace(b'{"text":"Hi"}', b'{"toolUse":[]}')
    (args,) = (event for event in DIALECT.read_reply(odd, CLAUDE) if isinstance(event, ToolArgs))
    assert json.loads(args.json) == {"n": 123456789012345678901234, "x": 1.1}


def test_arguments_of_odd_types() -> None:
    def used(value: Any) -> list[Event]:
        return whole({"toolUse": {"toolUseId": "t", "name": "f", "input": value}})[1:-3]

    assert used('{"a":1}') == [ToolArgs('{"a":1}', 0)]
    assert used(None) == []
    assert used([1]) == [ToolArgs("[1]", 0)]


# Anything at all.

FULL = (
    BEGIN + delta(0, text="Hi") + stop(0) + delta(1, reasoningContent={"text": "Hm", "signature": "s"})
    + start(2, toolUse={"name": "f", "toolUseId": "t"}) + delta(2, toolUse={"input": "{}"}) + stop(2)
    + start(3, image={"format": "png"}) + delta(3, image={"source": {"bytes": "AAEC"}}) + stop(3)
    + delta(4, citation={"title": "t"}) + delta(4, text="x") + stop(4) + end("tool_use")
)  # fmt: skip

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
BLOCK: dict[str, Any] = {
    "text": "Hi",
    "toolUse": {"name": "f", "toolUseId": "t", "type": "tool_use", "input": {}},
    "toolResult": {"toolUseId": "t", "content": [{"text": "x"}]},
    "reasoningContent": {"reasoningText": {"text": "a", "signature": "b"}, "redactedContent": "YQ=="},
    "citationsContent": {"content": [{"text": "x"}], "citations": [{"location": {"web": {"url": "u"}}, "source": "s"}]},
    "image": {"format": "png", "source": {"bytes": "AAEC", "s3Location": {"uri": "s3://x"}}},
}
EVENTS: dict[str, Any] = {
    "messageStart": {"role": "assistant"},
    "contentBlockStart": {"contentBlockIndex": 0, "start": BLOCK},
    "contentBlockDelta": {
        "contentBlockIndex": 0,
        "delta": {**BLOCK, "toolUse": {"input": "{}"}, "toolResult": [{"text": "x"}], "citation": {"title": "t"}},
    },
    "contentBlockStop": {"contentBlockIndex": 0},
    "messageStop": {"stopReason": "end_turn"},
    "metadata": {"usage": USAGE, "metrics": {}},
}


def paths(value: Any, before: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where every member stands."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [before, *(path for name, each in members for path in paths(each, (*before, name)))]


def replaced(value: Any, path: tuple[Any, ...], odd: Any) -> Any:
    """The value with something else at one place."""
    if not path:
        return odd
    copy = list(value) if isinstance(value, list) else dict(value)
    copy[path[0]] = replaced(value[path[0]], path[1:], odd)
    return copy


@settings(max_examples=60)
@given(cuts=st.lists(st.integers(0, len(FULL)), max_size=5))
def test_any_pieces_give_the_same_events(cuts: list[int]) -> None:
    assert streamed(FULL, cuts=sorted(cuts)) == streamed(FULL)


def test_a_stream_cut_anywhere_is_broken_or_ended() -> None:
    for cut in range(len(FULL)):
        found = streamed(FULL[:cut])
        broken = isinstance(found[-1], Fail) and found[-1].broken
        assert broken != any(isinstance(event, Stop) for event in found)


@settings(max_examples=100)
@given(data=st.binary(max_size=100))
def test_any_bytes_give_events(data: bytes) -> None:
    for found in (streamed(data), DIALECT.read_reply(data, CLAUDE)):
        assert isinstance(found[-1], Fail)


@settings(max_examples=200)
@given(odd=JSON, path=st.sampled_from(paths(EVENTS)[1:]))
def test_any_value_for_any_member_of_a_stream(odd: Any, path: tuple[Any, ...]) -> None:
    events = replaced(EVENTS, path, odd)
    members = [(kind, value) for kind, value in events.items() if isinstance(value, dict)]
    data = b"".join(frame(json.dumps(value).encode(), event_type=kind) for kind, value in members)
    collect(streamed(data))
    assert streamed(data, cuts=[len(data) // 2]) == streamed(data)


@settings(max_examples=200)
@given(odd=JSON, path=st.sampled_from(paths(BLOCK)))
def test_any_value_for_any_member_of_a_reply(odd: Any, path: tuple[Any, ...]) -> None:
    reply = collect(whole(replaced(BLOCK, path, odd)))
    assert reply.usage == TOKENS
    assert reply.failure is None
