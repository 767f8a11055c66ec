"""What Converse's events and blocks mean, in streams and in whole replies."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from converse_replies import BEGIN, CLAUDE, TOKENS, USAGE, delta, end, event, start, stop, streamed, whole
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
from penstock.dialects.bedrock.provider import reply as bedrock_reply
from penstock.dialects.dialect import WriteContext

NOVA = WriteContext("amazon.nova", traits=Traits(family="nova", owner=Owner.AMAZON))


METRICS = Extra("metrics", {"latencyMs": 7})


def ending(native: str = "end_turn", reason: str = "stop") -> list[Event]:
    return [Stop(reason, native), METRICS, TOKENS]


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
        Stop("stop", "end_turn", sequence="END"),
        Extra("serviceTier", {"type": "flex"}),
        Extra("performanceConfig", {"latency": "standard"}),
        TOKENS,
    ]


@pytest.mark.parametrize(
    ("native", "reason"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("tool_use", "tool_calls"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("guardrail_intervened", "content_filter"),
        ("content_filtered", "content_filter"),
        ("bored", "bored"),
    ],
)
def test_why_an_answer_ended(native: str, reason: str) -> None:
    assert collect(streamed(BEGIN + end(native))).choice(0).stop == Stop(reason, native)
    assert collect(whole(reason=native)).choice(0).stop == Stop(reason, native)


@pytest.mark.parametrize("native", ["malformed_model_output", "malformed_tool_use"])
def test_output_that_bedrock_cant_read_is_an_error(native: str) -> None:
    for events in (streamed(BEGIN + end(native)), whole(reason=native)):
        failure = collect(events).failure
        assert failure is not None
        assert (failure.type, failure.status, native in failure.message) == (native, 502, True)


def test_no_reason_is_none() -> None:
    assert collect(whole(reason="")).choice(0).stop is None


def test_an_answer_without_counts_is_one() -> None:
    data = BEGIN + delta(0, text="Hi") + event("messageStop", stopReason="end_turn")
    assert streamed(data) == [Text("Hi"), Stop("stop", "end_turn")]
    assert streamed(data + event("metadata", usage=USAGE)[:-2]) == [Text("Hi"), Stop("stop", "end_turn")]


def test_blocks_that_are_held_back_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bedrock_reply, "MAX_FRAME", 1000)
    data = BEGIN + b"".join(delta(0, image={"source": {"bytes": "AAAA" * 50}}) for _ in range(9))
    (found,) = streamed(data)
    assert isinstance(found, Fail)
    assert found.broken


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
